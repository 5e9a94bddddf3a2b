"""`hob tools`: what models may do through `hob chat --tools` and `hob acp`, and which line says so.

Must only read the policy, and never start a daemon. Called by main.py.
"""

from __future__ import annotations

from typing import Any

import click
from hob_client.agent import file_tools, policy_file
from hob_client.agent.journal import journal_path
from hob_client.agent.policy import Permission, Policy
from hob_client.agent.shell import SHELL
from hob_client.agent.values import Kind
from hob_client.errors import HobError

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_table

_MEANING = {
    Permission.ALLOW: "without asking",
    Permission.ONCE: "asks the first time in a session",
    Permission.ASK: "asks every time",
    Permission.DENY: "never",
}


@click.command("tools")
@click.option("--example", is_flag=True, help="Print a policy file with the defaults, to begin with.")
@connection_options
@click.pass_obj
def command(connection: Connection, example: bool) -> None:
    """Show what models may do with tools, and why. Does not start a daemon."""
    if example:
        click.echo(policy_file.EXAMPLE, nl=False)
        return
    policy = policy_file.read_policy()
    told = _told(connection, policy)
    if connection.as_json:
        print_json(told)
        return
    rows = [(_what(row), row["may"], _MEANING[row["may"]], row["because"]) for row in told["rules"]]
    print_table(("WHAT", "MAY", "WHICH IS", "BECAUSE OF"), rows)
    missing = "" if policy.path else " (there is none; `hob tools --example` prints one)"
    print(f"\npolicy   {told['policy']}{missing}")
    print(f"record   {told['record']} (names, decisions and sizes; no text)")
    print(f"limits   {', '.join(f'{name} {value}' for name, value in told['limits'].items())}")
    print(f"network  {told['network']}")
    print(f"writes   commands {told['writes']}")


def _told(connection: Connection, policy: Policy) -> dict[str, Any]:
    limits = policy.limits
    return {
        "policy": policy.path or str(policy_file.policy_path()),
        "record": str(journal_path()),
        "rules": [*_rules(policy), *_servers(policy)],
        "limits": {
            "steps": limits.num_steps,
            "calls": limits.num_calls,
            "repeats": limits.num_repeats,
            "result_characters": limits.result_characters,
            "turn_characters": limits.turn_characters,
            "shell_seconds": policy.shell_seconds,
        },
        "network": _network(connection),
        "writes": "change whatever you may"
        if policy.shell_writes_anywhere
        else "change the working directory and temporary files alone",
    }


def _rules(policy: Policy) -> list[dict[str, Any]]:
    rules = {"read": policy.read, "write": policy.write, "shell": policy.shell, "network": policy.network}
    return [
        {
            "name": name,
            "covers": [spec.name for spec in (*file_tools.SPECS, SHELL) if spec.kind == name]
            or ["servers and commands that use one"],
            "may": rule.permission,
            "because": rule.source,
        }
        for name, rule in rules.items()
    ]


def _servers(policy: Policy) -> list[dict[str, Any]]:
    rows = []
    for server in policy.servers.values():
        rule = policy.rule(Kind.MCP, server.name)
        reach = "may use a network" if server.uses_network else "has no network"
        rows.append(
            {"name": f"mcp.{server.name}", "covers": [reach], "may": rule.permission, "because": rule.source}
        )
    return rows


def _what(row: dict[str, Any]) -> str:
    return f"{row['name']} ({', '.join(row['covers'])})"


def _network(connection: Connection) -> str:
    """What the daemon's switch says, if there is a daemon to ask."""
    try:
        with connection.running(timeout=2) as client:
            status = client.status()
    except HobError:
        return "no daemon runs that could be asked; until one says otherwise, hob is offline"
    by = status.offline_decided_by or "default"
    return f"{'offline' if status.offline else 'not offline'} (network.offline, {by})"

"""The LaunchAgent, as far as its form goes: no macOS is asked."""

from __future__ import annotations

import plistlib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hob_cli.service.installation import Installation, template
from hob_cli.service.launchd import LABEL, Launchd
from hob_cli.service.steps import Command, WriteFile

AT = Installation(
    python=Path("/opt/hob/bin/python3"),
    folders=(),
    home=Path("/srv/me"),
    config_home=Path("/srv/me/.config"),
    state=Path("/srv/me/.local/state/hob"),
    runtime=Path("/tmp/hob-501"),
    models=Path("/srv/me/models"),
    has_gpu=False,
    places={"HOB_MODELS_DIR": "/Volumes/models & more"},
)
#: What launchd.plist(5) says of the keys that we use.
KINDS = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "ProcessType": str,
    "Umask": int,
    "HardResourceLimits": dict,
    "SoftResourceLimits": dict,
    "WorkingDirectory": str,
    "StandardOutPath": str,
    "StandardErrorPath": str,
    "EnvironmentVariables": dict,
}


def faults(text: str) -> list[str]:
    """What plistlib does not see: keys twice, unknown keys, wrong kinds, paths that nobody expands."""
    agent = plistlib.loads(text.encode())
    found = [f"{key} is no key of ours" for key in agent if key not in KINDS]
    found += [
        f"{key} is no {kind.__name__}"
        for key, kind in KINDS.items()
        if type(agent.get(key, kind())) is not kind
    ]
    for table in ElementTree.fromstring(text).iter("dict"):
        keys = [item.text for item in table if item.tag == "key"]
        found += [f"{key} is there twice" for key in set(keys) if keys.count(key) > 1]
    found += [
        f"{word} is not expanded" for word in agent["ProgramArguments"] if word[0] == "~" or "$" in word
    ]
    return found


def installed() -> str:
    written = [step for step in Launchd(AT).install(on_demand=False) if isinstance(step, WriteFile)]
    return written[0].text


@pytest.mark.parametrize(
    "text", [template(f"launchd/{LABEL}.plist"), installed()], ids=["packaged", "installed"]
)
def test_agent_has_the_form_that_launchd_wants(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("broken", "instead"),
    [
        ("<key>Umask", "<key>Umsk"),
        ("<integer>63</integer>", "<string>077</string>"),
        ("ExitTimeOut", "Label"),
    ],
    ids=["unknown key", "wrong kind", "a key twice"],
)
def test_faults_of_form_are_found(broken: str, instead: str) -> None:
    assert faults(template(f"launchd/{LABEL}.plist").replace(broken, instead))


def test_installed_agent_is_of_this_installation_and_dumps_no_core() -> None:
    agent = plistlib.loads(installed().encode())
    assert agent["ProgramArguments"][:4] == ["/opt/hob/bin/python3", "-I", "-m", "hobd"]
    assert agent["EnvironmentVariables"] == AT.places
    assert agent["HardResourceLimits"] == agent["SoftResourceLimits"] == {"Core": 0}
    assert agent["Umask"] == 0o077


def test_stop_takes_the_agent_out_of_the_session() -> None:
    (step,) = Launchd(AT).control("stop")
    assert isinstance(step, Command) and step.argv[:2] == ("launchctl", "bootout")

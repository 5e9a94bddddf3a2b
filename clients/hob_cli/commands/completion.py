"""`hob completion`: the script that lets a shell complete our commands.

Must print click's own script and nothing else, since a shell evaluates it. Called by main.py.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    For bash: eval "$(hob completion bash)" in ~/.bashrc.
    """
    completion = get_completion_class(shell)
    assert completion is not None, "click completes every shell of the choice"
    print(completion(context.find_root().command, {}, "hob", "_HOB_COMPLETE").source())

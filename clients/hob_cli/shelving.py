"""What commands share that put models into the models directory: where that is, and whether a model will do.

Must never judge a file itself: admission does. Used by pulling.py, commands/import.py and tending.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hob_client.errors import ModelUnusable, NotSupported

from hob_cli.render import print_note

if TYPE_CHECKING:
    from hob_client.client import Client


def models_dir(client: Client) -> Path:
    """As the daemon says; nobody else knows its configuration. Raises NotSupported if the door hides it."""
    told = client.status().models_dir
    if not told:
        raise NotSupported("this door does not tell where models lie; ask through the owner's door")
    return Path(told)


def require_admitted(client: Client, name: str) -> None:
    """Tells what speaks against a model and its files. ModelUnusable if no worker would be given it."""
    details = client.model(name)
    why = details.problem
    for file in details.admission:
        for finding in file.findings:
            if not finding.is_refusal:
                print_note(f"{finding.severity} in {file.file}: {finding.text}")
        if file.refusal and file.role == "model":
            why = file.refusal
        elif file.refusal:
            print_note(f"{file.file} would not be loaded: {file.refusal}")
    if why:
        raise ModelUnusable(
            f"{name} is in place, and would not be loaded: {why}; `hob models rm {name}` takes it away",
            model=name,
        )

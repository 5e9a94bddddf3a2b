"""One pull: has the files fetched, checks them, and puts the model in its place.

Must believe no digest but one that it computed itself, after the program that dials has ended. Called by
commands/pull.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from hob_client.errors import ModelUnusable
from hob_client.shelf import placing
from hob_client.shelf.checking import Checked, check_file
from hob_client.shelf.names import check_name
from hob_client.shelf.placing import Part
from hob_client.shelf.sidecar import Sidecar, recorded_sha256, render

from hob_cli import fetching
from hob_cli.fetching import Fetching, Plan, PlannedFile


class Watcher(Protocol):
    """Who shows a pull to a person or a program."""

    def planned(self, plan: Plan, name: str) -> None: ...
    def moved(self, file: PlannedFile, done: int, total: int, *, checking: bool) -> None: ...
    def noted(self, text: str) -> None: ...


class Pull:
    """`run` it. `is_there`: a model of that name was there already, with that digest."""

    def __init__(self, source: str, *, name: str, socket: str, models: Path, watcher: Watcher) -> None:
        self._source, self._socket, self._models, self._watcher = source, socket, models, watcher
        self.name = check_name(name) if name else ""
        self.sha256 = ""
        self.is_vouched = False
        self.is_there = False
        self._digests: dict[str, str] = {}  # of parts, as computed here
        self._renewed: set[str] = set()  # parts that were fetched anew

    def run(self, *, dry_run: bool = False) -> Path | None:
        """The path of the model; None for a dry run. Raises HobError; nothing of it is to be seen then."""
        incoming = placing.incoming(self._models)
        while True:
            plan, resumed = self._fetch(incoming, dry_run)
            if dry_run or self.is_there:
                return placing.find(self._models, self.name)
            with _all_held(plan, incoming):
                if (wrong := self._wrong(plan, incoming)) is None:
                    return self._place(plan, incoming)
            file, why = wrong
            if file.part not in resumed or file.part in self._renewed:
                raise ModelUnusable(f"{why}; nothing of it is kept")
            self._renewed.add(file.part)
            self._watcher.noted(f"{why}; it came in pieces, so it is fetched anew, once")

    # ------------------------------------------------------------------ fetching

    def _fetch(self, incoming: Path, dry_run: bool) -> tuple[Plan, set[str]]:
        """What was planned, and the parts that came in pieces."""
        plan, resumed = None, set[str]()
        arguments = fetching.arguments(self._source, socket=self._socket, into=incoming)
        with Fetching(arguments) as program:
            for event in program.events():
                if event["event"] == "plan" and plan is None:
                    plan = self._planned(event)
                    if dry_run or self.is_there:
                        break
                    program.go()
                elif plan is not None:
                    self._happened(plan, event, resumed)
        if plan is None:
            raise fetching.strange("pull")
        return plan, resumed

    def _planned(self, event: dict[str, Any]) -> Plan:
        plan = fetching.read_plan(event)
        self.name = check_name(self.name or plan.name)
        (model,) = (file for file in plan.files if file.kind == "model")
        self.is_there = bool(model.sha256) and self._recorded() == model.sha256
        if self.is_there:
            self.sha256, self.is_vouched = model.sha256, True
        else:
            placing.require_free(self._models, self.name)
        self._watcher.planned(plan, self.name)
        has_signature = any(file.kind == "signature" for file in plan.files)
        if has_signature and model.title != f"{self.name}.gguf":
            self._watcher.noted(
                f"its signature is for {model.title}: under another name it stands for nothing"
            )
        return plan

    def _recorded(self) -> str:
        """What the sidecar says of a model that is there; empty if none is."""
        there = placing.find(self._models, self.name)
        if there is None:
            return ""
        with contextlib.suppress(OSError):
            return recorded_sha256(there.with_suffix(".toml").read_text(errors="replace"))
        return ""

    def _happened(self, plan: Plan, event: dict[str, Any], resumed: set[str]) -> None:
        if event["event"] == "note":
            self._watcher.noted(str(event.get("text"))[:2000])
        elif event["event"] in ("progress", "arrived"):
            at = fetching.number(event, "file")
            if at >= len(plan.files):
                return
            if event["event"] == "progress":
                done, total = fetching.number(event, "done_bytes"), fetching.number(event, "total_bytes")
                self._watcher.moved(plan.files[at], done, total, checking=False)
            elif event.get("resumed") is True:
                resumed.add(plan.files[at].part)

    # ------------------------------------------------------------------ checking and placing

    def _wrong(self, plan: Plan, incoming: Path) -> tuple[PlannedFile, str] | None:
        """The first file that is not what it must be, which is gone then, and why."""
        for file in plan.files:
            checked = self._check(file, incoming)
            self._digests[file.part] = checked.sha256
            if file.sha256 not in ("", checked.sha256):
                _forget(incoming, [file])
                came, announced = checked.sha256[:12], file.sha256[:12]
                return file, f"{file.title} is not what its publisher says: {came}… came, not {announced}…"
        return None

    def _check(self, file: PlannedFile, incoming: Path) -> Checked:
        try:
            return check_file(
                incoming / file.part,
                follow=False,
                title=file.title,
                is_model=file.kind != "signature",
                progress=lambda done, total: self._watcher.moved(file, done, total, checking=True),
            )
        except ModelUnusable:
            _forget(incoming, [file])
            raise

    def _place(self, plan: Plan, incoming: Path) -> Path:
        parts = [self._part(plan, file, incoming / file.part) for file in plan.files]
        path = placing.place(self._models, self.name, parts)
        _forget(incoming, plan.files)
        return path

    def _part(self, plan: Plan, file: PlannedFile, path: Path) -> Part:
        sha256 = self._digests[file.part]
        if file.kind == "model":
            self.sha256, self.is_vouched = sha256, bool(file.sha256)
        is_model = file.kind == "model"
        said = Sidecar(
            sha256=sha256, license=plan.license if is_model else "", source=plan.source if is_model else ""
        )
        text = "" if file.kind == "signature" else render(said)
        return Part(path=path, kind=file.kind, sidecar=text, title=file.title)


@contextlib.contextmanager
def _all_held(plan: Plan, incoming: Path) -> Iterator[None]:
    """From before they are hashed until they are placed."""
    with contextlib.ExitStack() as stack:
        for file in plan.files:
            stack.enter_context(placing.held(incoming / file.part))
        yield


def _forget(incoming: Path, files: Iterable[PlannedFile]) -> None:
    """What is left of a file: its bytes, and what the host called them."""
    for file in files:
        for path in (incoming / file.part, (incoming / file.part).with_suffix(".json")):
            path.unlink(missing_ok=True)

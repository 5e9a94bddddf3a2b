"""Decides which model files a worker may see, before one sees a byte: digest, quarantine, first use,
signature, header.

Must give every refusal a sentence with what to do, and hand out no descriptor that it refused. Blocks, so
that it belongs on a thread. Made by main.py; asked by files.py for every file of a load, told by loading.py
what came of it, and asked by api/models.py what it thinks.

    hash ─> quarantined? ─> as first used? ─> signed? ─> header vetted ─> worker ─> unchanged? pinned
                                                                          └─ died of it: a strike
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hobd import log
from hobd.broker.death import WorkerDied
from hobd.broker.exit_status import NOT_ITS_FAULT, describe_exit
from hobd.config import Config
from hobd.errors import ModelUnusable
from hobd.store.catalog import Entry
from hobd.store.digest import DigestMemory, OpenModel, Progress, open_verified, require_unchanged, verify
from hobd.store.finding import Finding
from hobd.store.gguf import read_header
from hobd.store.override import read_override
from hobd.store.pins import Pins
from hobd.store.quarantine import Quarantine
from hobd.store.template_scan import scan_template
from hobd.store.vetting import Role, vet
from hobd.wire.messages import Phase

_WHILE_READING = (Phase.LOADING, Phase.PROBING, Phase.DRAFTING, Phase.ADAPTING, Phase.PROJECTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A file that a worker may see, open."""

    entry: Entry
    file: OpenModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is remembered of files: digests, pins, and who is in quarantine."""

    digests: DigestMemory = field(repr=False)
    pins: Pins = field(repr=False)
    quarantine: Quarantine = field(repr=False)

    def admit(
        self, entry: Entry, role: Role, config: Config, *, owner: str, progress: Progress | None = None
    ) -> Admitted:
        """The open file; who gets it closes it. `owner`: the model that it is for. Raises ModelUnusable."""
        file = open_verified(entry, mode=config.models.verify, memory=self.digests, progress=progress)
        try:
            if file.sha256 is not None:
                self._require_free(entry, file.sha256, owner)
                self._require_same(entry, file.sha256, owner)
            self._require_signed(entry, file.sha256, config)
            self._require_sound(entry, file.fd, role, config)
        except BaseException:
            os.close(file.fd)
            raise
        return Admitted(entry=entry, file=file)

    def loaded(self, files: Iterable[Admitted], config: Config) -> None:
        """A worker has read them and lives. Raises ModelUnusable if one was changed meanwhile."""
        for admitted in files:
            require_unchanged(admitted.entry, admitted.file)
            if (sha256 := admitted.file.sha256) is None:
                continue
            self.quarantine.forgive(sha256)
            if admitted.entry.sha256 is None and config.admission.first_use == "pin":
                self.pins.first_use(admitted.entry.path, sha256)

    def died(self, admitted: Admitted, death: WorkerDied, config: Config) -> str:
        """A worker died while it read the file. Says if that was once too often; empty otherwise."""
        is_its_fault = bool(death.reason) or death.status not in NOT_ITS_FAULT
        if admitted.file.sha256 is None or not is_its_fault or death.phase not in _WHILE_READING:
            return ""
        limit, name = config.admission.max_load_crashes, admitted.entry.name
        how = f"broke the contract ({death.reason})" if death.reason else f"was {describe_exit(death.status)}"
        times = "once" if limit == 1 else f"{limit} times"
        reason = f"the worker that read it died {times}, at last it {how}"
        if not self.quarantine.strike(admitted.file.sha256, name, reason, limit):
            return ""
        log.event("quarantined", level="warning", model=name, sha256=admitted.file.sha256, why=reason)
        return f"it is in quarantine now, and `hob models release {name}` lets it out"

    def accept(self, entry: Entry, *, accepts: bool) -> str:
        """Reads the whole file and returns its digest. Raises ModelUnusable if it is another than it was,
        unless a person accepts it.
        """
        sha256 = verify(entry, memory=self.digests)
        if accepts and entry.sha256 is None:
            self.pins.accept(entry.path, sha256)
        elif entry.sha256 is None:
            self._require_same(entry, sha256, entry.name)
        return sha256

    def findings(self, entry: Entry, fd: int, role: Role) -> list[Finding]:
        """All that speaks against a file whose header can be read. Raises ModelUnusable if it cannot."""
        found = list(vet(read_header(fd, entry.name), role))
        if role == "model" and (template := read_override(entry)) is not None:
            found += scan_template(template.decode(errors="replace"))
        return [*found, *_of_place(entry)]

    # ------------------------------------------------------------------ one question each

    def _require_free(self, entry: Entry, sha256: str, owner: str) -> None:
        if (why := self.quarantine.why(sha256)) is not None:
            raise _refused(entry, f"it is in quarantine ({why}); `hob models release {owner}` lets it out")

    def _require_same(self, entry: Entry, sha256: str, owner: str) -> None:
        pin = self.pins.of(entry.path)
        if entry.sha256 is None and pin is not None and pin.sha256 != sha256:
            day = datetime.fromtimestamp(pin.since, UTC).date()
            raise _refused(
                entry,
                f"its digest was {pin.sha256[:12]}… at its first use on {day}, and now is {sha256[:12]}…; "
                f"if you replaced it, run `hob models verify {owner} --accept`",
            )

    def _require_signed(self, entry: Entry, sha256: str | None, config: Config) -> None:
        policy = signature_policy(entry, config)
        if policy == "off":
            return
        state, text = signature_of(entry, sha256, config)
        if state == "signed":
            log.event("signature", model=entry.name, what=text)
        elif policy == "enforce":
            raise _refused(entry, f"{text}, and admission asks for one; sign it, or change that")
        else:
            log.event("signature", level="warning", model=entry.name, what=text)

    def _require_sound(self, entry: Entry, fd: int, role: Role, config: Config) -> None:
        try:
            found = self.findings(entry, fd, role)
        except ModelUnusable:
            if config.admission.vetting == "off":
                return
            raise
        for finding in found:
            if is_refusal(finding, config):
                raise _refused(entry, f"{finding.text}; {_advice(finding)}")
            if finding.severity != "odd":
                log.event("vetting", level="warning", model=entry.name, code=finding.code, what=finding.text)


# ------------------------------------------------------------------ what follows from the configuration


def is_refusal(finding: Finding, config: Config) -> bool:
    vetting = config.admission.vetting
    return vetting != "off" and (
        finding.severity == "serious" or (finding.severity == "suspicious" and vetting == "enforce")
    )


def signature_policy(entry: Entry, config: Config) -> str:
    """By the directory of the models directory that the file is in."""
    try:
        parts = entry.path.relative_to(config.models.directory()).parts
    except ValueError:
        parts = ()
    return config.admission.signatures_for(parts[0] if len(parts) > 1 else "")


def signature_of(entry: Entry, sha256: str | None, config: Config) -> tuple[str, str]:
    """`signed`, `unsigned`, `wrong` or `unknown`, and why, as a sentence's end."""
    from hobd.store.signed_files import judge  # most have no signatures, and save the cipher library's import
    from hobd.store.trust import TrustError, read_trust

    if sha256 is None:
        return "unknown", "its digest is not known, so that no signature can be checked"
    try:
        verdict = judge(
            entry.path, sha256, config.models.directory(), read_trust(config.admission.trusted_keys)
        )
    except TrustError as error:
        return "wrong", f"its signature cannot be checked ({error})"
    return verdict.state, verdict.text


def _of_place(entry: Entry) -> Iterator[Finding]:
    """Who can write to a directory can put another file into a file's place."""
    directory = entry.path.parent
    try:
        mode = os.stat(directory).st_mode
    except OSError:
        return  # the file is open all the same
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        text = f"others than its owner can put files into {directory}; run `chmod go-w` on it"
        yield Finding(severity="suspicious", code="directory", text=text)


def _advice(finding: Finding) -> str:
    if finding.severity == "serious":
        return "fetch it again from a source that you trust"
    return 'if you trust it, set admission.vetting to "warn"'


def _refused(entry: Entry, problem: str) -> ModelUnusable:
    return ModelUnusable(f"{entry.name} cannot be used: {problem}", model=entry.name)

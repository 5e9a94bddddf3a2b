"""The files of a load: opened and admitted, every check made on the very descriptors that the worker gets.

Must close nothing that it handed out, and leave nothing else open. What is wrong with a file beside the model
is told, and the model is loaded without it. Called by loading.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field, replace

from hobd import errors
from hobd.broker.adapters import Adapter, Adapters
from hobd.broker.admission import Admission, Admitted
from hobd.broker.death import WorkerDied
from hobd.broker.draft import Draft
from hobd.broker.exit_status import describe_exit
from hobd.broker.progress import Progress
from hobd.broker.projector import Projector
from hobd.config import Config
from hobd.store.catalog import Entry
from hobd.store.digest import OpenModel
from hobd.store.vetting import Role
from hobd.wire import messages as m


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a worker is given, open."""

    model: OpenModel
    draft: Draft
    draft_fd: int | None
    adapters: Adapters
    projector: Projector
    admitted: tuple[Admitted, ...] = field(repr=False)  # all that was opened, by what the others refer to

    @property
    def handed_over(self) -> list[Admitted]:
        """What is admitted and still of use."""
        fds = {fd for _, fd in self.descriptors}
        return [admitted for admitted in self.admitted if admitted.file.fd in fds]

    @property
    def descriptors(self) -> list[tuple[m.Purpose, int]]:
        """What the worker gets, each with what it is."""
        draft = [] if self.draft_fd is None else [self.draft_fd]
        projector = [] if self.projector.fd is None else [self.projector.fd]
        return [
            ("model", self.model.fd),
            *(("draft", fd) for fd in draft),
            *(("projector", fd) for fd in projector),
            *(("adapter", fd) for fd in self.adapters.fds),
        ]

    def culprit(self, death: WorkerDied) -> Admitted:
        """What the worker was reading when it died."""
        less = self.without_culprit(death)
        left = self.admitted[:1] if less is None else less.handed_over
        blamed = left if less is None else [each for each in self.handed_over if each not in left]
        return blamed[0]

    def without_culprit(self, death: WorkerDied) -> Files | None:
        """The same without what the worker was reading when it died; None if that was the model."""
        how = f"broke the contract ({death.reason})" if death.reason else f"was {describe_exit(death.status)}"
        problem = f"the worker that read it {how}; it may be damaged, or too large"
        if death.phase is m.Phase.DRAFTING and self.draft_fd is not None:
            return replace(self, draft=self.draft.without(problem), draft_fd=None)
        if death.phase is m.Phase.PROJECTING and self.projector.fd is not None:
            return replace(self, projector=self.projector.without(problem))
        each = self.adapters.each
        if death.phase is m.Phase.ADAPTING and death.adapter < len(each) and not each[death.adapter].problem:
            return replace(self, adapters=self.adapters.without(death.adapter, problem))
        return None


async def open_files(
    entry: Entry,
    draft: Draft,
    config: Config,
    admission: Admission,
    progress: Progress,
    stack: contextlib.ExitStack,
) -> Files:
    """All files of a model, which `stack` will close. Raises ModelUnusable."""
    opener = _Opener(entry.name, config, admission, progress, stack)
    model = await opener.open(entry, "model")
    draft, draft_fd = await opener.draft(draft)
    adapters = await opener.adapters(entry)
    projector = await opener.projector(entry)
    return Files(
        model=model,
        draft=draft,
        draft_fd=draft_fd,
        adapters=adapters,
        projector=projector,
        admitted=tuple(opener.admitted),
    )


class _Opener:
    """Opens one file after another, each as the configuration says."""

    def __init__(
        self,
        owner: str,
        config: Config,
        admission: Admission,
        progress: Progress,
        stack: contextlib.ExitStack,
    ) -> None:
        self.admitted: list[Admitted] = []
        self._owner = owner
        self._config = config
        self._admission = admission
        self._progress = progress
        self._stack = stack

    async def open(self, entry: Entry, role: Role) -> OpenModel:
        """A file's descriptor, all checks made on that very descriptor; `stack` closes it."""
        loop = asyncio.get_running_loop()

        def on_progress(fraction: float) -> None:
            loop.call_soon_threadsafe(self._progress, "verifying", fraction)

        opening = asyncio.ensure_future(
            asyncio.to_thread(
                self._admission.admit,
                entry,
                role,
                self._config,
                owner=entry.name if role == "draft" else self._owner,
                progress=on_progress,
            )
        )
        try:
            admitted = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)  # the thread goes on, and nobody else would
            raise
        self._stack.callback(os.close, admitted.file.fd)
        self.admitted.append(admitted)
        return admitted.file

    async def draft(self, draft: Draft) -> tuple[Draft, int | None]:
        """The draft's descriptor, or what is wrong with it. There is none where nothing may be guessed."""
        if self._config.engine.speculation == "off":
            return Draft(), None
        if draft.entry is None:
            return draft, None
        try:
            return draft, (await self.open(draft.entry, "draft")).fd
        except errors.ModelUnusable as error:
            return draft.without(error.message), None

    async def adapters(self, entry: Entry) -> Adapters:
        """The model's adapters, each open or with what is wrong with it."""
        return Adapters(tuple([await self._adapter(adapter) for adapter in entry.adapters]))

    async def _adapter(self, adapter: Entry) -> Adapter:
        if adapter.problem is not None:
            return Adapter(name=adapter.name, problem=adapter.problem)
        try:
            file = await self.open(adapter, "adapter")
        except errors.ModelUnusable as error:
            return Adapter(name=adapter.name, problem=error.message)
        return Adapter(name=adapter.name, fd=file.fd, sha256=file.sha256 or "")

    async def projector(self, entry: Entry) -> Projector:
        """What the model sees with, or what is wrong with it."""
        found = entry.projector
        if found is None:
            return Projector()
        projector = Projector(name=found.name)
        if found.problem is not None:
            return projector.without(found.problem)
        try:
            file = await self.open(found, "projector")
        except errors.ModelUnusable as error:
            return projector.without(error.message)
        return replace(projector, fd=file.fd, sha256=file.sha256 or "")


def _close(opening: asyncio.Future[Admitted]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result().file.fd)

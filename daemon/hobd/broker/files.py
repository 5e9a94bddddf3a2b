"""The files of a load: opened, their digests checked on the very descriptors that the worker gets.

Must close nothing that it handed out, and leave nothing else open. What is wrong with a file beside the model
is told, and the model is loaded without it. Called by loading.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, replace

from hobd import errors
from hobd.broker.adapters import Adapter, Adapters
from hobd.broker.death import WorkerDied
from hobd.broker.draft import Draft
from hobd.broker.progress import Progress
from hobd.broker.projector import Projector
from hobd.broker.supervisor import describe_exit
from hobd.config import Config
from hobd.store.catalog import Entry
from hobd.store.digest import DigestMemory, OpenModel, open_verified
from hobd.wire import messages as m


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a worker is given, open."""

    model: OpenModel
    draft: Draft
    draft_fd: int | None
    adapters: Adapters
    projector: Projector

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
    digests: DigestMemory,
    progress: Progress,
    stack: contextlib.ExitStack,
) -> Files:
    """All files of a model, which `stack` will close. Raises ModelUnusable."""
    opener = _Opener(config, digests, progress)
    model = await opener.model(entry)
    stack.callback(os.close, model.fd)
    draft, draft_fd = await opener.draft(draft)
    if draft_fd is not None:
        stack.callback(os.close, draft_fd)
    adapters = await opener.adapters(entry)
    for fd in adapters.fds:
        stack.callback(os.close, fd)
    projector = await opener.projector(entry)
    if projector.fd is not None:
        stack.callback(os.close, projector.fd)
    return Files(model=model, draft=draft, draft_fd=draft_fd, adapters=adapters, projector=projector)


class _Opener:
    """Opens one file after another, each as the configuration says."""

    def __init__(self, config: Config, digests: DigestMemory, progress: Progress) -> None:
        self._config = config
        self._digests = digests
        self._progress = progress

    async def model(self, entry: Entry) -> OpenModel:
        """A model's descriptor, its digest checked on that very descriptor."""
        loop = asyncio.get_running_loop()

        def on_progress(fraction: float) -> None:
            loop.call_soon_threadsafe(self._progress, "verifying", fraction)

        opening = asyncio.ensure_future(
            asyncio.to_thread(
                open_verified,
                entry,
                mode=self._config.models.verify,
                memory=self._digests,
                progress=on_progress,
            )
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)  # the thread goes on, and nobody else would
            raise

    async def draft(self, draft: Draft) -> tuple[Draft, int | None]:
        """The draft's descriptor, or what is wrong with it. There is none where nothing may be guessed."""
        if self._config.engine.speculation == "off":
            return Draft(), None
        if draft.entry is None:
            return draft, None
        try:
            return draft, (await self.model(draft.entry)).fd
        except errors.ModelUnusable as error:
            return draft.without(error.message), None

    async def adapters(self, entry: Entry) -> Adapters:
        """The model's adapters, each open or with what is wrong with it."""
        opened: list[Adapter] = []
        try:
            for adapter in entry.adapters:
                opened.append(await self._adapter(adapter))
        except BaseException:
            for fd in Adapters(tuple(opened)).fds:
                os.close(fd)
            raise
        return Adapters(tuple(opened))

    async def _adapter(self, adapter: Entry) -> Adapter:
        if adapter.problem is not None:
            return Adapter(name=adapter.name, problem=adapter.problem)
        try:
            file = await self.model(adapter)
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
            file = await self.model(found)
        except errors.ModelUnusable as error:
            return projector.without(error.message)
        return replace(projector, fd=file.fd, sha256=file.sha256 or "")


def _close(opening: asyncio.Future[OpenModel]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result().fd)

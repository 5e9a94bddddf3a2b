"""Tells the editor how things stand: `hob/status`, a message where somebody should know, progress of loads.

Must never tell the same twice, nor what was said to or by a model. Called by daemon.py and server.py.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from hob_editors.lsp.state import Alarms, Standing, State

STATUS = "hob/status"


class Teller:
    """`is_off` and `is_excluded` go before what the daemon showed last."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._daemons = Standing(state=State.CONNECTING)
        self._told: Standing | None = None
        self._alarms = Alarms()
        self._load_token = ""
        self.is_off = False
        self.is_excluded = False

    @property
    def standing(self) -> Standing:
        standing = Standing(state=State.OFF) if self.is_off else self._daemons
        return replace(standing, is_excluded=self.is_excluded)

    def stands(self, standing: Standing) -> None:
        self._daemons = standing
        self.tell()

    def tell(self) -> None:
        standing = self.standing
        if standing == self._told:
            return
        self._told = standing
        self._server.protocol.notify(STATUS, standing.record())
        if self._alarms.is_due(standing):
            self.warn(str(standing.record()["message"]))

    def warn(self, message: str) -> None:
        kind = types.MessageType.Warning
        self._server.window_show_message(types.ShowMessageParams(type=kind, message=f"hob: {message}"))

    def loads(self, fraction: float | None) -> None:
        """A load gets on; None when it is over."""
        if not self._shows_progress:
            return
        if fraction is None:
            self._end(self._load_token)
            self._load_token = ""
        elif not self._load_token:
            self._load_token = self._begin("hob: loading the model", is_cancellable=False)
        else:
            percent = int(max(0.0, min(1.0, fraction)) * 100)
            self._report(self._load_token, types.WorkDoneProgressReport(percentage=percent))

    @asynccontextmanager
    async def progress(self, title: str) -> AsyncGenerator[None]:
        """Shown while its block runs. Who cancels it there cancels the task that runs the block."""
        if not self._shows_progress:
            yield
            return
        token = self._begin(title, is_cancellable=True)
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        asked = self._server.work_done_progress.tokens[token]
        asked.add_done_callback(
            lambda asked: asked.cancelled() and task is not None and loop.call_soon_threadsafe(task.cancel)
        )
        try:
            yield
        finally:
            self._end(token)

    @property
    def _shows_progress(self) -> bool:
        window = self._server.client_capabilities.window
        return bool(window and window.work_done_progress)

    def _begin(self, title: str, *, is_cancellable: bool) -> str:
        token = f"hob-{uuid.uuid4()}"
        create = types.WorkDoneProgressCreateParams(token=token)
        self._server.window_work_done_progress_create(create, lambda _: None)
        begin = types.WorkDoneProgressBegin(title=title, cancellable=is_cancellable, percentage=0)
        self._server.work_done_progress.begin(token, begin)
        return token

    def _report(self, token: str, report: types.WorkDoneProgressReport) -> None:
        self._server.work_done_progress.report(token, report)

    def _end(self, token: str) -> None:
        if token and self._server.work_done_progress.tokens.pop(token, None) is not None:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())

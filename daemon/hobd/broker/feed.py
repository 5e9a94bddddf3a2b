"""Tells watchers what happens from now on: loads, departures, deaths; never what was said.

Must never block the teller: a watcher that does not read loses the oldest news and is told how many.
Filled by tenancy.py and course.py, read by api/control.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

_MAX_UNREAD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`kind` is a stable word; WatchEventsResponse in the contract says what each kind tells."""

    at: float
    kind: str
    model: str = ""
    request_id: str = ""
    message: str = ""
    client_request_id: str = ""
    reason: str = ""
    beneficiary: str = ""
    num_bytes: int = 0
    caller: str = ""  # whose request it is; not told to others


class _Watcher:
    __slots__ = ("num_lost", "unread", "wake")

    def __init__(self) -> None:
        self.unread: deque[News] = deque()
        self.num_lost = 0
        self.wake = asyncio.Event()


class Feed:
    """Any number of watchers, each with a bounded memory, and one who is told at once."""

    def __init__(self, on_news: Callable[[News], None] | None = None) -> None:
        self._on_news = on_news
        self._watchers: set[_Watcher] = set()

    def tell(
        self,
        kind: str,
        *,
        model: str = "",
        request_id: str = "",
        message: str = "",
        client_request_id: str = "",
        reason: str = "",
        beneficiary: str = "",
        num_bytes: int = 0,
        caller: str = "",
    ) -> None:
        if not self._watchers and self._on_news is None:
            return
        news = News(
            at=time.time(),
            kind=kind,
            model=model,
            request_id=request_id,
            message=message,
            client_request_id=client_request_id,
            reason=reason,
            beneficiary=beneficiary,
            num_bytes=num_bytes,
            caller=caller,
        )
        if self._on_news is not None:
            self._on_news(news)
        for watcher in self._watchers:
            if len(watcher.unread) >= _MAX_UNREAD:
                watcher.unread.popleft()
                watcher.num_lost += 1
            watcher.unread.append(news)
            watcher.wake.set()

    async def watch(self) -> AsyncGenerator[News, None]:
        """Endless. Close it to stop watching."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            while True:
                await watcher.wake.wait()
                watcher.wake.clear()
                if watcher.num_lost:
                    lost, watcher.num_lost = watcher.num_lost, 0
                    yield News(
                        at=time.time(), kind="news_lost", message=f"{lost} events were not read in time"
                    )
                while watcher.unread:
                    yield watcher.unread.popleft()
        finally:
            self._watchers.discard(watcher)

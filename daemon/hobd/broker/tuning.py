"""Which settings of the engine a load gets: a trial's, else what was measured, else the configuration's.

Must never let a tuning change what the configuration says, nor a trial what the administrator says. Made by
main.py; asked by loading.py, needs.py and api/models.py.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

import msgspec

from hobd.config import Config
from hobd.config.load import SYSTEM_POLICY
from hobd.errors import InvalidRequest, NotPermitted
from hobd.store.catalog import Entry
from hobd.store.tunings import EngineSettings, Tuned, Tunings


class Tuning:
    """`fixed`: which keys of [engine] somebody set, and where. `tunings`: None remembers nothing."""

    def __init__(self, tunings: Tunings | None = None, fixed: Mapping[str, str] | None = None) -> None:
        self.fixed = dict(fixed or {})
        self._tunings = tunings
        self._trials: dict[str, EngineSettings] = {}

    def apply(self, entry: Entry, config: Config) -> Config:
        """The configuration of this model's next load."""
        changes = self._changes(entry)
        if not changes:
            return config
        return msgspec.structs.replace(config, engine=msgspec.structs.replace(config.engine, **changes))

    def of(self, entry: Entry) -> Tuned | None:
        return self._tunings.get(entry) if self._tunings is not None else None

    def remember(self, entry: Entry, settings: EngineSettings) -> None:
        if not settings.named():
            raise InvalidRequest("there is nothing to remember; name threads, batch_tokens or kv_type")
        if self._tunings is not None:
            self._tunings.remember(entry, settings, time.time())

    def forget(self, entry: Entry) -> None:
        if self._tunings is not None:
            self._tunings.forget(entry)

    @contextlib.contextmanager
    def trial(self, entry: Entry, settings: EngineSettings, *, is_resident: bool) -> Iterator[None]:
        """For a load in the block. Raises InvalidRequest or NotPermitted."""
        if not settings.named():
            yield
            return
        for name in settings.named():
            if self.fixed.get(name, "").startswith(str(SYSTEM_POLICY)):
                raise NotPermitted(f"engine.{name} is set by {self.fixed[name]}, so no trial may change it")
        if is_resident or entry.name in self._trials:
            raise InvalidRequest(
                f"{entry.name} is in memory already; stop it before a trial",
                model=entry.name,
            )
        self._trials[entry.name] = settings
        try:
            yield
        finally:
            del self._trials[entry.name]

    def _changes(self, entry: Entry) -> dict[str, int | str]:
        if (trial := self._trials.get(entry.name)) is not None:
            return trial.named()
        tuned = self.of(entry)
        named = tuned.settings.named() if tuned is not None else {}
        return {name: value for name, value in named.items() if name not in self.fixed}

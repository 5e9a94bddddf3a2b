"""The engine's settings for one model, from and to the contract.

Must judge every value before it goes on. Called by models.py.
"""

from __future__ import annotations

from typing import Literal

from hob.v1 import models_pb2 as pb

from hobd.api import convert
from hobd.api.render_ledger import timestamp
from hobd.errors import InvalidRequest
from hobd.store.tunings import EngineSettings, Tuned

_KV_TYPES: dict[str, Literal["", "f16", "q8_0"]] = {"": "", "f16": "f16", "q8_0": "q8_0"}


def settings_of(said: pb.EngineSettings) -> EngineSettings:
    """Raises InvalidRequest."""
    if said.threads:
        convert.in_range("threads", said.threads, 1, 1024)
    if said.batch_tokens:
        convert.in_range("batch_tokens", said.batch_tokens, 32, 8192)
    if said.kv_type not in _KV_TYPES:
        raise InvalidRequest(f"kv_type must be f16 or q8_0, not {said.kv_type[:20]!r}")
    kv_type = _KV_TYPES[said.kv_type]
    return EngineSettings(threads=said.threads, batch_tokens=said.batch_tokens, kv_type=kv_type)


def tuning(model: str, tuned: Tuned) -> pb.Tuning:
    settings = tuned.settings
    said = pb.EngineSettings(
        threads=settings.threads, batch_tokens=settings.batch_tokens, kv_type=settings.kv_type
    )
    return pb.Tuning(model=model, settings=said, at=timestamp(tuned.at))

"""How models of one family write tool calls and reasoning, told from their chat template.

Must stay pure: text in, values out; no tokens, no clock, no I/O. `choose` is called by worker/intake.py.
"""

from __future__ import annotations

from hobd.worker.dialect.deepseek import DeepSeek
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.gemma import Gemma
from hobd.worker.dialect.generic import Generic
from hobd.worker.dialect.harmony import Harmony
from hobd.worker.dialect.hermes import Hermes
from hobd.worker.dialect.llama import Llama
from hobd.worker.dialect.mistral import Mistral

#: Tried in order; the first whose marks the template has is spoken. The last one speaks any.
FAMILIES: tuple[type[Family], ...] = (Harmony, DeepSeek, Mistral, Hermes, Llama, Gemma, Generic)


def choose(template: str) -> Family:
    """The dialect of a template. Decided once for a model."""
    return next(family(template) for family in FAMILIES if family.speaks(template))

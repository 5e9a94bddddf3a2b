"""What of the news goes into the audit: what became of models, not who asked them (api/gate.py tells that).

Must never record a message: it may name what somebody typed. Called by the feed, for each piece of news.
"""

from __future__ import annotations

from hobd.audit.journal import Audit
from hobd.broker.feed import News

KINDS = frozenset(
    {
        "model_loaded",
        "load_failed",
        "model_evicted",
        "model_left",
        "worker_died",
        "worker_hung",
        "memory_pressure",
        "tripwire",
    }
)


def record(audit: Audit, news: News) -> None:
    if news.kind in KINDS:
        audit.write(
            news.kind,
            model=news.model,
            reason=news.reason,
            beneficiary=news.beneficiary,
            **({"num_bytes": news.num_bytes} if news.num_bytes else {}),
        )

"""Counts of what the gateway did, as Prometheus reads them.

Must hold numbers and fixed names only: no text, no token, no name that a client chose.
Counted by guard.py and the dialects; told by llama_server.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hob_client.values import Receipt


class Metrics:
    def __init__(self) -> None:
        self.num_under_way = 0
        self._answers: Counter[tuple[str, int]] = Counter()
        self._refusals: Counter[int] = Counter()
        self._numbers: Counter[str] = Counter()

    def count_answer(self, route: str, status: int) -> None:
        """`route`: the pattern as the program has it, not what was asked for."""
        self._answers[route, status] += 1

    def count_refusal(self, status: int) -> None:
        self._refusals[status] += 1

    def count_receipt(self, receipt: Receipt) -> None:
        self._numbers["prompt_tokens"] += receipt.num_prompt_tokens
        self._numbers["cached_tokens"] += receipt.num_cached_tokens
        self._numbers["completion_tokens"] += receipt.num_completion_tokens

    def text(self) -> str:
        """Prometheus' text format."""
        lines = [
            *_family("requests", "counter", "Requests that were answered, by route and status."),
            *(
                f'hob_gateway_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._answers.items())
            ),
            *_family("refusals", "counter", "Requests that the guard refused, by status."),
            *(
                f'hob_gateway_refusals_total{{status="{status}"}} {count}'
                for status, count in sorted(self._refusals.items())
            ),
            *_family("tokens", "counter", "Tokens of the requests that were answered, by kind."),
            *(
                f'hob_gateway_tokens_total{{kind="{kind}"}} {self._numbers[kind]}'
                for kind in ("prompt_tokens", "cached_tokens", "completion_tokens")
            ),
            *_family("requests_under_way", "gauge", "Requests being answered now."),
            f"hob_gateway_requests_under_way {self.num_under_way}",
        ]
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, words: str) -> Iterable[str]:
    full = f"hob_gateway_{name}" + ("_total" if kind == "counter" else "")
    return (f"# HELP {full} {words}", f"# TYPE {full} {kind}")

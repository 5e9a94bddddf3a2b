"""A daemon with a tiny model of every kind, and what can be seen of its health from outside.

Must leave no process. Called by campaign.py.
"""

from __future__ import annotations

from pathlib import Path

import psutil
from hob_client import Client

from tests.daemon import RunningDaemon, await_true
from tests.fuzz.values import CANARY
from tests.tiny_bert import write_tiny_bert
from tests.tiny_model import CHATML, write_tiny_model
from tests.tiny_projector import HEARING, write_tiny_projector
from tests.tiny_states import write_tiny_gemma, write_tiny_mamba

#: Tools, calls and reasoning, as Qwen3 has them.
_THINKER = (
    CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'")
    + "{# </think> #}{% if tools and enable_thinking %}{{ tools | tojson }}<tool_call>{% endif %}"
)
_GENERATORS = ("llama", "thinker", "mamba", "gemma")
_CONTEXT = 384
# What malloc and llama.cpp keep without ever getting more; beyond it something leaks.
_MAX_GROWTH_BYTES = 192 << 20


class House:
    """Use as a context: the daemon runs inside. `faults` is asked when no request is under way."""

    def __init__(self, home: Path) -> None:
        self.daemon = RunningDaemon(home, fake_workers=False)
        models = self.daemon.models
        write_tiny_model(models / "llama.gguf", context=_CONTEXT, ends=True, knows_gaps=True)
        write_tiny_model(
            models / "thinker.gguf", context=_CONTEXT, printable=False, ends=True, template=_THINKER
        )
        write_tiny_mamba(models / "mamba.gguf", context=_CONTEXT)
        write_tiny_gemma(models / "gemma.gguf", context=_CONTEXT)
        write_tiny_projector(models / "llama.mmproj.gguf", "mlp")
        write_tiny_projector(models / "thinker.mmproj.gguf", HEARING)
        write_tiny_bert(models / "encoder.gguf")
        write_tiny_bert(models / "ranker.gguf", ranks=True)
        self._log_seen = self._num_restarts = self._num_lost = 0
        self._ordinary: list[object] = []
        self._bytes: dict[int, int] = {}

    def __enter__(self) -> House:
        self.daemon.start("--set", "models.max_resident=8", "--set", "engine.lanes=8")
        self.client: Client = self.daemon.client()
        self._ordinary = self._ask_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.daemon.stop()

    def faults(self) -> list[str]:
        """What is wrong now, and was not when last asked."""
        # Answers first: they need every worker, so that none is missing when their deaths are counted.
        return [*self._answer_faults(), *self._restarts(), *self._left_behind(), *self._log_faults()]

    def growth_faults(self) -> list[str]:
        """Processes that have grown since this was first asked of them."""
        found = []
        processes = [psutil.Process(self.daemon.pid), *psutil.Process(self.daemon.pid).children()]
        for process in processes:
            now = process.memory_info().rss
            grown = now - self._bytes.setdefault(process.pid, now)
            if grown > _MAX_GROWTH_BYTES:
                found.append(f"process {process.pid} grew by {grown >> 20} MiB")
        return found

    # ------------------------------------------------------------------ private steps

    def _ask_all(self) -> list[object]:
        """Ordinary requests, whose answers are always the same."""
        prompt = "the rain on the hills and the sea"
        told: list[object] = [
            self.client.complete(model, prompt, temperature=0, max_tokens=6, incognito=True).text
            for model in _GENERATORS
        ]
        told.append([round(x, 3) for x in self.client.embed("encoder", ["the cat"]).vectors[0]])
        told.append(
            [hit.document for hit in self.client.rerank("ranker", "cat", ["the sun", "rain"]).ranking]
        )
        return told

    def _restarts(self) -> list[str]:
        residents = self.client.status().residents
        died = sum(resident.num_restarts for resident in residents) - self._num_restarts
        self._num_restarts += died
        return [f"{died} workers died"] if died else []

    def _left_behind(self) -> list[str]:
        def is_quiet() -> bool:
            status = self.client.status()
            is_idle = not any(resident.num_running + resident.num_queued for resident in status.residents)
            return is_idle and status.num_sessions <= self._num_lost

        try:
            await_true(is_quiet, "no session, no lane, no queue", seconds=15)
        except AssertionError as error:
            self._num_lost = self.client.status().num_sessions  # told once
            return [str(error)]
        return []

    def _log_faults(self) -> list[str]:
        news = self.daemon.log[self._log_seen :]
        self._log_seen += len(news)
        signs = {
            "text of a request": CANARY,
            "a traceback": "Traceback",
            "a bug": "rpc_failed",
            "an error": "level=error",
            "a death": "worker_died",
        }
        return [
            f"the log has {what}: {_around(sign, news)!r}" for what, sign in signs.items() if sign in news
        ]

    def _answer_faults(self) -> list[str]:
        told = self._ask_all()
        return [] if told == self._ordinary else ["an ordinary request got another answer than before"]


def _around(sign: str, news: str) -> str:
    place = news.index(sign)
    return news[max(0, place - 200) : place + 1500]

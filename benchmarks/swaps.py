"""Goal E6: two models, room for one, conversations that alternate; hob against llama-server's router.

Must alternate the two in one run, files in the page cache, and leave both the pause that a reader takes.
Called by benchmarks/__main__.py.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.progress import track

from benchmarks import peer, stack
from benchmarks.report import Row

MODELS = ("one", "other")
HISTORY = (
    "The committee met again to discuss the harvest, the roads, the bridge and the price of grain. " * 75
)
PAUSE_SECONDS = 1.0
ANSWER_TOKENS = 8

Ask = Callable[[str, str], tuple[float, str]]
"""(model, prompt) -> seconds to the first token, text."""


class Conversations:
    """One with each model, every turn with all that was said before."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._said = {model: f"{model}: {HISTORY}" for model in MODELS}

    def turn(self, model: str) -> float:
        """Seconds to the first token of the next answer."""
        time.sleep(PAUSE_SECONDS)
        first, text = self._ask(model, self._said[model])
        self._said[model] += f"{text} And what was said then?"
        return first


def measure(tools: Path, model: Path, repeats: int) -> list[Row]:
    row = Row(
        goal="E6",
        what="first token after a swap, in a conversation of 1,500 tokens",
        unit="s",
        wanted="<= 0.6",
        against="llama-server's router",
    )
    with tempfile.TemporaryDirectory() as directory:
        daemon = stack.Daemon(Path(directory), model, *MODELS)
        with (
            daemon.running("--set", "models.max_resident=1"),
            daemon.client() as client,
            peer.routing(tools, daemon.models, "--models-max", "1", "-np", "1") as router,
        ):

            def ask_hob(name: str, prompt: str) -> tuple[float, str]:
                told = stack.stream(client, prompt, ANSWER_TOKENS, model=name)
                return told["first_token_s"], told["text"]

            def ask_router(name: str, prompt: str) -> tuple[float, str]:
                told = router.stream(prompt, ANSWER_TOKENS, model=name)
                return told["first_token_s"], told["text"]

            subjects = [(Conversations(ask_hob), row.hob), (Conversations(ask_router), row.other)]
            for conversations, _ in subjects:  # the first turn has no swap, or nothing to go on from
                for name in MODELS:
                    conversations.turn(name)
            for _ in track(range(repeats), "E6"):
                for name in MODELS:
                    for conversations, figures in subjects:
                        figures.append(conversations.turn(name))
    return [row]

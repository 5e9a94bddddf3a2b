"""The prompt that asks a model for what is missing between a prefix and a suffix.

Must stay pure: tokens in, tokens out. Called by intake.py.

The layout is Qwen2.5-Coder's, which others trained on gaps know as well, with markers for <...>:

    <repository>name\\n <file>path\\ntext <file>path\\ntext ... <file>path\\n <prefix>... <suffix>... <middle>

The files of the repository come only if there are any, and without markers where the model has none for
them. What does not fit goes in this order: files, the last first; then of prefix and suffix what is farther
from the gap, a quarter of the room being the suffix's as long as the prefix can fill the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hobd.worker.engine import Fim

Tokens = Sequence[int]
_SUFFIX_SHARE = 4

GAP = "<GAP>"
#: What a model is told that was never trained on gaps, but on instructions.
INSTRUCTION = (
    f"The user sends a text with a gap in it, marked {GAP}. Answer with exactly what belongs into the gap: "
    "no explanation, no code fence, nothing of what is before or after it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """The prompt, and how much of what was given is not in it."""

    tokens: list[int]
    num_dropped: int
    num_files_dropped: int


def lay_out(
    fim: Fim,
    *,
    before: Tokens,
    prefix: Tokens,
    suffix: Tokens,
    repository: Tokens,
    files: Sequence[Tokens],
    path: Tokens,
    room: int,
) -> Laid:
    """At most `room` tokens. `files`: each with its path, best first. `path`: of the file with the gap."""
    head_of_all = _marked(fim.repository, repository)
    blocks = [_marked(fim.file, file) for file in files]
    head_of_file = _marked(fim.file, path)
    kept_prefix, kept_suffix = cut_to_gap(prefix, suffix, max(0, room - len(before) - 3))
    gap = [fim.prefix, *kept_prefix, fim.suffix, *kept_suffix, fim.middle]
    left = room - len(before) - len(gap) - len(head_of_all) - len(head_of_file)
    kept_blocks: list[list[int]] = []
    for block in blocks:
        left -= len(block)
        if left < 0:
            break
        kept_blocks.append(block)
    context: list[int] = []
    if kept_blocks:
        context = [*head_of_all, *(token for block in kept_blocks for token in block), *head_of_file]
    dropped = len(prefix) + len(suffix) - len(kept_prefix) - len(kept_suffix)
    dropped += sum(len(file) for file in files[len(kept_blocks) :])
    return Laid(
        tokens=[*before, *context, *gap],
        num_dropped=dropped,
        num_files_dropped=len(files) - len(kept_blocks),
    )


def cut_to_gap(prefix: Tokens, suffix: Tokens, room: int) -> tuple[Tokens, Tokens]:
    """What of them fits: the end of the prefix and the beginning of the suffix."""
    for_suffix = min(len(suffix), max(room // _SUFFIX_SHARE, room - len(prefix)))
    for_prefix = min(len(prefix), room - for_suffix)
    return prefix[len(prefix) - for_prefix :], suffix[:for_suffix]


def question(prefix: str, suffix: str, files: Sequence[tuple[str, str]]) -> str:
    """The text with its gap, for a model that is told what to do with it."""
    others = "".join(f"File {path}:\n{text}\n\n" for path, text in files)
    return f"{others}{prefix}{GAP}{suffix}"


def _marked(marker: int | None, tokens: Tokens) -> list[int]:
    return [*tokens] if marker is None else [marker, *tokens]

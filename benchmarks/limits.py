"""What llama.cpp's own benchmarks get out of this machine: no server can do better with the same engine.

Must run them as they come, with their defaults. Called by benchmarks/goals.py.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

NAME_ONE, NAME_MANY = "llama-bench", "llama-batched-bench"


def one_stream(tools: Path, model: Path, num_tokens: int) -> float:
    """Tokens per second of one sequence, from an empty context."""
    output = _run(tools / NAME_ONE, model, "-p", "0", "-n", num_tokens, "-r", 1, "-o", "json")
    return float(json.loads(output)[0]["avg_ts"])


def many_streams(tools: Path, model: Path, num_streams: int, num_prompt: int, num_tokens: int) -> float:
    """Generated tokens per second of all sequences, prompts included in the time."""
    sizes = ("-npp", num_prompt, "-ntg", num_tokens, "-npl", num_streams, "-c", 8192)
    output = _run(tools / NAME_MANY, model, *sizes, "--output-format", "jsonl")
    line = next(line for line in output.splitlines() if line.startswith("{"))
    return num_streams * num_tokens / float(json.loads(line)["t"])


def _run(tool: Path, model: Path, *options: object) -> str:
    command = [str(tool), "-m", str(model), *map(str, options)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

"""The figures as a PNG.

Must import matplotlib only when a picture is asked for: it need not be installed. Called by the bench.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hob_client.errors import InvalidRequest, NotSupported

from hob_cli.bench.figures import Speed


def write(path: Path, model: str, found: Mapping[str, Sequence[Speed]]) -> None:
    """Raises NotSupported without matplotlib, InvalidRequest where the file cannot be written."""
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        pyplot: Any = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        raise NotSupported("a picture needs matplotlib; install it with `pip install matplotlib`") from None
    drawing, (decode, first) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for label, speeds in found.items():
        streams = [str(speed.num_streams) for speed in speeds]
        figures = [speed.decode_per_second for speed in speeds]
        errors = [[each.median - each.low for each in figures], [each.high - each.median for each in figures]]
        middles = [each.median for each in figures]
        decode.errorbar(streams, middles, yerr=errors, marker="o", capsize=3, label=label)
        first.plot(streams, [speed.first_ms.median for speed in speeds], marker="o", label=label)
    decode.set(title=model, xlabel="answers at once", ylabel="tokens a second, together", ylim=(0, None))
    first.set(title="until the first text", xlabel="answers at once", ylabel="ms", ylim=(0, None))
    decode.legend()
    try:
        drawing.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written ({error.strerror}); name another file") from None
    finally:
        pyplot.close(drawing)

"""llama.cpp's lines on its buffers become bytes by device and purpose."""

from __future__ import annotations

import pytest
from hobd.wire.messages import Measured
from hobd.worker.measured import Buffer, Buffers, Growth, bounded, measured, of_process, with_purpose

MIB = 1 << 20
LINES = {
    b"load_tensors:   CPU_Mapped model buffer size =    92.10 MiB\n": Buffer("CPU_Mapped", "model", 96573850),
    b"llama_kv_cache:        CPU KV buffer size =   180.00 MiB\n": Buffer("CPU", "KV", 180 * MIB),
    b"llama_memory_recurrent:      CUDA0 RS buffer size =     9.50 MiB\n": Buffer("CUDA0", "RS", 9961472),
    b"llama_context:  CUDA_Host  output buffer size =     6.00 MiB\n": Buffer("CUDA_Host", "output", 6 * MIB),
    b"sched_reserve:      CUDA1 compute buffer size =    32.00 MiB\n": Buffer("CUDA1", "compute", 32 * MIB),
}


@pytest.mark.parametrize(("line", "buffer"), LINES.items())
def test_line_on_a_buffer_is_understood(line: bytes, buffer: Buffer) -> None:
    buffers = Buffers()
    buffers.note(line)
    assert buffers.take() == [buffer] and buffers.take() == []


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"CPU model buffer size = nan MiB", b"size = 180.00 MiB"])
def test_other_lines_are_passed_over(line: bytes) -> None:
    buffers = Buffers()
    buffers.note(line)
    assert buffers.take() == []


def test_buffers_are_added_up_by_device_and_purpose() -> None:
    told = measured([*LINES.values(), Buffer("CUDA1", "compute", 1)], 0)
    assert Measured("gpu1", "compute", 32 * MIB + 1) in told and Measured("gpu0", "kv_cache", 9961472) in told
    assert Measured("ram", "compute", 6 * MIB) in told  # pinned for a GPU, and main memory all the same


def test_copied_weights_count_once() -> None:
    copied = [Buffer("CPU_Mapped", "model", 100), Buffer("CPU_REPACK", "model", 90)]
    elsewhere = Buffer("CUDA0", "model", 20)
    assert measured(copied, 130) == [Measured("ram", "weights", 130)]
    assert measured([*copied, elsewhere], 130)[1:] == [Measured("ram", "weights", 110)]


def test_a_draft_is_one_line_for_each_device() -> None:
    lines = [Measured("ram", "weights", 5), Measured("ram", "kv_cache", 6), Measured("gpu0", "weights", 7)]
    assert with_purpose("draft", lines) == [Measured("ram", "draft", 11), Measured("gpu0", "draft", 7)]


def test_what_is_told_is_bounded() -> None:
    lines = [Measured(f"gpu{n}", "weights", 1) for n in range(100)]
    assert len(bounded(lines)) == 64
    assert bounded([Measured("ram", "overhead", 0), *[Measured("ram", "overhead", 2)] * 2]) == (
        Measured("ram", "overhead", 4),
    )


def test_small_pieces_are_overhead() -> None:
    growth = Growth()
    pieces = [bytes(1000) for _ in range(10_000)]
    assert growth.line([]).num_bytes >= 0 and len(pieces) == 10_000


def test_a_process_takes_something_before_it_loads_anything() -> None:
    assert of_process().num_bytes > MIB

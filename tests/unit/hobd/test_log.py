"""What log lines hold, and what they never hold.

Must give logging back as it was.
Run by pytest.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from hobd import log

SECRET = "my-secret-prompt"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything logged during a test, from info up."""
    stream, before = io.StringIO(), logging.root.handlers[:]
    level = logging.root.level
    log.configure("info", stream)
    yield stream
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    log.catch_tracebacks()


def last(lines: io.StringIO) -> str:
    """The only line, without its time."""
    (line,) = lines.getvalue().splitlines()
    stamp, _, rest = line.partition(" ")
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    return rest


def failure() -> ValueError:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        return error


def test_event_is_one_line_of_its_fields_in_order(lines: io.StringIO) -> None:
    log.event("model_loaded", model="smol", load_ms=12, fraction=0.5, pinned=True, worker=None)
    assert last(lines) == (
        "level=info event=model_loaded model=smol load_ms=12 fraction=0.5 pinned=true worker=none"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain-1.5/x", "plain-1.5/x"),
        (PurePosixPath("/a b"), '"/a b"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("two\nlines\r\x1b[31m", '"two\\nlines\\r\\x1b[31m"'),
        ("back\\slash", '"back\\\\slash"'),
        ("ünïcode \u2028", '"ünïcode \\u2028"'),
        ("\udcff", '"\\udcff"'),
    ],
    ids=ascii,
)
def test_value_stays_in_one_piece_on_one_line(lines: io.StringIO, value: log.Field, written: str) -> None:
    log.event("seen", value=value)
    assert last(lines) == f"level=info event=seen value={written}"


def test_long_value_is_cut(lines: io.StringIO) -> None:
    log.event("seen", value="x" * 5000)
    assert last(lines).endswith("value=" + "x" * 1000 + "...")


def test_event_below_the_level_is_not_written(lines: io.StringIO) -> None:
    log.event("detail", level="debug")
    assert lines.getvalue() == ""


def test_level_can_be_changed_while_running(lines: io.StringIO) -> None:
    log.configure("debug", lines)
    log.event("detail", level="debug")
    log.configure("error", lines)
    log.event("trouble", level="warning")
    assert last(lines) == "level=debug event=detail"


@pytest.mark.parametrize("name", ["asyncio", "grpclib.server", "h2", "hpack.hpack", "some.other"])
def test_foreign_record_tells_its_place_and_not_its_text(lines: io.StringIO, name: str) -> None:
    logging.getLogger(name).error(f"failed on {SECRET}: %s", SECRET, exc_info=failure())
    assert re.fullmatch(
        rf"level=error event=foreign_log logger={re.escape(name)} at=hobd/test_log\.py:\d+ "
        r'error="ValueError at hobd/test_log\.py:\d+"',
        last(lines),
    )


@pytest.mark.parametrize("name", ["asyncio", "grpclib.server", "h2", "hpack.hpack"])
def test_foreign_chatter_is_capped_at_every_level(lines: io.StringIO, name: str) -> None:
    log.configure("debug", lines)
    logging.getLogger(name).info(SECRET)
    assert lines.getvalue() == ""


def test_description_of_an_exception_leaves_its_message_out() -> None:
    assert re.fullmatch(r"ValueError at hobd/test_log\.py:\d+", log.describe(failure()))
    assert log.describe(KeyError(SECRET)) == "KeyError"


def test_description_of_a_group_tells_each_place_where_something_went_wrong() -> None:
    async def fail(word: str) -> None:
        {}[word]

    async def gather() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail("secret"))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(gather())
    told = log.describe(caught.value)
    assert told.startswith("KeyError at hobd/test_log.py:") and "secret" not in told


@pytest.mark.usefixtures("hooks")
def test_uncaught_exception_is_an_event_without_its_message(lines: io.StringIO) -> None:
    error = failure()
    sys.excepthook(ValueError, error, error.__traceback__)
    assert re.match(r'level=error event=uncaught where=main error="ValueError at ', last(lines))
    assert SECRET not in lines.getvalue()


@pytest.mark.usefixtures("hooks")
def test_uncaught_exception_of_a_thread_is_an_event(lines: io.StringIO) -> None:
    thread = threading.Thread(target=lambda: [][1])
    thread.start()
    thread.join()
    assert "where=thread" in last(lines) and "IndexError at hobd/test_log.py" in last(lines)


def test_closed_stream_does_not_end_the_daemon(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = io.StringIO()
    closed.close()
    log.configure("info", closed)
    log.event("seen", value=1)
    assert capsys.readouterr() == ("", "")

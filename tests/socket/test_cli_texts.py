"""`hob embed` and `hob rerank` against a daemon that follows a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hob_cli.texts import BATCH_TEXTS, batches
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import CommandLine
from tests.fakes.daemon import FakeDaemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    monkeypatch.setenv("HOB_SOCKET", str(tmp_path / "hob.sock"))
    with FakeDaemon(tmp_path / "hob.sock") as running:
        yield running


@pytest.fixture
def hob(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


def test_vectors_are_lines_in_the_order_of_the_texts(hob: CommandLine) -> None:
    outcome = hob("embed", "one", "two")
    assert (outcome.code, outcome.out, outcome.err) == (0, "1 0.25\n0 1\n", "")


def test_lines_of_a_pipe_are_texts(hob: CommandLine, daemon: FakeDaemon) -> None:
    options = ["--dimensions", "2", "--no-normalize", "--chunk-long-inputs", "--priority", "batch"]
    assert hob("embed", "-m", "tiny", *options, stdin=b"one\n\ntwo\r\n").code == 0
    (request,) = daemon.requests
    assert list(request.inputs) == ["one", "two"] and request.dimensions == 2
    assert request.chunk_long_inputs and not request.normalize and request.options.priority_class == 3


def test_json_names_texts_by_their_place(hob: CommandLine) -> None:
    objects = [json.loads(line) for line in hob("embed", "--json", "one", "two").out.splitlines()]
    assert [(vector["input"], vector["values"]) for vector in objects] == [(0, [1.0, 0.25]), (1, [0.0, 1.0])]


def test_ranking_shows_score_place_and_text(hob: CommandLine) -> None:
    outcome = hob("rerank", "query", "one", "two\x1b[2J")
    assert outcome.out == "  0.5000     1  two\\x1b[2J\n -0.2500     0  one\n"


def test_json_ranking_is_one_object(hob: CommandLine, daemon: FakeDaemon) -> None:
    ranking = json.loads(hob("rerank", "--json", "--top", "1", "query", stdin=b"one\ntwo\n").out)
    assert ranking["method"] == "cosine" and ranking["ranking"][0] == {"document": 1, "score": 0.5}
    assert daemon.requests[0].top_n == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        (["embed", "--file", "x", "text"], b"", 2, "not both"),
        (["embed", "--file", "/nowhere"], b"", 4, "cannot be read"),
        (["embed"], b"\n \n", 4, "there are no texts"),
        (["rerank", "query"], b"\xff", 4, "line 1 of stdin is not valid UTF-8"),
    ],
    ids=["both", "file", "empty", "bytes"],
)
def test_what_is_no_text_is_refused(
    hob: CommandLine, arguments: list[str], stdin: bytes, code: int, words: str
) -> None:
    outcome = hob(*arguments, stdin=stdin)
    assert outcome.code == code and words in outcome.err


def test_ps_says_what_a_model_can_do(hob: CommandLine) -> None:
    assert "generate, embed" in hob("ps").out
    (resident,) = json.loads(hob("ps", "--json").out)["residents"]
    assert (resident["abilities"], resident["embedding_dimensions"]) == (["generate", "embed"], 2)


@given(sizes=st.lists(st.integers(0, 2 << 20), max_size=12), many=st.booleans())
def test_batches_keep_all_texts_in_order(sizes: list[int], many: bool) -> None:
    texts = ["x"] * (3 * BATCH_TEXTS) if many else ["x" * size for size in sizes]
    parts = list(batches(texts))
    assert [text for _, part in parts for text in part] == texts
    starts = [sum(len(part) for _, part in parts[:number]) for number in range(len(parts))]
    assert [start for start, _ in parts] == starts
    assert all(len(part) <= BATCH_TEXTS for _, part in parts)

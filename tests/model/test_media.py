"""Pictures and sounds through real llama.cpp, with projectors of every shape that hob tells apart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hob_client import Client, Event, Media
from hob_client.errors import HobError, InvalidRequest, NotSupported, PromptTooLong

from tests.daemon import RunningDaemon
from tests.media_files import picture, sound
from tests.process.test_worker import fd_targets
from tests.tiny_model import Shape, write_tiny_model
from tests.tiny_projector import HEARING, SEEING, write_tiny_mrope_model, write_tiny_projector

pytestmark = pytest.mark.model
GREEDY: dict[str, Any] = {"temperature": 0, "ignore_eos": True, "max_tokens": 12}
# What templates of models that see look like: contents are lists, and parts have types.
IN_PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


def furnish(daemon: RunningDaemon, kind: str, **options: Any) -> RunningDaemon:
    """A model and its projector."""
    write = write_tiny_mrope_model if kind == "qwen2vl_merger" else write_tiny_model
    write(daemon.models / "tiny.gguf", **options)
    write_tiny_projector(daemon.models / "tiny.mmproj.gguf", kind)
    return daemon


@pytest.fixture
def seeing(real_daemon: RunningDaemon) -> RunningDaemon:
    return furnish(real_daemon, "mlp")


def look(client: Client, *content: str | bytes, **options: Any) -> Any:
    """What the model says to texts, images and sounds in this order."""
    pieces = [piece if isinstance(piece, str) else Media(data=piece) for piece in content]
    return client.ask("tiny", [{"role": "user", "content": pieces}], **{**GREEDY, **options})


def likelihood(client: Client, medium: bytes) -> float:
    """Of the first token that the model says of it; what follows may be computed in other batches."""
    content = ["what is ", Media(data=medium), " this?"]
    events = client.chat("tiny", [{"role": "user", "content": content}], logprobs=1, incognito=True, **GREEDY)
    return next(event.logprobs[0].logprob for event in events if event.kind == "delta")


@pytest.mark.parametrize("kind", [*SEEING, HEARING])
def test_answer_depends_on_what_is_seen_or_heard(real_daemon: RunningDaemon, kind: str) -> None:
    make: Callable[[int], bytes] = sound if kind == HEARING else picture
    with furnish(real_daemon, kind).start().client() as client:
        one, other, again = [likelihood(client, make(seed)) for seed in (1, 2, 1)]
        assert client.status().residents[0].abilities[-1] == ("hear" if kind == HEARING else "see")
    assert one == pytest.approx(again, abs=1e-5) and one != pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("kind", SEEING)
def test_same_picture_is_found_in_the_prefix_cache_and_says_the_same(
    real_daemon: RunningDaemon, kind: str
) -> None:
    with furnish(real_daemon, kind).start().client() as client:
        alone = look(client, "what is ", picture(), " this?", incognito=True)
        assert look(client, "what is ", picture(), " that?").receipt.num_cached_tokens == 0
        again = look(client, "what is ", picture(), " this?")
        assert again.receipt.num_cached_tokens > again.receipt.num_media_tokens
        assert again.text == alone.text


def test_another_picture_is_never_found_in_its_place(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        look(client, "a long text before what is to be seen ", picture(1), " this?")
        other = look(client, "a long text before what is to be seen ", picture(2), " this?")
        assert 0 < other.receipt.num_cached_tokens < other.receipt.num_prompt_tokens - 16
        assert other.text == look(client, "a long text before what is to be seen ", picture(2), " this?").text


def test_several_pictures_stand_where_they_are_shown(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        one = look(client, "first ", picture(1), " then ", picture(2), incognito=True)
        other = look(client, "first ", picture(2), " then ", picture(1), incognito=True)
    assert one.text != other.text and one.receipt.num_media_tokens == 32


def test_text_cannot_stand_for_a_picture(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        answer = look(client, "<__media__> is ", picture(), " this?")
        assert answer.receipt.num_media_tokens == 16
        assert look(client, "<__media__> this?").receipt.num_media_tokens == 0
        rendered = client.apply_template("tiny", [{"role": "user", "content": ["a ", Media(data=picture())]}])
    assert "a <__media__>" in rendered.prompt and rendered.num_tokens > 16


def test_template_that_wants_parts_gets_parts(real_daemon: RunningDaemon) -> None:
    with furnish(real_daemon, "mlp", template=IN_PARTS).start().client() as client:
        rendered = client.apply_template("tiny", [{"role": "user", "content": ["a ", Media(data=picture())]}])
        assert "user\na <__media__>" in rendered.prompt
        assert "user\nplain" in client.apply_template("tiny", [{"role": "user", "content": "plain"}]).prompt


def test_answers_to_pictures_and_to_text_at_once_are_what_they_are_alone(seeing: RunningDaemon) -> None:
    prompts = [("what is ", picture(1)), ("say something",), ("look at ", picture(2)), ("and again",)]
    with seeing.start().client() as client:
        alone = [look(client, *prompt, incognito=True).text for prompt in prompts]
        together = [""] * 8

        def ask(index: int) -> None:
            together[index] = look(client, *prompts[index % 4]).text

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert together == alone * 2


def test_dropped_message_takes_its_picture_along(real_daemon: RunningDaemon) -> None:
    first = {"role": "user", "content": ["old " * 60, Media(data=picture(1))]}
    turns = [first, {"role": "assistant", "content": "so it is"}, {"role": "user", "content": "new"}]
    with furnish(real_daemon, "mlp", context=256).start().client() as client:
        with pytest.raises(PromptTooLong):
            client.ask("tiny", turns, **GREEDY)
        answer = client.ask("tiny", turns, truncation_strategy="drop_oldest_messages", **GREEDY)
    assert answer.receipt.truncated and answer.receipt.num_media_tokens == 0


def test_shape_and_stop_hold_for_what_is_said_of_a_picture(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        chosen = look(client, picture(), "which?", choice=["red", "blue"], ignore_eos=False)
        assert chosen.text in ("red", "blue")
        whole = look(client, picture(), "which?").text
        assert look(client, picture(), "which?", stop=[whole[4:6]]).text == whole[:4]


def test_answer_after_a_kill_sees_the_picture_again(real_daemon: RunningDaemon) -> None:
    furnish(real_daemon, "mlp", shape=Shape(idle_layers=40))
    told: list[Event] = []
    with real_daemon.start().client() as client:
        content = ["what is ", Media(data=picture()), " this?"]
        for event in client.chat("tiny", [{"role": "user", "content": content}], regex="a{300}"):
            if event.kind == "delta" and not told:
                psutil.Process(client.status().residents[0].worker_pid).kill()
            told += [event] if event.kind in ("delta", "done") else []
    assert "".join(event.text for event in told[:-1]) == "a" * 300
    assert told[-1].receipt.resumed and told[-1].receipt.num_media_tokens == 16


def test_model_without_projector_says_what_is_missing(real_daemon: RunningDaemon, tiny_model: Path) -> None:
    real_daemon.add_model("tiny", tiny_model)
    with real_daemon.start().client() as client, pytest.raises(NotSupported, match=r"NAME\.mmproj\.gguf"):
        look(client, picture())


def test_projector_that_sees_refuses_what_is_heard(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        with pytest.raises(InvalidRequest, match="takes images and no sounds"):
            look(client, sound())
        assert look(client, picture()).text


@pytest.mark.parametrize(
    "data",
    [picture()[:-40], b"\x89PNG\r\n\x1a\n" + b"\xff" * 99, b"RIFF\0\0\0\0WAVEfmt ", b"GIF89a"],
    ids=["truncated", "junk", "wav", "stub"],
)
def test_hostile_medium_is_refused_and_harms_nobody(seeing: RunningDaemon, data: bytes) -> None:
    with seeing.start().client() as client:
        with pytest.raises(InvalidRequest, match="medium 0 cannot be decoded"):
            look(client, data)
        assert look(client, picture()).text and client.status().residents[0].num_restarts == 0


def write_junk(path: Path) -> None:
    path.write_bytes(b"GGUF" + b"\xff" * 5000)


def write_half(path: Path) -> None:
    whole = write_tiny_projector(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (write_junk, "cannot load it"),
        (write_half, "cannot load it|killed by"),
        (lambda path: write_tiny_projector(path, width=32), "mismatch between text model"),
        (lambda path: path.write_bytes(b"PK\3\4" * 99), "not a GGUF file"),
        (write_tiny_model, "cannot load it|killed by"),
    ],
    ids=["junk", "half", "another model's", "no model", "a model"],
)
def test_bad_projector_is_told_and_the_model_answers_without_it(
    real_daemon: RunningDaemon, write: Callable[[Path], object], why: str
) -> None:
    write_tiny_model(real_daemon.models / "tiny.gguf")
    write(real_daemon.models / "tiny.mmproj.gguf")
    with real_daemon.start("--set", "admission.vetting=off").client() as client:
        assert client.ask("tiny", "hello", **GREEDY).text
        resident = client.status().residents[0]
        with pytest.raises(HobError, match="its projector cannot be used"):
            look(client, picture())
    assert "see" not in resident.abilities
    assert any(word in resident.projector_problem for word in why.split("|"))


def test_worker_keeps_no_descriptor_of_its_projector(seeing: RunningDaemon) -> None:
    with seeing.start().client() as client:
        look(client, picture())
        held = fd_targets(client.status().residents[0].worker_pid)
    assert held and not [target for target in held if "mmproj" in target]

"""A header in words."""

from __future__ import annotations

from hobd.broker.facts import describe
from hobd.store.header import Header

from tests.headers import header


def told(made: Header) -> dict[str, str]:
    return dict(describe(made))


def with_fact(key: str, value: str) -> Header:
    made = header()
    return Header(facts={**made.facts, key: value}, tensors=made.tensors, file_bytes=1)


def test_what_a_network_is() -> None:
    facts = told(header(layers=4, vocabulary=1000))
    assert facts["layers"] == "4 of width 64, 8 heads" and facts["parameters"] == "201.7 K"
    assert facts["weights written as"] == "F16 100%" and facts["memory of a text"] == "0.3 KB a token"


def test_what_an_encoder_is() -> None:
    assert told(header("bert"))["memory of a text"].startswith("none: it reads a text whole")


def test_what_a_header_does_not_say_is_left_out() -> None:
    assert "license" not in told(header()) and "experts" not in told(header())
    assert told(Header(facts={}, tensors=(), file_bytes=0))["chat template"] == "none"


def test_template_is_summed_up_and_never_shown() -> None:
    shown = told(with_fact("tokenizer.chat_template", "{% if tools %}SECRET{% endif %}"))["chat template"]
    assert shown == "31 characters; mentions tools"


def test_texts_of_a_file_are_fit_for_a_terminal() -> None:
    shown = told(with_fact("general.name", "\x1b]0;you\x07" + "x" * 500))["name"]
    assert shown.isprintable() and len(shown) == 120

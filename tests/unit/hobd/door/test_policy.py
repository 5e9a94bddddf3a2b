"""Who is let in, and what becomes of what he asks.

Must need no socket.
Run by pytest.
"""

from __future__ import annotations

import pytest
from hob.v1 import daemon_pb2, doors_pb2, inference_pb2, models_pb2
from hobd.config.doors import OWNER, Terms
from hobd.door.policy import (
    CLASSES,
    RPCS,
    Allowed,
    Grants,
    Operation,
    Refused,
    Use,
    Wish,
    admit,
    decide,
    refused_rpc,
)
from hobd.errors import NotPermitted
from hypothesis import given
from hypothesis import strategies as st

CONTRACT = [
    method.name
    for file in (daemon_pb2, doors_pb2, inference_pb2, models_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
ALL = ("infer", "observe", "manage")

some_terms = st.builds(
    Terms,
    operations=st.lists(st.sampled_from(ALL), min_size=1, unique=True).map(tuple),
    models=st.lists(st.sampled_from(["a", "b*", "c?"])).map(tuple),
    best_class=st.sampled_from(CLASSES),
    max_concurrent=st.integers(0, 4),
    tokens_per_minute=st.integers(0, 4),
    max_context_tokens=st.integers(0, 4),
    max_tokens=st.integers(0, 4),
    system_prompt=st.sampled_from(["", "canary"]),
    schema_only=st.booleans(),
    incognito=st.booleans(),
    raw_prompts=st.booleans(),
)
some_wish = st.builds(
    Wish,
    rpc=st.sampled_from([*CONTRACT, "NoSuchRpc"]),
    model=st.sampled_from([(), ("a",), ("B2",), ("c1", "alias"), ("d",)]),
    priority=st.integers(0, 2),
    max_tokens=st.none() | st.integers(1, 8),
    num_answers=st.integers(1, 4),
    says_system=st.booleans(),
    has_schema=st.booleans(),
)
some_use = st.builds(Use, num_running=st.integers(0, 4), wait_ms=st.integers(0, 2))


def verdict(wish: Wish, use: Use = Use(), **terms: object) -> Allowed | Refused:  # noqa: B008
    return decide(Grants(door="ci", terms=Terms(**terms)), wish, use)  # type: ignore[arg-type]


def assert_refused(found: Allowed | Refused, rule: str, words: str) -> None:
    assert isinstance(found, Refused) and found.rule == rule
    assert words in found.reason and "door ci" in found.reason


def test_every_rpc_of_the_contract_has_an_operation() -> None:
    assert sorted(RPCS) == sorted(CONTRACT)


def test_rpc_that_nobody_mapped_is_the_owners_alone() -> None:
    terms = Terms(operations=ALL)  # type: ignore[arg-type]
    assert refused_rpc(Grants(door="ci", terms=terms), "Brew") is not None
    assert refused_rpc(Grants(door=OWNER), "Brew") is None


def test_owner_is_admitted() -> None:
    admit(1000, 1000, door=OWNER, admitted=())


@pytest.mark.parametrize(("caller_uid", "owner_uid"), [(1001, 1000), (0, 1000), (1000, 0)])
def test_other_users_and_root_are_refused(caller_uid: int, owner_uid: int) -> None:
    with pytest.raises(NotPermitted, match=rf"uid {owner_uid} .* uid {caller_uid};"):
        admit(caller_uid, owner_uid, door=OWNER, admitted=())


def test_named_door_admits_whom_it_names_and_refuses_root() -> None:
    admit(1001, 1000, door="ci", admitted={1001})
    admit(7, 1000, door="ci", admitted=None)
    for uid in (0, 1002):
        with pytest.raises(NotPermitted, match=f"door ci does not admit uid {uid}; ask its owner, uid 1000"):
            admit(uid, 1000, door="ci", admitted={1001})


@given(terms=some_terms, wish=some_wish, use=some_use)
def test_what_is_allowed_is_within_every_grant(terms: Terms, wish: Wish, use: Use) -> None:
    found = decide(Grants(door="ci", terms=terms), wish, use)
    if isinstance(found, Refused):
        return
    assert set(RPCS[wish.rpc]) & set(terms.operations)
    assert not wish.model or Grants(door="ci", terms=terms).shows(wish.model)
    assert found.priority >= CLASSES.index(terms.best_class) and found.priority >= wish.priority
    assert not terms.max_tokens or (found.max_tokens or 99) <= terms.max_tokens
    assert found.max_context_tokens == (terms.max_context_tokens or None)
    assert not terms.max_concurrent or use.num_running + wish.num_answers <= terms.max_concurrent
    assert not (terms.tokens_per_minute and use.wait_ms)
    assert found.incognito == terms.incognito
    assert not (terms.system_prompt and (wish.says_system or wish.rpc in ("Generate", "Infill")))
    assert terms.raw_prompts or wish.rpc not in ("Generate", "Infill")


@given(terms=some_terms, wish=some_wish, use=some_use)
def test_owner_is_refused_nothing_and_changed_nothing(terms: Terms, wish: Wish, use: Use) -> None:
    found = decide(Grants(door=OWNER, terms=terms), wish, use)
    assert found == Allowed(priority=wish.priority, max_tokens=wish.max_tokens)


@given(terms=some_terms, wish=some_wish, use=some_use)
def test_refusal_names_the_door_and_no_pinned_words(terms: Terms, wish: Wish, use: Use) -> None:
    found = decide(Grants(door="ci", terms=terms), wish, use)
    assert "canary" not in repr(found) + repr(terms)
    assert isinstance(found, Allowed) or (found.rule.isidentifier() and "door ci" in found.reason)


def test_operation_that_is_not_granted_is_refused() -> None:
    assert_refused(
        verdict(Wish(rpc="UnloadModel")), "operation", "grants infer, and UnloadModel needs manage"
    )
    assert_refused(verdict(Wish(rpc="AddDoor"), operations=ALL), "operation", "needs the owner's door")


@pytest.mark.parametrize("granted", ["smol*", "SMOL", "tin?", "alias"])
def test_model_is_granted_by_name_alias_or_pattern_in_any_case(granted: str) -> None:
    wish = Wish(rpc="Chat", model=("Smol", "tiny", "Alias"))
    assert isinstance(verdict(wish, models=(granted,)), Allowed)
    assert_refused(verdict(Wish(rpc="Chat", model=("other",)), models=(granted,)), "model", "no model other")


@pytest.mark.parametrize("rpc", ["Generate", "Infill", "ApplyTemplate"])
def test_pinned_prompt_cannot_be_passed_by(rpc: str) -> None:
    assert_refused(verdict(Wish(rpc=rpc), system_prompt="x"), "system_prompt", "words of its own")


def test_second_system_prompt_is_refused() -> None:
    found = verdict(Wish(rpc="Chat", says_system=True), system_prompt="x")
    assert_refused(found, "system_prompt", "has a system prompt of its own")


def test_shape_is_asked_of_text_and_not_of_vectors() -> None:
    assert_refused(verdict(Wish(rpc="Chat"), schema_only=True), "schema_only", "JSON schemas only")
    assert isinstance(verdict(Wish(rpc="Chat", has_schema=True), schema_only=True), Allowed)
    assert isinstance(verdict(Wish(rpc="Embed"), schema_only=True), Allowed)


def test_too_many_answers_are_refused_for_now_or_for_ever() -> None:
    for number, retry in ((2, 1000), (3, None)):
        found = verdict(Wish(rpc="Chat", num_answers=number), Use(num_running=1), max_concurrent=2)
        assert_refused(found, "max_concurrent", f"2 answers at once, and 1 under way with {number} more")
        assert isinstance(found, Refused) and found.retry_after_ms == retry


def test_used_up_tokens_are_refused_with_the_time_to_wait() -> None:
    found = verdict(Wish(rpc="Embed"), Use(wait_ms=1500), tokens_per_minute=60)
    assert_refused(found, "tokens_per_minute", "60 tokens a minute, and they are used up; ask again in 1.5 s")


def test_only_who_manages_may_keep_a_model() -> None:
    for operations, keeps in ((("infer",), False), (("infer", "manage"), True)):
        found = verdict(Wish(rpc="Chat"), operations=operations)
        assert isinstance(found, Allowed) and found.keeps_alive is keeps


def test_operations_are_those_of_the_configuration_and_one_that_nobody_grants() -> None:
    assert set(Operation) == {*ALL, Operation.OWN}

"""Requests about several texts are checked once, and every refusal names field, value and range."""

from __future__ import annotations

import struct

import pytest
from hob.v1 import inference_pb2 as pb
from hobd.api import convert_texts, render
from hobd.broker import request as words
from hobd.config import Config
from hobd.config.schema import Limits
from hobd.errors import InvalidRequest
from hobd.wire import messages as m

CONFIG = Config()
CUT = pb.RequestOptions(truncation_strategy=pb.TRUNCATION_STRATEGY_KEEP_END)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": []}, "inputs must be 1 to 8192 texts, not 0"),
        ({"inputs": ["a"] * 8193}, "inputs must be 1 to 8192 texts, not 8193"),
        ({"inputs": ["a", ""]}, r"inputs\[1\] must have 1 to 1048576 bytes, not 0"),
        ({"inputs": ["a" * 1048577]}, r"inputs\[0\] must have 1 to 1048576 bytes, not 1048577"),
        ({"dimensions": 0}, "dimensions must be from 1 to 16384, not 0"),
        ({"pooling": 9}, "pooling 9 does not exist"),
        ({"options": CUT}, "leave truncation_strategy unset"),
    ],
    ids=["none", "too many", "empty", "too long", "dimensions", "pooling", "truncation"],
)
def test_absurd_embedding_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        convert_texts.embed_request(pb.EmbedRequest(**({"inputs": ["a"]} | fields)), CONFIG)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"query": ""}, "query must have 1 to 1048576 bytes, not 0"),
        ({"documents": []}, "documents must be 1 to 4096 texts, not 0"),
        ({"documents": ["a"] * 4097}, "documents must be 1 to 4096 texts, not 4097"),
        ({"top_n": 0}, "top_n must be from 1 to 4096, not 0"),
    ],
    ids=["query", "none", "too many", "top"],
)
def test_absurd_reranking_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        request = pb.RerankRequest(**({"query": "q", "documents": ["a"]} | fields))
        convert_texts.rerank_request(request, CONFIG)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prefix": ""}, "nothing around the gap"),
        ({"context_files": [pb.ContextFile()] * 257}, "257 files; at most 256"),
        ({"path": "p" * 1025}, "path must have at most 1024 characters, not 1025"),
        ({"options": CUT}, "leave truncation_strategy unset"),
    ],
    ids=["empty", "too many", "path", "truncation"],
)
def test_absurd_infill_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        convert_texts.infill_request(pb.InfillRequest(**({"prefix": "a"} | fields)), CONFIG)


def test_texts_together_have_the_limit_of_a_prompt() -> None:
    config = Config(limits=Limits(max_prompt_bytes=10))
    with pytest.raises(InvalidRequest, match=r"12 bytes; limits\.max_prompt_bytes allows 10"):
        convert_texts.embed_request(pb.EmbedRequest(inputs=["abcd"] * 3), config)


def test_vectors_are_normalized_unless_told_otherwise() -> None:
    def is_normalized(**fields: object) -> bool:
        prompt = convert_texts.embed_request(pb.EmbedRequest(inputs=["a"], **fields), CONFIG).prompt
        assert isinstance(prompt, m.EmbedPrompt)
        return prompt.normalize

    assert is_normalized() and is_normalized(normalize=True) and not is_normalized(normalize=False)


def test_no_repr_carries_a_text() -> None:
    request = convert_texts.rerank_request(pb.RerankRequest(query="SECRET", documents=["SECRET"]), CONFIG)
    vector = words.Embedded([m.Vector(0, b"SECR", 1)])
    assert "SECR" not in repr(request) + repr(request.prompt) + repr(vector)


def test_ranking_puts_the_best_first_and_what_is_no_number_last() -> None:
    scores = [0.5, float("nan"), 0.75, 0.5]
    vectors = [m.Vector(i, struct.pack("<f", score), 1) for i, score in enumerate(scores)]
    ranking = render.ranking([words.Embedded(vectors[:2]), words.Embedded(vectors[2:])], None).ranking
    assert [ranked.document for ranked in ranking] == [2, 0, 3, 1]
    assert len(render.ranking([words.Embedded(vectors)], 2).ranking) == 2

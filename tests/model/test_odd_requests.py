"""Requests that no client of ours sends, straight over the socket to a real worker: none of them kills it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from hob.v1 import inference_pb2 as pb
from hob.v1.inference_pb2_grpc import InferenceServiceStub
from hob_client import Client

from tests.daemon import RunningDaemon
from tests.model.test_tools import THINKS
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One daemon for all, with a model that knows reasoning."""
    daemon = RunningDaemon(tmp_path_factory.mktemp("odd") / "home", fake_workers=False)
    write_tiny_model(daemon.models / "tiny.gguf", template=THINKS)
    with daemon.start().client() as client:
        yield client
    daemon.stop()


@pytest.fixture(scope="module")
def stub(client: Client) -> Iterator[InferenceServiceStub]:
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"unix:{client.status().doors[0].path}", options=options) as channel:
        yield InferenceServiceStub(channel)


def refusal(call: grpc.UnaryStreamMultiCallable, request: object, client: Client) -> str:
    """What the call is refused with; its worker is still the first one."""
    with pytest.raises(grpc.RpcError) as caught:
        list(replies) if hasattr(replies := call(request, timeout=60), "__next__") else replies
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    assert client.complete("tiny", "the", temperature=0, max_tokens=3).text
    assert client.status().residents[0].num_restarts == 0
    return str(caught.value.details())


@pytest.mark.parametrize("token", [1 << 31, (1 << 32) - 1])
def test_tokens_that_no_vocabulary_has_are_refused(
    client: Client, stub: InferenceServiceStub, token: int
) -> None:
    said = refusal(stub.Detokenize, pb.DetokenizeRequest(model="tiny", ids=[token]), client)
    assert said == f"ids must be from 0 to 2147483647, not {token}"
    generate = pb.GenerateRequest(model="tiny", tokens=pb.TokenIds(ids=[1, token]))
    said = refusal(stub.Generate, generate, client)
    assert said == f"tokens must be from 0 to 2147483647, not {token}"


@pytest.mark.parametrize("text", ["NaN", '{"a": [Infinity]}', '"\\ud800"', "[" * 100_000], ids=repr)
def test_template_arguments_are_strict_json(client: Client, stub: InferenceServiceStub, text: str) -> None:
    user = pb.ChatMessage(role="user", content=[pb.ContentPart(text="hi")])
    chat = pb.ChatRequest(model="tiny", messages=[user], reasoning=pb.Reasoning(enabled=True))
    chat.template_arguments["a"] = text
    assert "template_arguments['a']" in refusal(stub.Chat, chat, client)


def test_text_to_tokenize_has_the_prompts_limit(client: Client, stub: InferenceServiceStub) -> None:
    request = pb.TokenizeRequest(model="tiny", text=" " * (17 << 20))
    assert "max_prompt_bytes allows 8388608" in refusal(stub.Tokenize, request, client)


def test_reply_that_no_frame_holds_is_refused(client: Client, stub: InferenceServiceStub) -> None:
    request = pb.TokenizeRequest(model="tiny", text="\x01" * 2_000_000)
    assert "the tokens may take 10000000 bytes" in refusal(stub.Tokenize, request, client)
    request = pb.DetokenizeRequest(model="tiny", ids=[265] * 2_000_000)
    assert "of one reply; ask in parts" in refusal(stub.Detokenize, request, client)


def test_large_texts_below_the_limits_are_told(client: Client, stub: InferenceServiceStub) -> None:
    text = "the and " * 40_000
    ids = stub.Tokenize(pb.TokenizeRequest(model="tiny", text=text), timeout=60).ids
    assert stub.Detokenize(pb.DetokenizeRequest(model="tiny", ids=ids), timeout=60).text == text


def test_template_argument_has_a_limit(client: Client, stub: InferenceServiceStub) -> None:
    user = pb.ChatMessage(role="user", content=[pb.ContentPart(text="hi")])
    chat = pb.ChatRequest(
        model="tiny", messages=[user], template_arguments={"a": '"' + "x" * 20_000_000 + '"'}
    )
    assert "template_arguments['a'] has 20000002 bytes" in refusal(stub.Chat, chat, client)

"""Requests about several texts, and the whole of what comes back: vectors, rankings, filled gaps.

Must never put text of a prompt into an error. Called by client.py and async_client.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hob.v1 import inference_pb2 as pb

from hob_client.errors import InternalError, InvalidRequest
from hob_client.events import Progress
from hob_client.parameters import Options, build_options, build_parts
from hob_client.requests import check_text
from hob_client.values import Embedding, Embeddings, Receipt

Pooling = Literal["mean", "cls", "last"]


class EmbedOptions(Options, total=False):
    """How vectors are made. All optional; see hob/v1/inference.proto for what each does."""

    pooling: Pooling
    normalize: bool
    dimensions: int
    chunk_long_inputs: bool


_OF_EMBEDDING = EmbedOptions.__annotations__.keys() - Options.__annotations__.keys()


def embed_request(model: str, inputs: str | Sequence[str], options: Mapping[str, Any]) -> pb.EmbedRequest:
    """`inputs`: texts, or a single one."""
    texts = _texts("inputs", inputs)
    making = {name: value for name, value in options.items() if name in _OF_EMBEDDING and value is not None}
    if "pooling" in making:
        making["pooling"] = _pooling(making["pooling"])
    treatment = {name: value for name, value in options.items() if name not in _OF_EMBEDDING}
    request: pb.EmbedRequest = _build(
        pb.EmbedRequest, model=model, inputs=texts, options=build_options(treatment), **making
    )
    return request


def rerank_request(
    model: str, query: str, documents: Sequence[str], top_n: int | None, options: Mapping[str, Any]
) -> pb.RerankRequest:
    check_text("the query", query)
    texts = _texts("documents", documents)
    request: pb.RerankRequest = _build(
        pb.RerankRequest,
        model=model,
        query=query,
        documents=texts,
        options=build_options(options),
        **({} if top_n is None else {"top_n": top_n}),
    )
    return request


def infill_request(
    model: str,
    prefix: str,
    suffix: str,
    path: str,
    context_files: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> pb.InfillRequest:
    """`context_files`: other files by their paths, the most relevant first."""
    for what, text in (("the prefix", prefix), ("the suffix", suffix), ("the path", path)):
        check_text(what, text)
    for number, (name, text) in enumerate(context_files.items()):
        check_text(f"the path of context file {number}", name)
        check_text(f"context file {number}", text)
    parts = build_parts(parameters)
    if "response_format" in parts:
        raise InvalidRequest("what fills a gap takes its shape from around it; leave the response format out")
    return pb.InfillRequest(
        model=model,
        prefix=prefix,
        suffix=suffix,
        path=path,
        context_files=[pb.ContextFile(path=name, text=text) for name, text in context_files.items()],
        **parts,
    )


class EmbeddingsBuilder:
    """Puts the vectors of a request into the order of its inputs."""

    __slots__ = ("_receipt", "_vectors")

    def __init__(self) -> None:
        self._vectors: dict[int, tuple[float, ...]] = {}
        self._receipt: Receipt | None = None

    def add(self, step: Progress | Embedding | Receipt) -> None:
        if isinstance(step, Embedding):
            self._vectors[step.input] = step.values
        elif isinstance(step, Receipt):
            self._receipt = step

    def finish(self) -> Embeddings:
        """Raises InternalError if the stream ended without its receipt."""
        if self._receipt is None:
            raise InternalError("the daemon ended the vectors without a receipt; please report this")
        vectors = tuple(self._vectors[number] for number in sorted(self._vectors))
        return Embeddings(vectors=vectors, receipt=self._receipt)


def _texts(what: str, texts: str | Sequence[str]) -> list[str]:
    listed = [texts] if isinstance(texts, str) else list(texts)
    for number, text in enumerate(listed):
        check_text(f"{what}[{number}]", text)
    return listed


def _pooling(name: Any) -> int:
    numbers = {full.removeprefix("POOLING_").lower(): n for full, n in pb.EmbedRequest.Pooling.items() if n}
    if name not in numbers:
        raise InvalidRequest(f"pooling is {name!r}; it must be one of {', '.join(numbers)}")
    number: int = numbers[name]
    return number


def _build(kind: Any, **fields: Any) -> Any:
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        # Texts were checked: what is wrong now is a number or a flag, and may be told.
        fault = str(error)
    raise InvalidRequest(f"a parameter cannot have its value: {fault}")

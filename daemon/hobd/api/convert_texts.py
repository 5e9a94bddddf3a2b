"""Requests about several texts, from protobuf to the broker's words: embed, rerank, infill.

Must make no decision beyond "is this a sensible request": every refusal names the field, the value and
the range. Called by api/inference.py; what all requests share is convert.py's.
"""

from __future__ import annotations

from collections.abc import Sequence

from hob.v1 import inference_pb2 as pb

from hobd.api import convert
from hobd.broker.request import Request
from hobd.config import Config
from hobd.errors import InvalidRequest
from hobd.wire import messages as m

# With the widest vectors half a gigabyte, should nobody read what comes back; with common ones a fortieth.
_MAX_INPUTS = 8192
_MAX_DOCUMENTS = 4096
_MAX_TEXT_BYTES = 1 << 20
_MAX_FILES = 256
_MAX_PATH_CHARACTERS = 1024
_POOLINGS = {
    pb.EmbedRequest.POOLING_UNSPECIFIED: "",
    pb.EmbedRequest.POOLING_MEAN: "mean",
    pb.EmbedRequest.POOLING_CLS: "cls",
    pb.EmbedRequest.POOLING_LAST: "last",
}


def embed_request(request: pb.EmbedRequest, config: Config, caller: str = convert.OWNER) -> Request:
    """Raises InvalidRequest."""
    _check_texts("inputs", request.inputs, _MAX_INPUTS)
    convert.check_bytes(_size(request.inputs), config)
    dimensions = convert.optional(request, "dimensions")
    if dimensions is not None:
        convert.in_range("dimensions", dimensions, 1, m.MAX_WIDTH)
    normalize = convert.optional(request, "normalize")
    prompt = m.EmbedPrompt(
        list(request.inputs),
        convert.choose("pooling", request.pooling, _POOLINGS),
        normalize is not False,
        dimensions,
        request.chunk_long_inputs,
    )
    return _vectors_request(request, prompt, caller)


def rerank_request(request: pb.RerankRequest, config: Config, caller: str = convert.OWNER) -> Request:
    """Raises InvalidRequest."""
    _check_texts("query", [request.query], 1)
    _check_texts("documents", request.documents, _MAX_DOCUMENTS)
    convert.check_bytes(_size([request.query, *request.documents]), config)
    if request.HasField("top_n"):
        convert.in_range("top_n", request.top_n, 1, _MAX_DOCUMENTS)
    return _vectors_request(request, m.RerankPrompt(request.query, list(request.documents)), caller)


def infill_request(request: pb.InfillRequest, config: Config, caller: str = convert.OWNER) -> Request:
    """Raises InvalidRequest or NotSupported."""
    files = request.context_files
    if len(files) > _MAX_FILES:
        raise InvalidRequest(f"context_files has {len(files)} files; at most {_MAX_FILES} are taken")
    for name, path in [
        ("path", request.path),
        *((f"context_files[{i}].path", f.path) for i, f in enumerate(files)),
    ]:
        convert.check_characters(name, path, _MAX_PATH_CHARACTERS)
    if not request.prefix and not request.suffix:
        raise InvalidRequest("there is nothing around the gap; set `prefix`, `suffix` or both")
    convert.check_bytes(_size([request.prefix, request.suffix, *(file.text for file in files)]), config)
    if request.options.truncation_strategy:
        raise InvalidRequest(
            "an infill always keeps what is nearest to its gap; leave truncation_strategy unset"
        )
    prompt = m.InfillPrompt(
        request.prefix,
        request.suffix,
        [m.ContextFile(file.path, file.text) for file in files],
        request.path,
    )
    return convert.generation(request, prompt, config, caller)


def _vectors_request(request: pb.EmbedRequest | pb.RerankRequest, prompt: m.Prompt, caller: str) -> Request:
    if request.options.truncation_strategy:
        raise InvalidRequest("texts are not cut; leave truncation_strategy unset, or shorten them")
    return Request(
        model=request.model,
        prompt=prompt,
        sampling=m.Sampling(),
        limits=m.Limits(),
        **convert.treatment(request.options, caller),
    )


def _check_texts(name: str, texts: Sequence[str], most: int) -> None:
    if not 1 <= len(texts) <= most:
        raise InvalidRequest(f"{name} must be 1 to {most} texts, not {len(texts)}")
    for index, text in enumerate(texts):
        which = name if most == 1 else f"{name}[{index}]"
        if not 1 <= len(text.encode()) <= _MAX_TEXT_BYTES:
            raise InvalidRequest(f"{which} must have 1 to {_MAX_TEXT_BYTES} bytes, not {len(text.encode())}")


def _size(texts: Sequence[str]) -> int:
    return sum(len(text.encode()) for text in texts)

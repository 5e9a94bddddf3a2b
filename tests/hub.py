"""Hosts that publish models, on loopback: files, and how badly each is served.

Must follow its script alone: what goes wrong goes wrong at a byte, never at a time. Used by tests of
hob_fetch.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as the host saw it."""

    path: str
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Served:
    """A path's content. `faults` are taken one a request, before it is served as it should be."""

    content: bytes
    etag: str = '"1"'
    faults: list[Callable[[Answer], None]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    has_ranges: bool = True


class Hub:
    """A context. `serve` paths, look what was `asked`; `url` is where it is."""

    def __init__(self, *, certificate: Path | None = None) -> None:
        """`certificate`: with its key beside it, to be asked by https."""
        self.paths: dict[str, Served] = {}
        self.asked: list[Asked] = []
        hub = self

        class Handler(Answer):
            def do_GET(self) -> None:
                hub.asked.append(Asked(path=self.path, headers=dict(self.headers.items())))
                self.answer(hub.paths.get(self.path) or hub.paths.get(self.path.partition("?")[0]))

            def do_CONNECT(self) -> None:
                """What a proxy is asked; this one leads nowhere."""
                hub.asked.append(Asked(path=f"CONNECT {self.path}", headers=dict(self.headers.items())))
                self.head(501, {}, 0)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://{self.host}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(
        self, path: str, content: bytes | Any, *faults: Callable[[Answer], None], **rest: Any
    ) -> Served:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        served = self.paths[path] = Served(content=body, faults=list(faults), **rest)
        return served

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.serve(path, b"", status=status, headers={"Location": to})

    def headers_at(self, path: str) -> list[dict[str, str]]:
        return [asked.headers for asked in self.asked if asked.path.partition("?")[0] == path]

    # ------------------------------------------------------------------ shapes

    def hugging_face(self, repo: str, files: dict[str, bytes], *, license: str = "apache-2.0") -> None:
        """The API's answer, and each file at its commit."""
        listed = [{"rfilename": name, "size": len(body), "lfs": lfs(body)} for name, body in files.items()]
        told = {"sha": COMMIT, "siblings": listed, "cardData": {"license": license}}
        self.serve(f"/api/models/{repo}/revision/main", told)
        for name, body in files.items():
            self.serve(f"/{repo}/resolve/{COMMIT}/{name}", body)

    def registry(self, path: str, tag: str, layers: list[tuple[str, bytes, str]]) -> dict[str, Any]:
        """A manifest of (type, blob, title), and the blobs. Returns the manifest."""
        manifest = {"schemaVersion": 2, "layers": [layer(*each) for each in layers]}
        self.serve(f"/v2/{path}/manifests/{tag}", manifest)
        for _, blob, _ in layers:
            self.serve(f"/v2/{path}/blobs/sha256:{sha256(blob)}", blob)
        return manifest


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked hung up, which is what some tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Answer(BaseHTTPRequestHandler):
    """One request, which faults may answer in their own way."""

    protocol_version = "HTTP/1.1"
    served: Served
    is_over = False

    def log_message(self, *_: object) -> None: ...

    def answer(self, served: Served | None) -> None:
        self.is_over = False
        if served is None:
            self.head(404, {}, 0)
            return
        self.served = served
        if served.faults:
            served.faults.pop(0)(self)
        if not self.is_over:
            self.plain()

    def plain(self, most: int | None = None) -> None:
        """As it should be; with `most` it announces all and sends less."""
        content, begin, status, headers = (
            self.served.content,
            0,
            self.served.status,
            dict(self.served.headers),
        )
        if status == 200 and (found := self._range()):
            begin, status = int(found[1]), 206
            if begin >= len(content):
                self.head(416, {"Content-Range": f"bytes */{len(content)}"}, 0)
                return
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if self.served.etag:
            headers["ETag"] = self.served.etag
        self.head(status, headers, len(content) - begin)
        self.wfile.write(content[begin:][:most])
        if most is not None:
            self.close_connection = True

    def head(self, status: int, headers: dict[str, str], length: int) -> None:
        self.is_over = True
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()

    def _range(self) -> re.Match[str] | None:
        condition = self.headers.get("If-Range")
        if not self.served.has_ranges or (condition and condition != self.served.etag):
            return None
        return re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))


# ------------------------------------------------------------------ faults


def cut_after(num_bytes: int) -> Callable[[Answer], None]:
    """Announces all, sends so many, hangs up."""
    return lambda answer: answer.plain(num_bytes)


def stall_after(num_bytes: int) -> Callable[[Answer], None]:
    """Announces all, sends so many, and says nothing more until the other side gives up."""

    def stall(answer: Answer) -> None:
        answer.plain(num_bytes)
        answer.wfile.flush()
        answer.rfile.read(1)

    return stall


def status(code: int, **headers: str) -> Callable[[Answer], None]:
    return lambda answer: answer.head(code, {k.replace("_", "-"): v for k, v in headers.items()}, 0)


def becomes(content: bytes, etag: str) -> Callable[[Answer], None]:
    """From this request on the file is another."""

    def change(answer: Answer) -> None:
        answer.served.content, answer.served.etag = content, etag

    return change


# ------------------------------------------------------------------ parts of shapes


def gguf(num_bytes: int, seed: int = 0) -> bytes:
    """Bytes that begin like a model, and differ everywhere."""
    body = hashlib.shake_256(seed.to_bytes(8, "little")).digest(max(0, num_bytes - 4))
    return b"GGUF" + body


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lfs(content: bytes) -> dict[str, Any]:
    return {"sha256": sha256(content), "size": len(content), "pointerSize": 134}


def layer(media_type: str, blob: bytes, title: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"mediaType": media_type, "digest": f"sha256:{sha256(blob)}", "size": len(blob)}
    return told | ({"annotations": {"org.opencontainers.image.title": title}} if title else {})

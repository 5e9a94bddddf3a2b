"""An editor that is nothing but the Language Server Protocol: starts `hob lsp` and speaks with it.

Must leave no process. Used by the tests of the language server.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.daemon import await_true

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"dataSupport": True, "resolveSupport": {"properties": ["edit"]}},
    },
    "window": {"workDoneProgress": True},
    "workspace": {"applyEdit": True},
}


class LanguageClient:
    """`open` texts, `change` them, `ask`; what the server says by itself is in `told`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        root: Path,
        *,
        arguments: tuple[str, ...] = ("--no-start",),
        capabilities: Mapping[str, Any] = CAPABILITIES,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.told: list[dict[str, Any]] = []
        self.applied: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._has_come = threading.Condition()
        self._is_over = False
        self._next = 0
        self._versions: dict[str, int] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "hob_editors.lsp", *arguments],
            env={**environment, "PYTHONWARNINGS": "error"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        asked = {"processId": None, "rootUri": root.as_uri(), "capabilities": capabilities}
        self.server: dict[str, Any] = self.ask(
            "initialize", {**asked, "initializationOptions": options or {}}
        )
        self.notify("initialized", {})

    # ------------------------------------------------------------- messages

    def ask(self, method: str, params: Any, seconds: float = 60) -> Any:
        number = self.begin(method, params)
        return self.answer(number, seconds)

    def begin(self, method: str, params: Any) -> int:
        self._next += 1
        self._send({"id": self._next, "method": method, "params": params})
        return self._next

    def answer(self, number: int, seconds: float = 60) -> Any:
        with self._has_come:
            self._has_come.wait_for(lambda: number in self._answers or self._is_over, seconds)
        assert number in self._answers, f"no answer to request {number} within {seconds} s"
        message = self._answers.pop(number)
        if "error" in message:
            raise ServerError(message["error"])
        return message["result"]

    def cancel(self, number: int) -> None:
        self.notify("$/cancelRequest", {"id": number})

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            size = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            self._take(json.loads(stream.read(size)))
        with self._has_come:
            self._is_over = True
            self._has_come.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            with self._has_come:
                self._answers[message["id"]] = message
                self._has_come.notify_all()
        elif "id" in message:
            is_edit = message["method"] == "workspace/applyEdit"
            if is_edit:
                self.applied.append(message["params"]["edit"])
            self._send({"id": message["id"], "result": {"applied": True} if is_edit else None})
        else:
            self.told.append(message)

    # ------------------------------------------------------------- an editor's acts

    def open(self, name: str, text: str, language: str = "python") -> str:
        uri = (self.root / name).as_uri()
        self._versions[uri] = 1
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def type(self, uri: str, line: int, character: int, text: str) -> None:
        """Inserts, as the editor counts."""
        at = {"line": line, "character": character}
        self._versions[uri] += 1
        changes = [{"range": {"start": at, "end": at}, "text": text}]
        document = {"uri": uri, "version": self._versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def begin_hints(self, uri: str, line: int, character: int, *, is_wished: bool = False) -> int:
        context = {"triggerKind": 1 if is_wished else 2}
        asked = {**place(uri, line, character), "context": context}
        return self.begin("textDocument/inlineCompletion", asked)

    def hints(self, uri: str, line: int, character: int, *, is_wished: bool = False) -> list[dict[str, Any]]:
        found = self.answer(self.begin_hints(uri, line, character, is_wished=is_wished))
        items: list[dict[str, Any]] = found["items"]
        return items

    def command(self, name: str, *arguments: Any) -> Any:
        return self.ask("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    def states(self) -> list[str]:
        return [message["params"]["state"] for message in self.all("hob/status")]

    def all(self, method: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["method"] == method]

    def await_state(self, *states: str) -> None:
        await_true(lambda: bool({*states} & {*self.states()[-1:]}), f"one of {states}", 60)

    def close(self) -> str:
        """Ends the server as an editor does; what it wrote to stderr."""
        if self.process.poll() is None:
            self.ask("shutdown", None)
            self.notify("exit", None)
        return self.end()

    def end(self) -> str:
        for stream in (self.process.stdin,):
            if stream is not None and not stream.closed:
                stream.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(10)
            assert self.process.stderr is not None and self.process.stdout is not None
            self.errors = self.process.stderr.read().decode()
            self.process.stderr.close()
            self.process.stdout.close()
        return self.errors


class ServerError(Exception):
    """What the server answered in place of a result."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


def place(uri: str, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}

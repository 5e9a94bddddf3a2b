"""A real gateway process for tests, confined as ever, with a token of its own.

Must leave no process. Made by the fixtures in tests/gateway/conftest.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
from hob_gateway.tokens import TokenBook, new_token


class RunningGateway:
    """`start` it, ask it through `http()` or any library at `url` with `token`, `stop` it."""

    def __init__(self, home: Path, socket: Path) -> None:
        self.home = home
        self.socket = socket
        self.url = ""
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = home / "gateway.log"
        home.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "HOB_SOCKET": str(self.socket)}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One run of `hob`."""
        argv = [sys.executable, "-I", "-m", "hob_cli.main", *arguments]
        argv[2:4] = ["-c", "from hob_cli.main import main; main()"]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=60)

    def add_token(self, name: str, *arguments: str) -> str:
        told = self.command("--json", "gateway", "token", "add", name, *arguments)
        assert told.returncode == 0, told.stderr
        secret: str = json.loads(told.stdout)["token"]
        return secret

    def _own_token(self) -> str:
        """As `add_token`, without a program of its own: most tests want one, and few care how it came."""
        folder = self.home / ".local/state/hob/gateway"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        token, secret = new_token("test", ("infer",), now=time.time(), days=None)
        TokenBook(folder / "tokens.json").add(token)
        return secret

    def start(self, *arguments: str, listen: str = "127.0.0.1:0", door: str | None = None) -> RunningGateway:
        """Returns when it serves; fails with its log when it does not. `door`: its name; "" for its own."""
        self.token = self.token or self._own_token()
        ready, told = os.pipe()
        argv = [sys.executable, "-I", "-m", "hob_gateway"]
        argv += ["--socket", str(self.socket)] if door is None else []
        argv += ["run", "--listen", listen, "--ready-fd", str(told), *(["--door", door] if door else [])]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, *arguments], env=self.environment, stdout=log, stderr=log, pass_fds=(told,)
            )
        os.close(told)
        with os.fdopen(ready) as pipe:
            line = pipe.readline()
        assert line.startswith("ready "), f"{line!r}\n{self.log}"
        self.url = line.split()[1]
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)$", self.url)
        assert found
        return int(found[1])

    def http(self, **headers: str) -> httpx.Client:
        """A client with the token, unless `headers` say otherwise."""
        said = {"authorization": f"Bearer {self.token}"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        return httpx.Client(base_url=self.url, headers=said, timeout=30, trust_env=False)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

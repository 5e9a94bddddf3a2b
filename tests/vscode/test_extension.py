"""What of the extension needs no editor: its own tests, run by Node, held against what hob says.

Must install nothing. Called by pytest.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hob import address
from hob_client.secret_names import SECRETS
from hob_editors.lsp.exclusion import is_secret

from tests.daemon import RunningDaemon

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients/vscode"
TESTS = sorted(path.name.removesuffix(".test.ts") for path in (CLIENT / "test/unit").glob("*.test.ts"))
MOST_LINES = 300
PATHS = (
    *("/p/.env", "/p/.env.example", "/p/a/ID_RSA", "/p/id_rsa.pub", "/p/main.py", "/h/.ssh/config"),
    *("/p/x.pem", "/p/secrets.yaml", "/p/a/credentials", "/dev/shm/pass.1/x", "/p/.git/config", "/p/shadow"),
)
LINES = (
    "*.log",
    "!keep.log",
    "build/",
    "/top.txt",
    "a/**/z",
    "!build/in.txt",
    "# no",
    " x",
    "[ab].c",
    "\\!e",
)
IGNORED = (
    "x.log",
    "keep.log",
    "build/in.txt",
    "q/build/x",
    "top.txt",
    "q/top.txt",
    "a/b/z",
    "a.c",
    "!e",
    "py",
)


def node(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *arguments],
        cwd=CLIENT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.fixture(scope="module")
def built() -> Path:
    """The extension and its tests, bundled."""
    if shutil.which("node") is None or not (CLIENT / "node_modules/esbuild").is_dir():
        pytest.skip("the extension's packages are not installed; `make vsix` installs them (Node 20, npm)")
    done = node("scripts/build.mjs", "--tests")
    assert done.returncode == 0, done.stderr
    return CLIENT / "build/tests"


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in ("HOB_SOCKET", "XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    yield monkeypatch


Folders = dict[str, list[str]]  # what their ignore files say


def cases(seed: int = 1, num: int = 600) -> Iterator[tuple[str, Folders]]:
    """Paths below /p, and what ignore files say there; the first of all lines, the others at random."""
    yield from ((name, {"": list(LINES)}) for name in IGNORED)
    chance = random.Random(seed)
    names = ("a", "b.log", "build", "keep.log", "z")
    for _ in range(num):
        path = "/".join(chance.choices(names, k=chance.randint(1, 4)))
        yield path, {"": chance.choices(LINES, k=3), "a": chance.choices(LINES, k=chance.randint(1, 2))}


def rules_of(folders: Folders) -> list[dict[str, object]]:
    return [{"folder": f"/p/{name}".rstrip("/"), "lines": lines} for name, lines in folders.items()]


def ignored_by_git(home: Path, given: list[tuple[str, Folders]]) -> list[bool]:
    """Each case is a folder of one repository, and none of its files needs to exist."""
    subprocess.run(["git", "init", "-q", str(home)], check=True)
    for at, (_, folders) in enumerate(given):
        for folder, lines in folders.items():
            (home / str(at) / folder).mkdir(parents=True, exist_ok=True)
            (home / str(at) / folder / ".gitignore").write_text("\n".join(lines) + "\n")
    asked = "".join(f"{at}/{path}\n" for at, (path, _) in enumerate(given))
    command = ["git", "-C", str(home), "check-ignore", "--no-index", "--stdin"]
    told = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60).stdout
    out = set(told.splitlines())
    return [f"{at}/{path}" in out for at, (path, _) in enumerate(given)]


def assert_passes(test: Path, **environment: str) -> None:
    done = node("--test", "--test-reporter=spec", str(test), **environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [name for name in TESTS if name not in {"daemon", "places", "exclusion"}])
def test_part(name: str, built: Path) -> None:
    assert_passes(built / f"{name}.test.cjs")


def test_calls_over_the_socket(built: Path, daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    daemon.add_model("slow", "slow\n")
    daemon.start()
    assert_passes(built / "daemon.test.cjs", HOB_TEST_SOCKET=str(daemon.socket))


def test_socket_is_looked_for_where_hob_opens_it(built: Path, no_environment: pytest.MonkeyPatch) -> None:
    cases = []
    run_user = Path(f"/run/user/{os.getuid()}")
    owner = run_user.stat().st_uid if run_user.is_dir() else None
    for environment in ({}, {"XDG_RUNTIME_DIR": "/run/x"}, {"TMPDIR": "/var/t"}, {"HOB_SOCKET": "/a/b.sock"}):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            cases.append((environment, os.getuid(), owner, str(address.socket_path())))
    assert_passes(built / "places.test.cjs", HOB_TEST_PLACES=json.dumps(cases))


def test_files_are_excluded(built: Path) -> None:
    assert_passes(built / "exclusion.test.cjs")


def test_git_ignores_the_same(built: Path, tmp_path: Path) -> None:
    given = list(cases())
    verdicts = zip(given, ignored_by_git(tmp_path, given), strict=True)
    told = [(f"/p/{path}", rules_of(folders), verdict) for (path, folders), verdict in verdicts]
    assert 100 < sum(verdict for *_, verdict in told) < len(told) - 100
    (tmp_path / "cases.json").write_text(json.dumps(told))
    assert_passes(built / "exclusion.test.cjs", HOB_TEST_IGNORED=str(tmp_path / "cases.json"))


def test_secrets_are_those_of_completions(built: Path) -> None:
    told = {"secrets": list(SECRETS), "isSecret": [(path, is_secret(path)) for path in PATHS]}
    assert_passes(built / "exclusion.test.cjs", HOB_TEST_SECRETS=json.dumps(told))


def test_every_source_says_what_it_must_never_do() -> None:
    sources = [path for path in (CLIENT / "src").rglob("*.ts") if not path.name.endswith(".d.ts")]
    silent = [path.name for path in sources if "Must " not in path.read_text()[:700]]
    assert not silent
    assert not [path.name for path in sources if len(path.read_text().splitlines()) > MOST_LINES]


def test_every_setting_is_in_the_readme() -> None:
    manifest = json.loads((CLIENT / "package.json").read_text())
    readme = (CLIENT / "README.md").read_text()
    settings = manifest["contributes"]["configuration"]["properties"]
    assert [name for name in settings if f"| `{name}` |" not in readme] == []


def test_every_command_of_the_manifest_exists() -> None:
    manifest = json.loads((CLIENT / "package.json").read_text())
    written = (CLIENT / "src/commands.ts").read_text()
    commands = [each["command"] for each in manifest["contributes"]["commands"]]
    assert [name for name in commands if f'"{name}":' not in written] == []


def test_folder_names_neither_program_nor_socket() -> None:
    manifest = json.loads((CLIENT / "package.json").read_text())
    settings = manifest["contributes"]["configuration"]["properties"]
    scopes = {name: settings[name]["scope"] for name in ("hob.socket", "hob.command", "hob.startDaemon")}
    assert set(scopes.values()) == {"machine"}


@pytest.mark.parametrize("lock", ["clients/vscode", "tests/vscode/host"])
def test_npm_lock_pins_by_digest_and_names_no_host(lock: str) -> None:
    packages = json.loads((ROOT / lock / "package-lock.json").read_text())["packages"]
    others = {name: each for name, each in packages.items() if name}
    assert not [name for name, each in others.items() if "resolved" in each]
    assert not [name for name, each in others.items() if "integrity" not in each and not each.get("inBundle")]

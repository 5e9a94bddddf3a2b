"""Mirrors and tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest, NotPermitted
from hob_fetch.settings import HUGGINGFACE, PACKAGES, Settings, read_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOB_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "fetch.toml"


def token_file(folder: Path, text: str = "secret\n", mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_nothing_needs_to_be_settled(file: Path) -> None:
    settings = read_settings({})
    assert settings.base(HUGGINGFACE) == "https://huggingface.co" and settings.tokens == {}


def test_mirror_of_the_file_goes_before_the_environment(file: Path) -> None:
    file.write_text('[mirrors]\nhuggingface = "https://b.example/"\n')
    assert read_settings({"HF_ENDPOINT": "https://a.example"}).base(HUGGINGFACE) == "https://b.example"


def test_registry_of_packages_is_the_users_own(file: Path) -> None:
    assert read_settings({"PIP_INDEX_URL": "https://p.example/simple"}).base(PACKAGES)
    with pytest.raises(InvalidRequest, match="PIP_INDEX_URL"):
        read_settings({}).base(PACKAGES)


def test_token_is_its_hosts_and_no_mirrors(file: Path) -> None:
    environ = {"HF_TOKEN": "secret", "HF_ENDPOINT": "https://a.example"}
    assert read_settings(environ).tokens == {"huggingface.co": "secret"}


def test_token_file_is_read_and_never_shown(file: Path, tmp_path: Path) -> None:
    file.write_text(f'[tokens]\n"a.example:8443" = "{token_file(tmp_path)}"\n')
    settings = read_settings({})
    assert settings.tokens == {"a.example:8443": "secret"} and "secret" not in repr(settings)


def test_token_file_that_others_can_read_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text(f'[tokens]\n"a.example" = "{token_file(tmp_path, mode=0o644)}"\n')
    with pytest.raises(NotPermitted, match="chmod 600"):
        read_settings({})


@pytest.mark.parametrize("token", ["", "two\nlines", "ümlaut", "x" * 5000])
def test_what_is_no_token_is_refused_and_not_shown(file: Path, tmp_path: Path, token: str) -> None:
    path = token_file(tmp_path, token)
    with pytest.raises(InvalidRequest) as refused:
        read_settings({"HF_TOKEN_PATH": str(path)})
    assert not token or token not in refused.value.message


@pytest.mark.parametrize("text", ["x", "[other]\n", "[mirrors]\nx = 'y'\n", "[mirrors]\nollama = 3\n"])
def test_file_that_is_not_understood_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=r"fetch\.toml"):
        read_settings({})


def test_mirror_without_encryption_is_refused(file: Path) -> None:
    with pytest.raises(NotPermitted, match="not encrypted"):
        Settings(mirrors={HUGGINGFACE: "http://a.example"}).base(HUGGINGFACE)

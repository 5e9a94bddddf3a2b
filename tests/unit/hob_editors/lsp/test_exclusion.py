"""What must never be shown to a model is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_editors.lsp.exclusion import Rules, is_ignored, is_secret
from hob_editors.lsp.ignore_files import IgnoreFiles
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "src", "build", "x.py", "keep.py"])


@pytest.mark.parametrize(
    "path",
    """.env .env.local prod.env a/KEY.PEM id_rsa .ssh/config .aws/credentials .git/config secrets.yaml
    x.tfvars .netrc deploy.key vault.kdbx""".split(),
)
def test_secret_is_known_by_its_name(path: str) -> None:
    assert is_secret(f"/srv/project/{path}")


@pytest.mark.parametrize("path", ["main.py", ".env.example", "id_rsa.pub", "secrets.py", "environment.ts"])
def test_other_names_are_no_secrets(path: str) -> None:
    assert not is_secret(f"/srv/project/{path}")


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_nothing_comes_out_of_an_ignored_folder(parts: list[str]) -> None:
    rules = [Rules("/r", ("build/",)), Rules("/r/build", ("!*",))]
    path = "/r/" + "/".join([*parts, "file.py"])
    assert is_ignored(path, rules) is ("build" in parts)


def test_nearest_folder_has_the_last_word() -> None:
    rules = [Rules("/r", ("*.log",)), Rules("/r/a", ("!keep.log",))]
    assert is_ignored("/r/a/other.log", rules) and not is_ignored("/r/a/keep.log", rules)


def test_ignore_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    files = IgnoreFiles()
    assert not files.excludes(str(tmp_path / "a.py"))
    (tmp_path / ".hobignore").write_text("*.py\n")
    assert files.excludes(str(tmp_path / "a.py"))
    (tmp_path / ".hobignore").write_text("*.rb\n#\n")
    assert not files.excludes(str(tmp_path / "a.py"))


def test_hobignore_may_say_otherwise_than_gitignore_but_not_of_secrets(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("made.py\n")
    (tmp_path / ".hobignore").write_text("!made.py\n!.env\n")
    files = IgnoreFiles()
    assert not files.excludes(str(tmp_path / "made.py")) and files.excludes(str(tmp_path / ".env"))


def test_link_to_a_secret_is_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / "notes.txt").symlink_to(tmp_path / ".env")
    assert IgnoreFiles().excludes(str(tmp_path / "notes.txt"))


def test_list_that_cannot_be_read_excludes_everything(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe")
    assert IgnoreFiles().excludes(str(tmp_path / "a.py"))


@pytest.mark.parametrize("lines", [("build/", "!keep.log"), ("!keep.log", "build/")])
def test_what_lets_a_folder_through_says_nothing_of_what_is_in_it(lines: tuple[str, ...]) -> None:
    assert is_ignored("/p/keep.log/build/a", [Rules("/p", lines)])
    assert not is_ignored("/p/keep.log/a", [Rules("/p", lines)])

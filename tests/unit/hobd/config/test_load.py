"""Where settings come from, which one wins, and what every mistake is told.

Must read no real environment.
Run by pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hobd.config import Config, config_file, load
from hobd.errors import ConfigError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and tells its path."""

    def writer(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return writer


def complaint(path: Path | None = None, variables: dict[str, str] | None = None, *flags: str) -> str:
    """The sentence, with the file as its bare name."""
    with pytest.raises(ConfigError) as caught:
        load(path, variables or {}, flags)
    return caught.value.message.replace(f"{path and path.parent}/", "")


def test_nothing_said_gives_the_defaults() -> None:
    assert load(None, {}, []) == Config()


def test_flag_wins_over_variable_wins_over_file_wins_over_default(write: Write) -> None:
    path = write("[engine]\nlanes = 1\nthreads = 1\nkv_cells = 1\n")
    variables = {"HOB_ENGINE_LANES": "2", "HOB_ENGINE_THREADS": "2"}
    engine = load(path, variables, ["engine.lanes=3"]).engine
    assert (engine.lanes, engine.threads, engine.kv_cells, engine.batch_tokens) == (3, 2, 1, 512)


def test_last_flag_wins() -> None:
    assert load(None, {}, ["engine.lanes=3", "engine.lanes=4"]).engine.lanes == 4


def test_value_of_a_flag_may_hold_an_equals_sign() -> None:
    assert load(None, {}, ["models.default=a=b"]).models.default == "a=b"


def test_variables_that_are_no_settings_are_left_alone() -> None:
    others = {"HOB_SOCKET": "/s", "HOB_CONFIG": "/c", "HOB_MODEL": "x", "HOBBY": "y", "HOME": "/h"}
    assert load(None, others, []) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('\n[engine]\nthreads = "many"', ':3: engine.threads must be an integer from 0 to 1024, not "many"'),
        ("[engine]\nthreads = 1025", ":2: engine.threads must be an integer from 0 to 1024, not 1025"),
        ("[engine]\nthreads = true", ":2: engine.threads must be an integer from 0 to 1024, not true"),
        ("engine.threads = 1.0", ":1: engine.threads must be an integer from 0 to 1024, not 1.0"),
        ("[engine]\nthreads = [[1]]", ":2: engine.threads must be an integer from 0 to 1024, not [[1]]"),
        ("[engine]\nlanes = 1\nthread = 1", ":3: unknown key engine.thread; did you mean engine.threads?"),
        ("[engin]\nthreads = 1", ":1: unknown key engin; did you mean engine?"),
        ("threads = 1", ":1: unknown key threads; did you mean engine.threads?"),
        ("[x]\ny = 1", ":1: unknown key x; `hobd --print-config` lists them all"),
        ("engine = 3", ":1: engine is a section; write [engine] above its keys"),
        ("[[engine]]\nlanes = 1", ":1: engine is a section; write [engine] above its keys"),
        (
            "[security]\nsandbox = 'off'",
            ':2: security.sandbox must be "enforce", "no-file-wall", "partial" or "none", not "off"',
        ),
        ("[models]\ndefault = 3", ":2: models.default must be printable text on one line, not 3"),
        (
            "[models]\ndir = 'x'",
            ':2: models.dir must be an absolute path or one below ~, not "x"',
        ),
        (
            '[models]\ndir = "/a\\u001b"',
            ':2: models.dir must be printable text on one line, not "/a\\u001b"',
        ),
        (
            "[engine]\nlanes = 1\nlanes = 2",
            ":3: not valid TOML (cannot overwrite a value); mend the line",
        ),
        ('a = "', ":1: not valid TOML (unterminated string); mend the line"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_mistake_in_the_file_is_told_with_its_line(write: Write, text: str, expected: str) -> None:
    assert complaint(write(text)) == f"config.toml{expected}"


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, f"engine.threads = {'9' * 5000}", f"engine.threads = 0x{'f' * 5000}"]
)
def test_hostile_file_is_still_one_sentence(write: Write, text: str) -> None:
    assert len(complaint(write(text))) < 200


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"HOB_ENGINE_LANES": "0"},
            "HOB_ENGINE_LANES: engine.lanes must be an integer from 1 to 256, not 0",
        ),
        (
            {"HOB_ENGINE_LANES": "٣"},
            'HOB_ENGINE_LANES: engine.lanes must be an integer from 1 to 256, not "٣"',
        ),
        (
            {"HOB_ENGINE_LANE": "1"},
            "HOB_ENGINE_LANE: unknown key engine.lane; did you mean HOB_ENGINE_LANES?",
        ),
        (
            {"HOB_MODELS_DEFAULT": "\udcff"},
            'HOB_MODELS_DEFAULT: models.default must be printable text on one line, not "\\udcff"',
        ),
    ],
)
def test_mistake_in_a_variable_is_told_with_its_name(variables: dict[str, str], expected: str) -> None:
    assert complaint(None, variables) == expected


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("engine.lanes=", '--set engine.lanes: engine.lanes must be an integer from 1 to 256, not ""'),
        ("engine.lane=1", "--set engine.lane: unknown key engine.lane; did you mean engine.lanes?"),
        ("engine.lanes", "--set engine.lanes: must have the form section.key=value; write it so"),
    ],
)
def test_mistake_in_a_flag_is_told_with_its_key(flag: str, expected: str) -> None:
    assert complaint(None, None, flag) == expected


def test_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.toml").startswith("none.toml: could not be read (No such file")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    assert complaint(tmp_path / "latin.toml") == "latin.toml: byte 2 is not UTF-8; save the file as UTF-8"


def test_usual_file_need_not_exist_but_a_named_one_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOB_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file(None) is None
    assert config_file("/named") == Path("/named")
    monkeypatch.setenv("HOB_CONFIG", "/by/variable")
    assert config_file(None) == Path("/by/variable")


def test_models_directory_is_below_the_data_directory_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("HOME", "/my-home")
    assert Config().models.directory() == Path("/data/hob/models")
    assert load(None, {"HOB_MODELS_DIR": "~/m"}, []).models.directory() == Path("/my-home/m")

"""Putting a model in its place: all of it, or nothing that anybody sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest, NotPermitted
from hob_client.shelf import placing, tidying
from hob_client.shelf.placing import Part, incoming, place

from tests.hub import gguf, sha256

BODY, PROJECTOR = gguf(3000), gguf(2000, seed=1)
SIDECAR = f'sha256 = "{sha256(BODY)}"\n'


def part(models: Path, name: str, content: bytes) -> Path:
    path = incoming(models) / f"{name}.part"
    path.write_bytes(content)
    return path


def parts(models: Path) -> list[Part]:
    return [
        Part(path=part(models, "m", BODY), kind="model", sidecar=SIDECAR),
        Part(path=part(models, "p", PROJECTOR), kind="projector"),
    ]


def visible(models: Path) -> set[str]:
    return {path.name for path in models.iterdir() if not path.name.startswith(".")}


def test_model_is_placed_with_what_stands_beside_it(tmp_path: Path) -> None:
    path = place(tmp_path, "m", parts(tmp_path))
    assert visible(tmp_path) == {"m.gguf", "m.toml", "m.mmproj.gguf"}
    assert path.read_bytes() == BODY and path.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("there", ["m.gguf", "M.gguf", "vendor/m.gguf"])
def test_name_that_is_taken_changes_nothing(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(b"mine")
    before = visible(tmp_path)
    with pytest.raises(InvalidRequest, match="is there already"):
        place(tmp_path, "m", parts(tmp_path))
    assert visible(tmp_path) == before


def test_sidecar_that_a_person_wrote_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('aliases = ["mine"]\n')
    with pytest.raises(InvalidRequest, match="without its model"):
        place(tmp_path, "m", parts(tmp_path))
    assert (tmp_path / "m.toml").read_text() == 'aliases = ["mine"]\n' and not (tmp_path / "m.gguf").exists()


def test_link_in_the_place_of_a_part_is_not_followed(tmp_path: Path) -> None:
    """Whatever fetched it could have made one."""
    (tmp_path / "secret").write_bytes(BODY)
    (tmp_path / "secret").chmod(0o600)
    path = incoming(tmp_path) / "m.part"
    path.symlink_to(tmp_path / "secret")
    place(tmp_path, "m", [Part(path=path, kind="model")])
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_inbox_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    incoming(tmp_path).chmod(0o777)
    with pytest.raises(NotPermitted, match="closed to others"):
        incoming(tmp_path)


KILLED_AT_EVERY_STEP = """
import json, os, signal, sys
from pathlib import Path
from tests.fetch.test_placing import parts, place
STEPS = {"open", "os.rename", "os.chmod", "os.mkdir", "os.remove", "fcntl.flock"}
left = -1
def step(event, arguments):
    global left
    if left >= 0 and event in STEPS:
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(step)
seen, root = [], Path(sys.argv[1])
for number in range(200):
    models = root / str(number)
    models.mkdir()
    laid = parts(models)
    child = os.fork()
    if child == 0:
        left = number
        place(models, "m", laid)
        left = -1
        os._exit(0)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    if not killed:
        break
print(json.dumps(number))
"""


def test_placing_that_is_killed_at_any_step_shows_all_or_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", KILLED_AT_EVERY_STEP, tmp_path]
    num_steps = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=100).stdout)
    assert num_steps > 10
    for number in range(num_steps):
        models = tmp_path / str(number)
        if (models / "m.gguf").exists():
            assert visible(models) == {"m.gguf", "m.toml", "m.mmproj.gguf"}
        else:
            assert place(models, "m", parts(models)).read_bytes() == BODY  # the next try goes through
        assert (models / "m.toml").read_text() == SIDECAR


def test_what_a_killed_placing_left_is_found_and_removed(tmp_path: Path) -> None:
    place(tmp_path, "whole", [Part(path=part(tmp_path, "w", BODY), kind="model", sidecar=SIDECAR)])
    part(tmp_path, "half", BODY)
    for name in ("gone.toml", "gone.mmproj.gguf", ".x.toml.123", "mmproj-as-published.gguf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "broken.gguf").symlink_to("nowhere")
    found = tidying.leftovers(tmp_path)
    names = {each.path.name for each in found}
    assert names == {"half.part", "gone.toml", "gone.mmproj.gguf", ".x.toml.123", "broken.gguf"}
    tidying.remove([each.path for each in found])
    assert visible(tmp_path) == {"whole.gguf", "whole.toml", "mmproj-as-published.gguf"}


def test_part_that_somebody_fetches_is_no_leftover(tmp_path: Path) -> None:
    import fcntl

    path = part(tmp_path, "busy", BODY)
    path.with_suffix(".json").write_text("{}")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert tidying.leftovers(tmp_path) == []
    assert len(tidying.leftovers(tmp_path)) == 2


def test_part_that_is_held_is_fetched_and_collected_by_nobody(tmp_path: Path) -> None:
    path = part(tmp_path, "m", BODY)
    with placing.held(path), placing.held(path):
        assert tidying.leftovers(tmp_path) == []
    assert len(tidying.leftovers(tmp_path)) == 1


def test_usage_tells_what_is_shared_and_removal_frees_no_more(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (tmp_path / "theirs").write_bytes(BODY)
    os.link(tmp_path / "theirs", models / "m.gguf")
    (models / "l.gguf").symlink_to(tmp_path / "theirs")
    linked, shared = tidying.usage(models)
    assert shared.shared_bytes == shared.num_bytes > 0 and linked.linked_to == str(tmp_path / "theirs")
    assert tidying.remove(tidying.belongings(models / "m.gguf")) == 0
    assert (tmp_path / "theirs").exists() and placing.find(models, "m") is None

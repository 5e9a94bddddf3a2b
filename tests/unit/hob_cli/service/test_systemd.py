"""What `hob service` would do under systemd, as values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hob_cli.service.installation import Installation, template
from hob_cli.service.steps import Command, Remove, WriteFile
from hob_cli.service.systemd import Systemd, drop_in, quote
from hypothesis import given
from hypothesis import strategies as st

AT = Installation(
    python=Path("/opt/my hob/bin/python"),
    folders=(Path("/opt/my hob"),),
    home=Path("/srv/me"),
    config_home=Path("/srv/me/.config"),
    state=Path("/srv/me/.local/state/hob"),
    runtime=Path("/run/user/1000/hob"),
    models=Path("/srv/me/models"),
    has_gpu=False,
)


def files(systemd: Systemd) -> dict[str, str]:
    steps = systemd.install(on_demand=False)
    return {step.path.name: step.text for step in steps if isinstance(step, WriteFile)}


def commands(steps: object) -> list[str]:
    assert isinstance(steps, list)
    return [" ".join(step.argv) for step in steps if isinstance(step, Command)]


def unquoted(text: str, *, in_command: bool) -> str:
    """As systemd reads a quoted word."""
    assert text[0] == text[-1] == '"'
    found, rest = "", text[1:-1]
    while rest:
        pair, one = rest[:2], rest[0]
        meant = {"\\\\": "\\", '\\"': '"', "%%": "%", "\\n": "\n"} | ({"$$": "$"} if in_command else {})
        assert pair in meant or one not in ('\\"%$' if in_command else '\\"%'), f"{rest!r} means something"
        found, rest = (found + meant[pair], rest[2:]) if pair in meant else (found + one, rest[1:])
    return found


@given(text=st.text(), in_command=st.booleans())
def test_systemd_reads_back_what_was_quoted(text: str, in_command: bool) -> None:
    assert unquoted(quote(text, in_command=in_command), in_command=in_command) == text
    assert "\n" not in quote(text, in_command=in_command)


def test_drop_in_names_this_python_and_forgets_the_packaged_one() -> None:
    lines = drop_in(AT).splitlines()
    assert 'ExecStart="/opt/my hob/bin/python" -I -m hobd --socket %t/hob/hob.sock' in lines
    assert lines.index("ExecStart=") < len(lines) - 1


def test_places_of_the_shell_are_the_places_of_the_service() -> None:
    text = drop_in(replace(AT, places={"HOB_MODELS_DIR": "/big/100%"}))
    assert 'Environment="HOB_MODELS_DIR=/big/100%%"' in text


def test_installation_that_the_unit_would_hide_is_shown_to_it() -> None:
    assert "BindReadOnlyPaths" not in drop_in(AT)
    assert 'BindReadOnlyPaths="/tmp/hob"' in drop_in(replace(AT, folders=(Path("/tmp/hob"),)))


def test_unit_goes_in_as_it_was_packaged() -> None:
    assert files(Systemd(AT, version=252))["hobd.service"] == template("systemd/hobd.service")


@pytest.mark.parametrize(("version", "has"), [(252, False), (253, False), (254, True), (257, True)])
def test_only_a_systemd_that_knows_back_off_gets_it(version: int, has: bool) -> None:
    assert ("30-backoff.conf" in files(Systemd(AT, version=version))) is has


def test_only_a_machine_with_a_gpu_gets_its_drop_in() -> None:
    assert "20-gpu.conf" not in files(Systemd(AT, version=252))
    assert "20-gpu.conf" in files(Systemd(replace(AT, has_gpu=True), version=252))


def test_installing_on_demand_enables_the_socket_alone() -> None:
    said = commands(Systemd(AT, version=252).install(on_demand=True))
    assert "systemctl --user enable hobd.socket" in said
    assert "systemctl --user enable hobd.service" not in said


def test_uninstalling_touches_no_model_and_no_configuration() -> None:
    removed = [s.path for s in Systemd(AT, version=252).uninstall() if isinstance(s, Remove)]
    assert AT.state in removed and AT.runtime in removed
    for kept in (AT.models, AT.config_home / "hob" / "config.toml"):
        assert not any(kept.is_relative_to(path) for path in removed)

"""Bringing one file: what is cut, changed, refused or too big."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hob_client.errors import HobError, InvalidRequest, ModelNotFound, ModelUnusable, NotPermitted
from hob_client.shelf.placing import held
from hob_fetch.download import Download, Fetched
from hob_fetch.failures import Passing
from hob_fetch.plan import Item
from hob_fetch.web import Web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import hub as hubs
from tests.hub import Hub, Served, becomes, cut_after, gguf, sha256, stall_after, status

BODY = gguf(300_000)
OTHER = gguf(300_000, seed=1)


class Fetch:
    """Downloads /m.gguf of a hub into a folder, and says what is there."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.waits: list[float] = []
        self.tokens: dict[str, str] = {}
        self.timeout_seconds = 30.0

    def __call__(self, path: str = "/m.gguf", **item: Any) -> Fetched:
        web = Web(self.tokens, self.timeout_seconds)
        wanted = Item(kind="model", title="m.gguf", url=self.hub.url + path, **item)
        download = Download(
            web,
            wanted,
            self.folder,
            progress=lambda done, total: None,
            tell=lambda message, seconds: None,
            sleep=self.waits.append,
        )
        self.path = download.path
        try:
            return download.run()
        finally:
            web.close()

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.hub.headers_at("/m.gguf")]


@pytest.fixture
def fetch(hub: Hub, tmp_path: Path) -> Iterator[Fetch]:
    (tmp_path / "in").mkdir()
    yield Fetch(hub, tmp_path / "in")


def test_file_arrives_whole(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    assert fetch(sha256=sha256(BODY), size_bytes=len(BODY)) == Fetched(size_bytes=300_000, was_resumed=False)
    assert fetch.content == BODY and fetch.path.stat().st_mode & 0o077 == 0


def test_cut_line_goes_on_where_it_stopped(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), cut_after(70_000))
    fetch()
    assert fetch.content == BODY and fetch.ranges() == [None, "bytes=1000-", "bytes=71000-"]


def test_host_that_falls_silent_is_asked_again(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, stall_after(1000))
    fetch.timeout_seconds = 0.5
    fetch()
    assert fetch.content == BODY and fetch.ranges()[1] == "bytes=1000-"


def test_line_that_is_cut_for_good_leaves_a_part_for_the_next_run(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), *[status(503)] * 6)
    with pytest.raises(Passing, match="503"):
        fetch()
    assert len(fetch.content) == 1000
    assert fetch().was_resumed and fetch.content == BODY and fetch.ranges()[-1] == "bytes=1000-"


def test_file_that_changed_meanwhile_begins_anew(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), becomes(OTHER, '"2"'))
    fetch()
    assert fetch.content == OTHER
    assert fetch.hub.headers_at("/m.gguf")[1]["If-Range"] == '"1"'


def test_range_of_another_file_is_not_appended(fetch: Fetch) -> None:
    """A host that ignores If-Range."""

    def mixes(answer: hubs.Answer) -> None:
        answer.served.content, answer.served.etag = OTHER, '"2"'
        del answer.headers["If-Range"]

    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), mixes)
    fetch()
    assert fetch.content == OTHER


def test_host_without_ranges_is_asked_for_all(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), has_ranges=False)
    fetch()
    assert fetch.content == BODY


@pytest.mark.parametrize("etag", ["", 'W/"1"'], ids=["none", "weak"])
def test_part_that_nothing_vouches_for_is_not_resumed(fetch: Fetch, etag: str) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), *[status(500)] * 6, etag=etag)
    with pytest.raises(Passing):
        fetch()
    assert not fetch().was_resumed and fetch.ranges()[-1] is None


@pytest.mark.parametrize("etag", ["", 'W/"1"'], ids=["none", "weak"])
def test_file_that_changes_without_a_word_is_not_mixed(fetch: Fetch, etag: str) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), becomes(OTHER, etag), etag=etag)
    fetch()
    assert fetch.content == OTHER


def test_part_is_resumed_by_its_digest_alone(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, cut_after(1000), etag="")
    assert fetch(sha256=sha256(BODY)).was_resumed  # which the digest has to make good
    assert fetch.content == BODY and fetch.ranges()[-1] == "bytes=1000-"


def test_part_that_is_whole_is_not_fetched_again(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    fetch()
    assert fetch().was_resumed and len(fetch.ranges()) == 1


def test_nothing_behind_the_part_is_the_end_or_another_file(fetch: Fetch) -> None:
    """416: the record of the length is lost."""
    fetch.hub.serve("/m.gguf", BODY)
    fetch(sha256=sha256(BODY))
    fetch.path.with_suffix(".json").unlink()
    assert fetch(sha256=sha256(BODY)).size_bytes == len(BODY)
    fetch.path.write_bytes(BODY + b"more")
    assert fetch(sha256=sha256(BODY)).size_bytes == len(BODY) and fetch.content == BODY


def test_busy_host_gets_the_time_that_it_asks_for(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, status(429, Retry_After="7"), status(503, Retry_After="99999"))
    fetch()
    assert fetch.waits == [7, 300]


@pytest.mark.parametrize(
    ("code", "error"), [(401, NotPermitted), (403, NotPermitted), (404, ModelNotFound), (418, InvalidRequest)]
)
def test_refusal_is_final_and_says_what_to_do(fetch: Fetch, code: int, error: type[HobError]) -> None:
    fetch.hub.serve("/m.gguf", BODY, status(code))
    with pytest.raises(error, match=str(code)):
        fetch()
    assert fetch.waits == []


def test_more_than_announced_is_not_taken(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    with pytest.raises(ModelUnusable, match="as published"):
        fetch(size_bytes=1000)
    assert fetch.content == b""


def test_file_without_an_end_is_not_taken(fetch: Fetch) -> None:
    def endless(answer: hubs.Answer) -> None:
        answer.is_over = answer.close_connection = True
        answer.send_response(200)
        answer.end_headers()

    fetch.hub.serve("/m.gguf", BODY, endless)
    with pytest.raises(ModelUnusable, match="how long"):
        fetch()


def test_compressed_answer_is_not_taken(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY, headers={"Content-Encoding": "gzip"})
    with pytest.raises(ModelUnusable, match="compressed"):
        fetch()
    assert fetch.hub.headers_at("/m.gguf")[0]["Accept-Encoding"] == "identity"


def test_redirects_are_followed_within_bounds(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    fetch.hub.redirect("/a", "/m.gguf?signed=1")
    assert fetch("/a").size_bytes == len(BODY)
    fetch.hub.redirect("/round", "/round")
    with pytest.raises(NotPermitted, match="more than 5 times"):
        fetch("/round")


def test_redirect_out_of_encryption_is_not_followed(fetch: Fetch) -> None:
    fetch.hub.redirect("/a", "http://192.0.2.1/m.gguf")
    with pytest.raises(NotPermitted, match="not encrypted"):
        fetch("/a")


def test_token_goes_to_its_host_and_not_where_that_sends_us(fetch: Fetch) -> None:
    fetch.tokens = {fetch.hub.host: "secret"}
    with Hub() as other:
        other.serve("/m.gguf", BODY)
        fetch.hub.redirect("/a", f"{other.url}/m.gguf")
        fetch("/a")
        (told,) = other.headers_at("/m.gguf")
    assert "Authorization" not in told
    assert fetch.hub.headers_at("/a")[0]["Authorization"] == "Bearer secret"


def test_token_is_not_shown_to_its_host_by_way_of_another(fetch: Fetch) -> None:
    fetch.tokens = {fetch.hub.host: "secret"}
    fetch.hub.serve("/m.gguf", BODY)
    with Hub() as other:
        other.redirect("/a", f"{fetch.hub.url}/m.gguf")
        Fetch.__call__(_at(fetch, other), "/a")
    assert "Authorization" not in fetch.hub.headers_at("/m.gguf")[0]


def _at(fetch: Fetch, hub: Hub) -> Fetch:
    other = Fetch(hub, fetch.folder)
    other.tokens = fetch.tokens
    return other


def test_second_fetch_of_a_file_waits_for_nobody_and_says_so(fetch: Fetch) -> None:
    def meanwhile(answer: hubs.Answer) -> None:
        with pytest.raises(InvalidRequest, match="another `hob pull`"):
            _at(fetch, fetch.hub)()

    fetch.hub.serve("/m.gguf", BODY, meanwhile)
    assert fetch().size_bytes == len(BODY) and len(fetch.ranges()) == 1


def test_file_that_is_being_checked_is_not_cut(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    fetch()
    fetch.hub.serve("/m.gguf", OTHER[:5000], etag='"2"')
    with held(fetch.path), pytest.raises(InvalidRequest, match="another `hob pull`"):
        fetch(sha256="")
    assert fetch.content == BODY


def test_part_that_was_placed_just_now_is_not_written_to(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened, then renamed by another pull, then locked."""
    fetch.hub.serve("/m.gguf", BODY)
    fetch()
    model = fetch.folder / "model"

    def place_first(fd: int, how: int) -> None:
        fetch.path.rename(model)

    monkeypatch.setattr("fcntl.flock", place_first)
    fetch.hub.serve("/m.gguf", OTHER, etag='"2"')
    with pytest.raises(InvalidRequest, match="another"):
        fetch()
    assert model.read_bytes() == BODY


def test_disk_without_room_is_told_before_a_byte_comes(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1 << 20))
    fetch.hub.serve("/m.gguf", BODY)
    with pytest.raises(InvalidRequest, match="needs 1 MB more"):
        fetch()
    assert fetch.content == b""


def test_disk_that_fills_up_keeps_what_came(fetch: Fetch) -> None:
    fetch.hub.serve("/m.gguf", BODY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(InvalidRequest, match="is full"):
            fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(fetch.content) == 100_000
    assert fetch().was_resumed and fetch.content == BODY


FULL = """
import sys, tests.fetch.test_download as t
from pathlib import Path
from hob_fetch.download import Download
fetch = t.Fetch(t.Hub(), Path("/mnt"))
Download.__init__.__kwdefaults__["free_bytes"] = lambda folder: 1 << 40
with fetch.hub:
    fetch.hub.serve("/m.gguf", t.BODY)
    try:
        fetch()
    except Exception as error:
        print(type(error).__name__, "is full" in str(error), 0 < len(fetch.content) < len(t.BODY))
"""


def test_disk_that_is_really_full_keeps_what_came() -> None:
    script = f'mount -t tmpfs -o size=128k none /mnt && exec "{sys.executable}" -c "$0"'
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    if probe.returncode:
        pytest.skip("no user namespace with a tmpfs of its own here")
    told = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, FULL], capture_output=True, text=True, timeout=60
    )
    assert told.stdout == "InvalidRequest True True\n", told.stderr


Fault = Callable[[hubs.Answer], None]
faults = st.one_of(
    st.integers(0, len(BODY)).map(cut_after),
    st.sampled_from([429, 500, 503]).map(status),
    st.just(becomes(OTHER, '"2"')),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(faults, max_size=6))
def test_whatever_goes_wrong_what_arrives_is_one_of_the_files(fetch: Fetch, faults: list[Fault]) -> None:
    for path in fetch.folder.iterdir():
        path.unlink()
    served: Served = fetch.hub.serve("/m.gguf", BODY, *faults)
    for _ in range(3):  # runs
        try:
            fetch()
        except Passing:
            continue
        assert fetch.content == served.content
        return

"""Proof (d): whatever a worker does to the daemon that started it, the others go on being served."""

from __future__ import annotations

import threading
import time

import psutil
import pytest
from hob_client import Client
from hob_client.errors import HobError

from tests.daemon import RunningDaemon
from tests.fakes.attacks import ATTACKS
from tests.fakes.engine import POISON
from tests.proof.evidence import Evidence

pytestmark = pytest.mark.proof

NUM_TOKENS = 60


def be_attacked(client: Client, ends: list[str]) -> None:
    """A request that its worker answers with an attack."""
    try:
        answer = client.complete("evil", POISON, temperature=0, max_tokens=9)
        ends.append(answer.finish_reason)
    except HobError as error:
        ends.append(type(error).__name__)


def say(client: Client) -> str:
    return client.complete("good", "hello", temperature=0, ignore_eos=True, max_tokens=NUM_TOKENS).text


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_over_the_wire_costs_the_attacker_alone(
    daemon: RunningDaemon, evidence: Evidence, attack: str
) -> None:
    daemon.may_trip = True
    daemon.add_model("evil", f"attack-{attack}\n")
    daemon.add_model("good", "slow\n")
    daemon.start("--set", "engine.step_timeout_seconds=2")
    with daemon.client() as client, daemon.client() as other:
        process, ends = psutil.Process(daemon.pid), list[str]()
        list(client.load("evil"))
        undisturbed = say(client)
        before, num_fds = process.memory_info().rss, process.num_fds()
        victim = threading.Thread(target=be_attacked, args=(other, ends))
        victim.start()
        began = time.monotonic()
        answer = say(client)
        evidence.note("seconds that another model's answer took meanwhile", f"{time.monotonic() - began:.1f}")
        assert answer == undisturbed
        victim.join(60)
        assert ends, "who asked the attacked model was left waiting"
        evidence.note("what who asked it was told", ends[0])
        client.unload("evil", force=True)
        assert process.num_fds() <= num_fds + 4 and process.memory_info().rss - before < 150 << 20
        assert say(client) == undisturbed

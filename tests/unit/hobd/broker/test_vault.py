"""What workers leave is kept for the next one, and nothing a worker says about it is believed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from hobd.broker.account import totals
from hobd.broker.seal import Binding
from hobd.broker.vault import Handover, Vault
from hobd.wire import messages as m
from hobd.wire.framing import WireError

BINDING = Binding(model="ab", adapters=(), engine_build="1", layout="")
STATE = b"the rain on the hills " * 4000
LIMIT = 1 << 20


def opened(vault: Vault, binding: Binding = BINDING) -> Handover:
    handover = vault.open("model", binding, LIMIT, 1)
    assert handover is not None
    return handover


async def leave(vault: Vault, *states: bytes, domain: str = "owner:") -> None:
    """A worker lays states into its tray, the last used first, and goes."""
    handover, offset = opened(vault), 0
    for state in states:
        handover.tray.write(offset, memoryview(state))
        handover.note(m.Kept(offset, len(state), 20, domain))
        offset += 1 << 17
    handover.end(is_sound=True)
    await vault.settled()


async def inherit(vault: Vault, binding: Binding = BINDING) -> list[bytes]:
    handover = opened(vault, binding)
    told = handover.restored(await handover.unseal())
    found = [os.pread(handover.tray.fd, each.num_bytes, each.offset) for each in told]
    handover.close()
    return found


def run(scenario: Callable[[Vault], Coroutine[None, None, None]], limit: int = LIMIT) -> None:
    asyncio.run(scenario(Vault(limit)))


def test_next_worker_gets_what_the_last_one_left_and_the_pool_has_it_no_more() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE, STATE[::-1])
        assert vault.pool.usage() == {"model": (2, 2 * len(STATE))}
        assert totals(vault.account()) == {"ram": 2 * len(STATE)}
        assert await inherit(vault) == [STATE[::-1], STATE]  # the last used comes last
        assert vault.pool.num_bytes == 0 and await inherit(vault) == []

    run(scenario)


@pytest.mark.parametrize("other", [{"model": "cd"}, {"engine_build": "2"}, {"layout": "x"}], ids=str)
def test_state_of_another_model_build_or_layout_is_dropped_and_counted(other: dict[str, str]) -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        assert await inherit(vault, replace(BINDING, **other)) == []
        assert vault.num_refused == 1 and vault.pool.num_bytes == 0

    run(scenario)


def test_damaged_state_is_dropped_and_the_others_are_given() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE, STATE[::-1])
        vault.state(1).memory[7] ^= 1
        assert len(await inherit(vault)) == 1 and vault.num_refused == 1

    run(scenario)


@pytest.mark.parametrize(
    "kept",
    [
        [m.Kept(1 << 39, 1, 1, "owner:")],
        [m.Kept(0, 1 << 39, 1, "owner:")],
        [m.Kept(0, LIMIT, 1, "owner:")] * 3,
        [m.Kept(0, 1, 1, "owner:")] * 257,
    ],
    ids=["behind the end", "beyond the end", "more than all", "too many"],
)
def test_worker_that_lies_about_sizes_breaks_the_contract(kept: list[m.Kept]) -> None:
    async def scenario(vault: Vault) -> None:
        handover = opened(vault)
        with pytest.raises(WireError):
            for each in kept:
                handover.note(each)
        handover.end(is_sound=False)
        await vault.settled()
        assert vault.pool.num_bytes == 0 and handover.tray.fd == -1

    run(scenario)


def test_worker_can_make_its_tray_neither_smaller_nor_larger() -> None:
    async def scenario(vault: Vault) -> None:
        handover = opened(vault)
        for size in (0, handover.tray.num_bytes + 1):
            with pytest.raises(PermissionError):
                os.ftruncate(handover.tray.fd, size)
        handover.close()

    run(scenario)


def test_pool_holds_no_more_than_its_limit() -> None:
    async def scenario(vault: Vault) -> None:
        for _ in range(3):
            await leave(vault, STATE)
        assert vault.pool.usage() == {"model": (2, 2 * len(STATE))}

    run(scenario, limit=5 * len(STATE) // 2)


def test_what_is_forgotten_while_it_is_unsealed_is_not_given() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        handover = opened(vault)
        keys = await handover.unseal()
        assert vault.forget(lambda domain: domain == "owner:", None) == (1, len(STATE))
        assert keys and handover.restored(keys) == []
        handover.close()

    run(scenario)


def test_what_was_refused_while_it_was_handed_over_is_not_kept() -> None:
    async def scenario(vault: Vault) -> None:
        handover = opened(vault)
        handover.note(m.Kept(0, 100, 20, "owner:"))
        handover.refuse(lambda domain: domain == "owner:")
        handover.end(is_sound=True)
        await vault.settled()
        assert vault.pool.num_bytes == 0

    run(scenario)


def test_closed_vault_has_nothing_and_takes_nothing() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        handover, sealer = opened(vault), vault.sealer
        await vault.close()
        assert sealer.is_wiped and vault.pool.num_bytes == 0 and handover.keep_ms == 0
        assert vault.open("model", BINDING, LIMIT, 1) is None
        handover.close()

    run(scenario)


def test_without_room_or_a_digest_nothing_is_kept() -> None:
    async def scenario(vault: Vault) -> None:
        assert vault.open("model", replace(BINDING, model=""), LIMIT, 1) is None
        assert vault.open("model", BINDING, 0, 1) is None
        assert Vault(0).open("model", BINDING, LIMIT, 1) is None

    run(scenario)


def test_what_no_worker_was_told_of_stays_for_the_next_one() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        handover = opened(vault)
        assert await handover.unseal() == [1]
        handover.close()  # the worker died while it was loading
        assert await inherit(vault) == [STATE]

    run(scenario)


def test_others_make_room_before_a_state_is_sealed() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        handover = opened(vault)
        handover.tray.write(0, memoryview(STATE))
        handover.note(m.Kept(0, len(STATE), 20, "owner:"))
        handover.end(is_sound=True)
        await asyncio.sleep(0)  # sealing has begun
        assert vault.pool.usage() == {"model": (1, len(STATE))} and not vault._states
        await vault.settled()
        assert await inherit(vault) == [STATE]

    run(scenario, limit=3 * len(STATE) // 2)


def test_what_is_forgotten_while_it_is_sealed_is_gone() -> None:
    async def scenario(vault: Vault) -> None:
        handover = opened(vault)
        handover.note(m.Kept(0, len(STATE), 20, "owner:"))
        handover.end(is_sound=True)
        await asyncio.sleep(0)
        assert vault.forget(lambda domain: True, "model") == (1, len(STATE))
        await vault.settled()
        assert not vault._states and vault.pool.num_bytes == 0

    run(scenario)


def test_suspended_vault_drops_what_it_has_and_keeps_nothing_until_it_resumes() -> None:
    async def scenario(vault: Vault) -> None:
        await leave(vault, STATE)
        vault.suspend()
        assert vault.pool.num_bytes == 0 and opened(vault).keep_ms == 0
        await leave(vault, STATE)
        assert vault.pool.num_bytes == 0
        vault.resume()
        await leave(vault, STATE)
        assert await inherit(vault) == [STATE]

    run(scenario)

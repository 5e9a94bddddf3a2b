"""Sends cases in waves, many at once, and judges each; what fails is written down and asked again alone.

Must wait for nothing without a limit. Called by __main__.py and by the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.fuzz import judge
from tests.fuzz.case import Case, write
from tests.fuzz.house import House
from tests.fuzz.judge import Outcome

WAVE = 24
#: Until then processes grow by what they keep for good.
_WARM_UP_WAVES = 15
#: Longer than anything may take: the renderer's and the rehearsal's limits, times those who wait in line.
_SECONDS = 90.0
_ANY_SIZE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was wrong, and with which case; where no case does the harm alone, with which of them together."""

    cases: Sequence[Case]
    faults: list[str]


def run(house: House, cases: Iterable[Case], *, told: Callable[[Finding], None]) -> int:
    """Sends all; returns how many findings there were."""
    left, findings = iter(cases), 0
    for number in itertools.count():
        wave = list(itertools.islice(left, WAVE))
        if not wave:
            return findings
        found = _run_wave(house, wave)
        if number > _WARM_UP_WAVES and (grown := house.growth_faults()):
            found.append(Finding(wave, grown))
        for finding in found:
            told(finding)
        findings += len(found)
    raise AssertionError("there is no end of numbers")


def keep(directory: Path) -> Callable[[Finding], None]:
    """Writes findings to files and says so."""

    def told(finding: Finding) -> None:
        for case in finding.cases:
            name = f"{case.rpc}-{case.origin.replace(':', '-')}.txt"
            path = write(case, directory / name, finding.faults)
        others = f" and {len(finding.cases) - 1} before it" if len(finding.cases) > 1 else ""
        print(f"{path}{others}: {'; '.join(finding.faults)}", flush=True)

    return told


def _run_wave(house: House, wave: Sequence[Case]) -> list[Finding]:
    outcomes = asyncio.run(_send_all(house, wave))
    judged = (
        Finding([case], judge.faults(case, outcome)) for case, outcome in zip(wave, outcomes, strict=True)
    )
    findings = [finding for finding in judged if finding.faults]
    harm = house.faults()
    return findings + (_culprits(house, wave, harm) if harm else [])


def _culprits(house: House, wave: Sequence[Case], harm: list[str]) -> list[Finding]:
    """Who of a wave does harm alone; if nobody does, it was all of them together."""
    found = []
    for case in wave:
        asyncio.run(_send_all(house, [case]))
        if faults := house.faults():
            found.append(Finding([case], faults))
    return found or [Finding(wave, harm)]


async def _send_all(house: House, cases: Sequence[Case]) -> list[Outcome]:
    async with grpc.aio.insecure_channel(f"unix:{house.daemon.socket}", options=_ANY_SIZE) as channel:
        return await asyncio.gather(*(_send(channel, case) for case in cases))


async def _send(channel: grpc.aio.Channel, case: Case) -> Outcome:
    """A unary answer is a stream of one message, so all rpcs are called alike."""
    method = channel.unary_stream(f"/hob.v1.InferenceService/{case.rpc}")
    timeout = None if case.deadline_ms is None else case.deadline_ms / 1000
    call = method(case.body, timeout=timeout)
    bodies: list[bytes] = []
    canceller = asyncio.create_task(_cancel_later(call, case.cancel_after_ms))
    try:
        async with asyncio.timeout(_SECONDS):
            async for body in call:
                bodies.append(body)
    except TimeoutError:
        call.cancel()
        return Outcome(bodies=bodies, status=None)
    except grpc.aio.AioRpcError as error:
        return _failed(bodies, error)
    except asyncio.CancelledError:  # grpc's way to say that the call was, though this task was not
        return Outcome(bodies=bodies, status=grpc.StatusCode.CANCELLED, was_cancelled=True)
    finally:
        canceller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await canceller
    return Outcome(bodies=bodies, status=grpc.StatusCode.OK)


def _failed(bodies: list[bytes], error: grpc.aio.AioRpcError) -> Outcome:
    trailing = dict(error.trailing_metadata() or ())
    detail = trailing.get("hob-error-bin")
    return Outcome(
        bodies=bodies,
        status=error.code(),
        details=error.details() or "",
        error=detail if isinstance(detail, bytes) else None,
    )


async def _cancel_later(call: grpc.aio.Call, after_ms: int | None) -> None:
    if after_ms is not None:
        await asyncio.sleep(after_ms / 1000)
        call.cancel()

"""Which errors a worker may name."""

from __future__ import annotations

import pytest
from hobd import errors
from hobd.broker.refusal import refusal
from hobd.wire import messages as m
from hobd.wire.framing import WireError


def test_death_of_a_workers_renderer_is_an_error_to_try_again_after() -> None:
    error = refusal(m.Refused(1, "WorkerCrashed", "the renderer was killed; try again"), "tiny")
    assert isinstance(error, errors.WorkerCrashed) and error.model == "tiny"


def test_error_that_no_worker_may_name_is_a_breach() -> None:
    with pytest.raises(WireError):
        refusal(m.Refused(1, "NotPermitted", "no"), "tiny")

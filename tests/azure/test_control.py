"""The timer goes on with what is due; the waker's own queue, and no other, carries commands."""

from __future__ import annotations

import base64
import time

import pytest

import flux_azure
from flux_core import App, StoreError, Workflow
from flux_core._serving.body import MalformedBody
from flux_core._serving.delivery import Undone
from flux_core._waker import message
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

from .triggers import context, functions, queued, tick

NAP = Workflow("nap").sleep("rest", 600).step("wake", lambda ctx: "rested")


class Unreachable(MemoryStorage):
    """A store that answers no longer."""

    def load(self, run_id: str) -> None:
        """Fail as a store may."""
        raise StoreError("the table does not answer")


class Calls:
    """A waker that keeps what it was asked for."""

    queue_name = "flux-wakes"

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def wake(self, run_id: str, at: float) -> None:
        """Keep it."""
        self.asked.append((run_id, at))


class Nap:
    """An app in which run `r1` sleeps for ten minutes, and its functions."""

    def __init__(self) -> None:
        self.clock = FakeClock(time.time())
        self.waker = Calls()
        self.app = App([NAP], MemoryStorage(), clock=self.clock, waker=self.waker)
        self.app.execute("nap", {}, id="r1")
        self.functions = functions(flux_azure.blueprint(self.app))

    @property
    def status(self) -> str:
        """How the run stands."""
        (run,) = self.app.list()
        return run.status

    def wake(self, body: str) -> None:
        """Deliver a message of the waker's queue."""
        self.functions["wake"](queued(body), context())


@pytest.fixture
def nap(monkeypatch: pytest.MonkeyPatch) -> Nap:
    """A run that sleeps, and functions that have all the time: their clock is not the host's."""
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "-1")
    return Nap()


def test_a_tick_goes_on_with_what_is_due(nap: Nap) -> None:
    """A run whose sleep is over is completed by the timer."""
    nap.clock.advance(600)
    nap.functions["tick"](tick(), context())

    assert nap.status == "completed"


def test_a_tick_leaves_what_is_not_due(nap: Nap) -> None:
    """A run that sleeps sleeps on."""
    nap.functions["tick"](tick(), context())

    assert nap.status == "suspended"


def test_a_wake_up_goes_on_with_its_run(nap: Nap) -> None:
    """The message that the waker was asked for completes the run, once it is time."""
    nap.clock.advance(600)
    nap.wake(message(*nap.waker.asked[0]))

    assert nap.status == "completed"


def test_a_wake_up_that_is_early_is_sent_on(nap: Nap) -> None:
    """What a queue cannot hide for so long is asked for once more."""
    nap.wake(message(*nap.waker.asked[0]))

    assert (nap.status, nap.waker.asked[1:]) == ("suspended", nap.waker.asked[:1])


def test_a_wake_up_is_read_with_either_encoding(nap: Nap) -> None:
    """A host whose messageEncoding is none hands over the base64 that the waker has sent."""
    nap.clock.advance(600)
    nap.wake(base64.b64encode(message(*nap.waker.asked[0]).encode()).decode())

    assert nap.status == "completed"


@pytest.mark.parametrize("body", ["{", "", "[]", "not base64", "W10=", '{"flux": 1}', '{"order_id": "o_1"}'])
def test_what_is_no_command_comes_back(nap: Nap, body: str) -> None:
    """It raises, and says what the queue is for, until it is with the poison."""
    with pytest.raises(MalformedBody):
        nap.wake(body)


def test_a_wake_up_of_a_run_that_is_gone_is_done(nap: Nap, caplog: pytest.LogCaptureFixture) -> None:
    """It may outlive its run, which is no error."""
    nap.wake(message("r2", 0.0))

    assert "run r2 is to be woken, and is not in the store" in caplog.text


def test_a_wake_up_comes_again_if_the_store_fails() -> None:
    """It raises, so that the host shows the message again."""
    app = App([NAP], Unreachable(), waker=Calls())
    with pytest.raises(Undone, match="wake-up m-1"):
        functions(flux_azure.blueprint(app))["wake"](queued(message("r1", 0.0)), context())

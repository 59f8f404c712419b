"""The order flow, stopped at every effect of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crash.kills import killed_twice
from crash.shop import ORDER, Shop, WatchedStorage

from flux_core import Engine, RunStatus
from flux_core.testing import Crash, crash_points

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@pytest.fixture
def shop() -> Shop:
    """Return an empty world."""
    return Shop()


def crashes(shop: Shop, **options: Any) -> Iterator[Crash]:
    """Stop the order flow at every effect."""
    flow = shop.order_flow()

    def call(engine: Engine) -> object:
        return engine.execute(flow, ORDER, id="order-o_001")

    return crash_points(call, [flow], reset=shop.clear, storage=WatchedStorage, **options)


def test_every_commit_has_one_effect_wherever_the_worker_dies(shop: Shop) -> None:
    """Whatever effect the worker dies before, the recovered order is completed, and charged once."""
    for crash in crashes(shop):
        assert crash.result.status is RunStatus.COMPLETED, crash
        assert [shop.effects_of(step) for step in ("charge", "reserve", "notify")] == [1, 1, 1], crash
        assert crash.result.data.reserved == ["mug"], crash
        assert crash.result.results["notify"] == "confirmed pay-order-o_001/charge/1", crash


def test_a_completed_commit_is_not_even_called_again(shop: Shop) -> None:
    """A commit is called a second time only if the worker died between its call and the save of its completion."""
    for crash in crashes(shop):
        twice = {step for step in shop.calls if shop.calls.count(step) > 1}
        in_between = type(crash.effect).__name__ == "Save"
        assert len(twice) <= in_between, crash


def test_no_effect_is_left_out(shop: Shop) -> None:
    """The worker dies before each kind of effect that the flow has, and before the first of all."""
    before = [type(crash.effect).__name__ for crash in crashes(shop)]
    assert before[0] == "Now"
    assert before.count("Save") == 4
    assert before.count("Invoke") == 5  # four handlers, one condition
    assert before.count("Create") == 1


def test_an_interrupted_attempt_is_counted_and_spends_no_retry(shop: Shop) -> None:
    """The node at which the worker died shows the interrupted attempt."""
    for crash in crashes(shop):
        attempts = [record.attempts for record in crash.result.history]
        died_in_the_run = crash.point > 1  # the first two effects tell the time and create the run
        assert sum(attempts) == 4 + died_in_the_run, crash


def test_a_recovery_that_dies_at_every_effect_in_turn_changes_nothing(shop: Shop) -> None:
    """The worker dies before effect k, the one that takes over before its effect j, for every k and j: one charge."""
    flow = shop.order_flow()

    def deliver(engine: Engine) -> Generator[Any, Any, Any]:
        yield engine.execute(flow, ORDER, id="order-o_001")

    pairs = 0
    for killed in killed_twice(deliver, flow, reset=shop.clear):
        [run] = killed.engine.list()
        assert run.status is RunStatus.COMPLETED, killed
        assert [shop.effects_of(step) for step in ("charge", "reserve", "notify")] == [1, 1, 1], killed
        pairs += 1
    assert pairs > 100

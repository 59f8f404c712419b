"""The model-based test: random workflows, failures, deaths, letters, clocks and interleavings; what is promised holds.

Each part prints its seed; `FLUX_SEED=... pytest tests/crash/test_model.py` tries another. What is tried is the same
each time, so that a change is judged by itself; `make soak` tries ever new seeds for `FLUX_SOAK_MINUTES`.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from crash.machine import RUNS, Fleet
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED: Final = 20_261_123
PARTS: Final = 4
EXAMPLES: Final = 630
"""Of a part."""


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """Show the oracle what Flux logs, and nobody else: disturbing listeners raise thousands of errors."""

    def show(record: logging.LogRecord) -> bool:
        Fleet.watching.logged(record)
        return False

    logger = logging.getLogger("flux")
    logger.addFilter(show)
    yield
    logger.removeFilter(show)


def seeds() -> Iterator[int]:
    """Yield the seed that was asked for, or the usual one; new ones for as long as a soak lasts."""
    minutes = float(os.environ.get("FLUX_SOAK_MINUTES", "0"))
    if not minutes:
        yield int(os.environ.get("FLUX_SEED", SEED))
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() < ends:
        yield int.from_bytes(os.urandom(4), "big")


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_the_promises_hold(part: int, capsys: pytest.CaptureFixture[str]) -> None:
    """At least 2,500 runs in each part, 10,000 in all: the oracle finds nothing wrong with any of them."""
    for number in seeds():
        Fleet.counted = 0
        with capsys.disabled():
            print(f"\nFLUX_SEED={number}, part {part}", file=sys.stderr)
        run_state_machine_as_test(
            seed(number + part)(Fleet),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=50,
                database=None,  # a seed alone says what is tried
                deadline=None,  # an example is many runs
                print_blob=True,
            ),
        )
        assert Fleet.counted >= EXAMPLES * RUNS >= 10_000 / PARTS

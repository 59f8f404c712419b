"""Measuring two things side by side on a machine that does other work too: alternately, in many short rounds."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Comparison(NamedTuple):
    """Two things measured in the same rounds; each value is one round's, in seconds."""

    measured: list[float]
    floor: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: what slows a whole round down cancels out."""
        return median(above / below for above, below in zip(*self, strict=True))

    @property
    def difference(self) -> float:
        """The median of the rounds' differences."""
        return median(above - below for above, below in zip(*self, strict=True))


def alternate(rounds: int, measured: Callable[[], float], floor: Callable[[], float]) -> Comparison:
    """Measure both in each round, after one that does not count; each returns its seconds itself."""
    pairs = [(measured(), floor()) for _ in range(rounds + 1)][1:]
    return Comparison([above for above, _ in pairs], [below for _, below in pairs])


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work takes."""
    begun = perf_counter()
    work()
    return perf_counter() - begun

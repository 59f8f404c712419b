"""How long the viewer takes in a real browser to show its first runs, out of a thousand and of a hundred thousand."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.crowd import crowd

from benchmarks.report import Options, Row, Section, main

from services.chromium import chromium
from services.flux_web import FluxWeb

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

GOAL: Final = 1000  # milliseconds
APP: Final = Path(__file__).parents[1] / "tests" / "browser" / "orders.py"
PAINTED: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
ROWS_SHOWN: Final = """() => new Promise((resolve) => {
    const row = () => document.querySelector('.runs tbody tr');
    const look = () => row() ? resolve(performance.now()) : requestAnimationFrame(look);
    look();
})"""
FILTERED: Final = """() => new Promise((resolve) => {
    const began = performance.now();
    const cells = () => [...document.querySelectorAll('.runs .state')];
    const done = () => cells().every((cell) => cell.textContent.includes('suspended'));
    const look = () => done() ? resolve(performance.now() - began) : requestAnimationFrame(look);
    document.querySelector('[value=suspended]').click();
    look();
})"""


class Times(NamedTuple):
    """What was measured on one page, in milliseconds."""

    paint: float
    """From the request to the first text."""
    rows: float
    """From the request to the first rows."""
    filtered: float
    """From a click on a status to rows of that status alone."""


def measure(options: Options) -> Section:
    """Open the viewer again and again, each time in a browser context that has nothing in its cache."""
    rounds = options.rounds(20)
    rows = []
    for count in (1_000, 100_000):
        times = _times(count, rounds)
        rows += [
            _row(f"{count:,} runs: first paint", times, lambda each: each.paint, GOAL),
            _row(f"{count:,} runs: first rows", times, lambda each: each.rows, GOAL),
            _row(f"{count:,} runs: filtered by status", times, lambda each: each.filtered, None),
        ]
    return Section("The viewer in Chromium, over SQLite", rows, [f"Medians of {rounds} rounds, cold cache."])


def _times(count: int, rounds: int) -> list[Times]:
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        store = Path(folder).resolve() / "runs.db"
        crowd(store, count)
        arguments = ("serve", "--no-tick", "--app", f"{APP}:app", "--store", f"sqlite:///{store}")
        with FluxWeb(*arguments, folder=Path(folder)) as server, chromium() as browser:
            return [_look(browser, server.url) for _ in range(rounds)]


def _look(browser: Browser, url: str) -> Times:
    with browser.new_context() as context:
        page: Page = context.new_page()
        page.goto(url, wait_until="commit")
        rows = page.evaluate(ROWS_SHOWN)
        return Times(page.evaluate(PAINTED), rows, page.evaluate(FILTERED))


def _row(what: str, times: list[Times], of: Callable[[Times], float], goal: int | None) -> Row:
    middle = median(map(of, times))
    if goal is None:
        return Row(what, f"{middle:.0f} ms")
    return Row(what, f"{middle:.0f} ms", goal=f"under {goal} ms", met=middle < goal)


if __name__ == "__main__":
    main({"viewer": measure})

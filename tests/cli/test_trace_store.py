"""`flux trace` from a store: what the store knows of its runs, as trees and as events."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from flux_cli import _trace_sources
from flux_cli._trace_stored import events_in
from flux_cli._trace_view import run_tree
from flux_core import App, Context, Engine, Fatal, Retry, Workflow
from flux_core._retold import Retold
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

STORE = "sqlite:///runs.db"
Ctx = Context[dict[str, Any], dict[str, Any]]


def order(name: str, trouble: str = "") -> str:
    """Return the input of a cake or an order."""
    return json.dumps({"order_id": name, "trouble": trouble})


@pytest.fixture
def cake(flux: Callable[..., Result]) -> Callable[..., Result]:
    """A store in which a cake waits for its approval."""
    flux("run", "cake", "--input", order("o1"), "--id", "c1", "--store", STORE)
    return flux


def plain_tree(text: str) -> list[str]:
    """Return the lines of a tree without their times."""
    return [re.sub(r"[0-9.]+ m?s\b|[-0-9]{10} [0-9:]{8}Z", "TIME", line) for line in text.splitlines()]


def test_a_run_of_the_store_is_a_tree(cake: Callable[..., Result]) -> None:
    """Its nodes, and what it waits for."""
    result = cake("trace", "--store", STORE, "--run", "c1")
    assert (result.exit_code, plain_tree(result.stdout)) == (
        0,
        [
            "c1  … suspended",
            "cake · started TIME · took TIME",
            "├── ✓ charge  TIME",
            "└── … approved",
            "    └── … waits for approved  until TIME",
        ],
    )


def test_the_newest_runs_are_shown_without_an_id(cake: Callable[..., Result]) -> None:
    """Of the default store, the older run first."""
    cake("run", "cake", "--input", order("o2"), "--id", "c2", "--store", STORE)
    shown = cake("trace", "--store", STORE).stdout
    assert shown.index("c1  … suspended") < shown.index("c2  … suspended")


def test_without_a_store_it_says_how_to_name_one(flux: Callable[..., Result]) -> None:
    """Nothing is named and there is no default store: exit code 3, in one line."""
    result = flux("trace")
    assert (result.exit_code, "name one with --store" in result.stderr) == (3, True)


def test_a_run_that_is_not_stored_exits_with_3(cake: Callable[..., Result]) -> None:
    """The error says where to look."""
    result = cake("trace", "--store", STORE, "--run", "c9")
    assert (result.exit_code, "flux list" in result.stderr) == (3, True)


def test_a_store_is_followed(
    cake: Callable[..., Result], spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    """What becomes of a run is told as it becomes, each thing once."""
    process = spawn("trace", "--store", STORE, "--run", "c1", "--follow", "--every", "0.05")
    assert process.stdout is not None
    seen = [process.stdout.readline().split("  ")[2].strip() for _ in range(5)]
    assert seen == ["▶ start", "· charge", "✓ charge", "… approved", "… suspend"]
    cake("signal", "c1", "approved", "--store", STORE)
    rest = [process.stdout.readline() for _ in range(4)]
    assert ["complete" in text for text in rest] == [True, False, True, True]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_whoever_follows_a_store_for_long_remembers_its_last_runs_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each event is given once, also of a run that is among the newest again since newer ones are deleted."""
    monkeypatch.setattr(_trace_sources, "MOST_RUNS", 1)
    monkeypatch.setattr(_trace_sources, "REMEMBERED", 2)
    given: list[str] = []
    with App([Workflow("order").step("bake", print)]) as app:
        source = _trace_sources.Stored(app, None, None)
        for number in range(4):
            app.execute("order", {}, id=f"r{number}")
            given += [event.workflow_id for event in source.new() if event.type == "workflow:start"]
        app.delete("r3")
        assert [*source.new()] == []
    assert (given, [*source._given]) == (["r0", "r1", "r2", "r3"], ["r3", "r2"])


def test_what_is_redacted_is_not_in_the_trace_of_a_store(flux: Callable[..., Result], folder: Path) -> None:
    """Neither `trace` nor `show` prints what the app says that nobody gets to see."""
    (folder / "shop.py").write_text(
        "from flux_core import App, Workflow\n"
        "def pay(ctx):\n    ctx.data['card'] = ctx.input['card']\n    return {'card': ctx.input['card']}\n"
        "app = App([Workflow('shop').step('pay', pay)], redact=['card'])\n"
    )
    flux("run", "shop", "--input", '{"card": "4711"}', "--id", "s1", "--app", "shop.py:app", "--store", STORE)
    for command in (("trace", "--run", "s1", "--json"), ("show", "s1", "--json"), ("show", "s1")):
        result = flux(*command, "--app", "shop.py:app", "--store", STORE)
        assert (result.exit_code, "4711" in result.stdout, "***" in result.stdout) == (0, False, True)


def eventful_runs() -> list[Any]:
    """Return runs that have met everything."""
    clock = FakeClock(start=1_000_000.0)
    tries = iter([RuntimeError("cold"), None, RuntimeError("closed"), None])

    def bake(ctx: Ctx) -> str:
        if error := next(tries, None):
            raise error
        return "bread"

    def fail(ctx: Ctx) -> None:
        raise Fatal("no")

    later = Retry(1, initial=60, factor=1, max=60, jitter="none")
    base = (
        Workflow("all")
        .step("bake", bake, retries=later, compensate=lambda ctx: bake(ctx) and None)
        .step("gift", bake, when=lambda ctx: False)
        .sleep("rest", 3600)
        .wait("approved", timeout=7200)
        .commit("send", fail)
    )
    broken = Workflow("all").step("send", fail)
    runs = []
    with Engine(MemoryStorage(), clock=clock, max_inline_wait=0.0) as engine:
        engine.start(base, {}, id="a")
        runs.append(engine.get("a"))
        for _ in range(3):
            engine.tick([base])
            runs.append(engine.get("a"))
            clock.advance(7000)
        engine.signal(base, "a", "approved")
        runs.append(engine.get("a"))
        clock.advance(60)
        engine.tick([base])
        runs.append(engine.get("a"))
        engine.execute(broken, {}, id="b")
        runs.append(engine.get("b"))
        engine.execute(base, {}, id="c")
        clock.advance(10_000)
        engine.tick([base])
        engine.pause("c")
        runs.append(engine.get("c"))
        engine.cancel(base, "c")
        runs.append(engine.get("c"))
    return runs


@pytest.mark.parametrize("run", eventful_runs(), ids=lambda run: f"{run.id} {run.status} {len(run.history)}")
def test_what_a_store_tells_is_the_run(run: Any) -> None:
    """The run that its events tell has its status, nodes, attempts and outputs; a tree can be drawn of it."""
    told = Retold(events_in(run)).run()
    assert told.status is run.status
    assert [(step.name, step.status, step.attempts, step.output) for step in told.history] == [
        (step.name, step.status, step.attempts, step.output) for step in run.history
    ]
    assert [(step.name, step.status) for step in told.compensations] == [
        (step.name, step.status) for step in run.compensations
    ]
    assert run_tree([*events_in(run)]).children or not run.history


@pytest.fixture
def drawn(flux: Callable[..., Result], folder: Path) -> Callable[..., list[str]]:
    """Draw the tree of these events, a millisecond apart; the lines below its heading are returned."""

    def draw(*events: dict[str, Any]) -> list[str]:
        head = {"workflowId": "r1", "workflowName": "order"}
        lines = [json.dumps(head | {"timestamp": 1000 + place} | event) for place, event in enumerate(events)]
        (folder / "trace.ndjson").write_text("\n".join(lines))
        return plain_tree(flux("trace", "trace.ndjson").stdout)[2:]

    return draw


def test_a_trace_may_tell_little(drawn: Callable[..., list[str]]) -> None:
    """Events in the middle of a run have their place in the tree."""
    bake = {"stepName": "bake", "stepIndex": 0}
    events: list[dict[str, Any]] = [
        {"type": "step:retry", **bake, "retries": 1, "error": "busy"},
        {"type": "step:complete", **bake, "retries": 2},
        {"type": "step:progress", "stepName": "pack", "meta": {"message": "begun"}},
        {"type": "step:error", "stepName": "pack", "error": "late", "status": "running"},
        {"type": "signal:received", "input": 1},
        {"type": "workflow:suspend", "status": "paused"},
        {"type": "workflow:resume", "meta": {"retry": True, "fromStep": 1}},
        {"type": "step:skipped", "stepName": "gift"},
        {"type": "step:compensate", "stepName": "bake", "status": "compensated"},
        {"type": "workflow:rollback_complete"},
        {"type": "workflow:error", "error": "out of memory", "status": "failed"},
    ]
    assert drawn(*events) == [
        "├── ✓ bake  TIME",
        "│   ├── ↻ back-off",
        "│   └── ✓ attempt 3",
        "├── · pack",
        "│   ├── % begun",
        "│   └── ✗ attempt 1  late",
        "├── ! signal",
        "├── … paused",
        "├── ▶ retried  from step 2",
        "├── - gift  skipped",
        "├── ⟲ bake  TIME  compensated",
        "└── ✘ failed  out of memory",
    ]


def test_each_try_of_the_typescript_engine_is_one(drawn: Callable[..., list[str]]) -> None:
    """It tells of a failed attempt and of the next by one event, and of a run that goes on by its start."""
    pay = {"stepName": "pay", "stepIndex": 0}
    assert drawn(
        {"type": "workflow:start"},
        {"type": "step:start", **pay},
        {"type": "step:retry", **pay, "retries": 1, "maxRetries": 2, "error": "busy"},
        {"type": "step:retry", **pay, "retries": 2, "maxRetries": 2, "error": "late"},
        {"type": "step:error", **pay, "retries": 2, "error": "declined", "status": "failed"},
        {"type": "workflow:rollback_start", "status": "rolling_back", "error": "declined"},
        {"type": "workflow:start", "meta": {"retry": True, "fromStep": 0}},
    ) == [
        "├── ✗ pay  TIME  declined",
        "│   ├── ✗ attempt 1  TIME  busy",
        "│   ├── ✗ attempt 2  TIME  late",
        "│   └── ✗ attempt 3  TIME  declined",
        "└── ▶ retried  from step 1",
    ]


def test_what_the_typescript_engine_undoes_stands_below_its_rollback(drawn: Callable[..., list[str]]) -> None:
    """It tells of a rollback also where there was nothing to undo."""
    assert drawn(
        {"type": "workflow:rollback_start", "status": "rolling_back", "error": "declined"},
        {"type": "step:compensate", "stepName": "book", "status": "compensated"},
        {"type": "step:compensate", "stepName": "seat", "status": "compensated"},
        {"type": "workflow:rollback_complete", "status": "rolled_back"},
    ) == [
        "└── ◀ rollback  TIME",
        "    ├── ⟲ book  TIME  compensated",
        "    └── ⟲ seat  TIME  compensated",
    ]

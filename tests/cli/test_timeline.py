"""The timeline that `flux show` draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest

from flux_cli._timeline import timeline
from flux_core import ErrorInfo, Run, RunStatus, StepRecord, StepStatus, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

TIMED = """
from dataclasses import dataclass, field
from flux_core import App, Retry, Workflow
from flux_core.testing import FakeClock

clock = FakeClock(1_767_614_400)

@dataclass
class Progress:
    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)

def validate(ctx):
    clock.advance(0.2)

def charge(ctx):
    clock.advance(0.6)
    if ctx.attempt == 1:
        raise TimeoutError("no answer")
    ctx.data.payment_id = "pay-" + "7" * 120

def reserve(ctx):
    clock.advance(0.3)
    ctx.data.reserved = ["mug"]
    ctx.data.payment_id = None
    return {"shelf": 4}

def notify(ctx):
    clock.advance(0.1)
    raise ValueError("no mail server\\nfor a@b.c")

order = (
    Workflow("order", data=Progress)
    .step("validate", validate)
    .commit("charge", charge, retries=Retry(3, initial=1, jitter="none"))
    .commit("reserve", reserve)
    .step("gift", validate, when=lambda ctx: False)
    .commit("notify", notify)
    .step("archive", validate)
)
app = App([order], clock=clock)
"""

GOLDEN = """\
o1  ✘ failed
order version 1
created 2026-01-05 12:00:00Z · took 2.80 s
tags vip, eu

  ✓ validate  step              200 ms  ===
  ✓ charge    commit  2 tries   2.20 s    =================================
      payment_id: null → "pay-7777777777777777777777777777777777777777777777777777777777777777777777777777777777777777…"
      TimeoutError: no answer
  ✓ reserve   commit            300 ms                                    =====
      payment_id: "pay-777777777777777777777777777…" → null
      reserved: [] → ["mug"]
      output: {"shelf": 4}
  - gift      step             skipped
  ✗ notify    commit            100 ms                                        ==
      ValueError: no mail server
      for a@b.c
  · archive   step

once the cause is gone: flux retry o1
"""


def run_of(status: RunStatus, *history: StepRecord, held_until: float | None = None) -> Run:
    """Return a run that was created at 0 and saved at 10 seconds."""
    return Run(
        id="r1",
        workflow="w",
        version="1",
        fingerprint="",
        status=status,
        input={},
        data={},
        initial={},
        history=history,
        compensations=(),
        error=None,
        inbox=(),
        waits_for=None,
        waits_until=None,
        expires_at=None,
        tags=(),
        revision=1,
        interruptions=0,
        held_until=held_until,
        wake_at=held_until,
        created_at=0.0,
        updated_at=10.0,
    )


def step(name: str, begun: float, completed: float | None, **more: Any) -> StepRecord:
    """Return the record of a step."""
    status = StepStatus.RUNNING if completed is None else StepStatus.COMPLETED
    return StepRecord(name, "step", status, 1, begun, completed)._replace(**more)


def lines(
    run: Run, *, now: float = 20.0, width: int = 80, workflow: object = None, traceback: bool = False
) -> list[str]:
    """Return the timeline's lines below the header."""
    assert workflow is None or isinstance(workflow, Workflow)
    text = timeline(run, now=now, width=width, stroke="=", workflow=workflow, traceback=traceback)
    return text.plain.splitlines()[4:]


def test_a_failed_run_is_drawn_like_this(flux: Callable[..., Result], folder: Path) -> None:
    """The whole picture of a run with every kind of line, under a clock that only the handlers move."""
    (folder / "timed.py").write_text(TIMED)
    flux("run", "timed:app", "order", "--input", "{}", "--id", "o1", "--tag", "vip", "--tag", "eu")
    assert flux("show", "o1", "--app", "timed:app").stdout == GOLDEN


def test_a_terminal_has_colours_and_a_heavy_line(flux: Callable[..., Result], folder: Path) -> None:
    """On a terminal the bars are lines, in the colour of the step's status."""
    (folder / "timed.py").write_text(TIMED)
    flux("run", "timed:app", "order", "--input", "{}", "--id", "o1")
    shown = flux(
        "show", "o1", "--app", "timed:app", env={"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}
    ).stdout
    assert "\x1b[31m✘ failed" in shown
    assert "━━━━" in shown


def test_no_line_is_wider_than_the_terminal(flux: Callable[..., Result], folder: Path) -> None:
    """At 60 columns no line that the timeline lays out itself is wider."""
    (folder / "timed.py").write_text(TIMED)
    flux("run", "timed:app", "order", "--input", "{}", "--id", "o1")
    shown = flux(
        "show", "o1", env={"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "60"}
    ).stdout
    assert max(map(len, click.unstyle(shown).splitlines())) <= 60


def test_a_running_step_reaches_to_now() -> None:
    """In a running run the step that has failed before, and is tried again, lasts until now."""
    run = run_of(RunStatus.RUNNING, step("a", 0, 10), step("b", 10, None), held_until=60.0)
    assert lines(run) == [
        "  ✓ a  step  10.00 s  ====================",
        "  ▶ b  step  10.00 s                      ====================",
        "",
        "a worker holds it until 1970-01-01 00:01:00Z; if that is lost, it goes on with: flux tick",
    ]


def test_the_step_in_hand_is_known_from_the_definition() -> None:
    """In a running run the first node without a record is the one that the worker has in hand."""
    run = run_of(RunStatus.RUNNING, step("a", 0, 10), held_until=60.0)
    workflow = Workflow("w").step("a", print).step("b", print).step("c", print)
    assert lines(run, workflow=workflow)[1:3] == [
        "  ▶ b  step  10.00 s                      ====================",
        "  · c  step",
    ]


def test_a_completed_run_has_nothing_left_to_reach() -> None:
    """A node that the definition got later than the run ended is not drawn."""
    run = run_of(RunStatus.COMPLETED, step("a", 0, 10))
    workflow = Workflow("w").step("a", print).step("b", print)
    assert lines(run, workflow=workflow) == ["  ✓ a  step  10.00 s  ========================================"]


@pytest.mark.parametrize(
    ("begun", "completed", "bar"),
    [
        (0.0, 0.0, "="),
        (10.0, 10.0, " " * 39 + "="),
        (5.0, 5.001, " " * 20 + "="),
        (-3.0, 2.5, "=" * 10),
        (7.5, 99.0, " " * 30 + "=" * 10),
    ],
)
def test_a_bar_stays_within_the_run(begun: float, completed: float, bar: str) -> None:
    """A bar has at least one stroke, and neither begins before nor ends after the run."""
    run = run_of(RunStatus.COMPLETED, step("a", begun, completed))
    assert lines(run)[0].partition("s  ")[2] == bar


def test_a_run_of_no_time_has_full_bars() -> None:
    """A run whose end is its beginning is drawn all the same."""
    run = run_of(RunStatus.COMPLETED, step("a", 0, 0))._replace(updated_at=0.0)
    assert lines(run) == ["  ✓ a  step  0 ms  ="]


def test_where_there_is_no_room_there_is_no_bar() -> None:
    """A narrow terminal shows the columns without the bars."""
    assert lines(run_of(RunStatus.COMPLETED, step("a", 0, 10)), width=24) == ["  ✓ a  step  10.00 s"]


def test_a_new_key_of_a_dict_has_no_before() -> None:
    """Data that is a dict begins empty: a key is shown with its value alone, and later with both."""
    run = run_of(
        RunStatus.COMPLETED, step("a", 0, 5, changes={"items": 1}), step("b", 5, 10, changes={"items": 2})
    )
    shown = lines(run, workflow=Workflow("w").step("a", print).step("b", print))
    assert (shown[1], shown[3]) == ("      items: 1", "      items: 1 → 2")


def test_the_first_value_comes_from_what_data_was_at_first() -> None:
    """What data was before the first step is stored with the run, and needs no definition."""
    run = run_of(RunStatus.COMPLETED, step("a", 0, 10, changes={"n": 1}))._replace(initial={"n": 0})
    assert lines(run)[1] == "      n: 0 → 1"


def test_a_traceback_is_shown_only_if_asked_for() -> None:
    """The traceback follows its error, indented, when it is asked for."""
    error = ErrorInfo("ValueError", "no", "STEP_FAILED", retryable=True, traceback="Traceback\n  in f\n")
    run = run_of(RunStatus.SUSPENDED, step("a", 0, None, error=error), held_until=60.0)
    assert lines(run)[1:3] == ["      ValueError: no", ""]
    assert lines(run, traceback=True)[1:4] == ["      ValueError: no", "      Traceback", "        in f"]


def test_an_error_cannot_drive_the_terminal() -> None:
    """Control characters in an error's message are replaced."""
    error = ErrorInfo("ValueError", "\x1b[2Jgone", "STEP_FAILED", retryable=True)
    run = run_of(RunStatus.FAILED, step("a", 0, None, error=error))
    assert lines(run)[1] == "      ValueError: \N{REPLACEMENT CHARACTER}[2Jgone"


def test_a_name_of_two_cells_a_character_keeps_the_columns() -> None:
    """Columns are aligned by the cells that names take, not by their characters."""
    shown = lines(run_of(RunStatus.COMPLETED, step("検証", 0, 5), step("ab", 5, 10)), width=24)
    assert shown == ["  ✓ 検証  step  5.00 s", "  ✓ ab    step  5.00 s"]


def test_a_wait_lasts_until_now() -> None:
    """In a suspended run the node that stands open, and the run itself, last until now."""
    open_wait = step("go", 0, None, kind="wait", status=StepStatus.SUSPENDED)
    run = run_of(RunStatus.SUSPENDED, open_wait)._replace(waits_for="go")
    assert lines(run) == [
        "  … go  wait  20.00 s  ========================================",
        "",
        "waits for: flux signal r1 go",
    ]


def test_what_is_to_be_typed_is_quoted() -> None:
    """A signal whose name has blanks is named as a shell takes it."""
    run = run_of(RunStatus.SUSPENDED)._replace(waits_for="go on", waits_until=60.0)
    assert lines(run)[-1] == "waits until 1970-01-01 00:01:00Z for: flux signal r1 'go on'"


def test_a_rollback_that_is_held_says_so() -> None:
    """A run that goes back is held by a worker as one that goes forward is."""
    run = run_of(RunStatus.ROLLING_BACK, held_until=60.0)
    assert lines(run)[-1].startswith("a worker holds it until 1970-01-01 00:01:00Z")


def test_the_error_of_a_compensation_stands_with_it_alone() -> None:
    """A compensation has a line of its own below the nodes, with its error, and the node's line is without that."""
    error = ErrorInfo("ValueError", "no", "STEP_FAILED", retryable=True)
    charge = step("charge", 0, 4, status=StepStatus.COMPENSATING, error=error)
    undo = step("charge", 8, 10, kind="compensation", status=StepStatus.FAILED, error=error)
    run = run_of(RunStatus.COMPENSATION_FAILED, charge)._replace(compensations=(undo,))
    assert [line.split()[:3] for line in lines(run)[:3]] == [
        ["↶", "charge", "step"],
        ["✗", "charge", "compensation"],
        ["ValueError:", "no"],
    ]


def test_the_end_that_a_run_must_have_is_told_until_it_has_ended() -> None:
    """The workflow's time-out is in the header of a run that has not ended."""
    texts = [
        timeline(run_of(status)._replace(expires_at=60.0), now=20, width=80, stroke="=").plain
        for status in (RunStatus.PAUSED, RunStatus.COMPLETED)
    ]
    assert ["must have ended by 1970-01-01 00:01:00Z" in text for text in texts] == [True, False]


VERSIONS = """
from flux_core import App, Workflow

def versions(*numbers):
    flows = {
        "1": Workflow("w", version="1").wait("go").step("old", print),
        "2": Workflow("w", version="2").wait("go").step("new", print),
    }
    return [flows[number] for number in numbers]

both = App(versions("1", "2"))
first = App(versions("1"))
second = App(versions("2"))
"""


@pytest.mark.parametrize(("app", "left"), [("both", "old"), ("second", "new")])
def test_a_run_is_drawn_under_its_own_version(
    flux: Callable[..., Result], folder: Path, app: str, left: str
) -> None:
    """Of several versions of a workflow the run's own says what is left; where there is none, the last does."""
    (folder / "vers.py").write_text(VERSIONS)
    flux("run", "vers:first", "w", "--input", "{}", "--id", "r1")
    assert f"  · {left} " in flux("show", "r1", "--app", f"vers:{app}").stdout

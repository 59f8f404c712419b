"""What is to come of a run: what lies in its inbox, what it waits for, and what to type next."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Final

from rich.text import Text

from flux_cli._words import instant, printable
from flux_core import Interrupted, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import Run

HELD: Final = "a worker holds it until {held_until}; if that is lost, it goes on with: flux tick"
DUE: Final = "goes on at {wake_at} with: flux tick"
WAITS: Final = "waits for: flux signal {id} {waits_for}"
WAITS_UNTIL: Final = "waits until {waits_until} for: flux signal {id} {waits_for}"
UNKNOWN: Final = (
    "nobody knows whether {step} happened\n"
    "if it did: flux resolve {id} {step}, and --output if it gave one\n"
    "if it did not: flux retry {id}"
)
OF_STATUS: Final = {
    RunStatus.PENDING: "begins with the next: flux tick",
    RunStatus.SUSPENDED: DUE,
    RunStatus.ROLLING_BACK: DUE,
    RunStatus.PAUSED: "stands still until: flux resume {id}",
    RunStatus.FAILED: "once the cause is gone: flux retry {id}",
    RunStatus.COMPENSATION_FAILED: "once the cause is gone: flux retry {id}",
}


def outlook(run: Run) -> Iterator[Text]:
    """Give the lines, each block after an empty one; nothing if nothing is to come."""
    if run.inbox:
        yield Text("\nin its inbox:")
        yield from (Text(f"  {printable(asked)}", style="cyan") for asked in run.inbox)
    sentence = _sentence(run)
    if sentence:
        moments = {"held_until": run.held_until, "wake_at": run.wake_at, "waits_until": run.waits_until}
        told = {name: instant(time) for name, time in moments.items() if time is not None}
        step = run.history[-1].name if run.history else ""
        yield Text()
        yield Text(sentence.format(id=run.id, step=quote(step), waits_for=quote(run.waits_for or ""), **told))


def _sentence(run: Run) -> str | None:
    if run.held_until is not None:
        return HELD
    if run.status is RunStatus.SUSPENDED and run.waits_for and not _is_answered(run):
        return WAITS if run.waits_until is None else WAITS_UNTIL
    if run.status is RunStatus.FAILED and run.wake_at is not None:  # it has been resolved
        return DUE
    if run.status is RunStatus.FAILED and run.error and run.error.code == Interrupted.code:
        return UNKNOWN
    return OF_STATUS.get(run.status)


def _is_answered(run: Run) -> bool:
    """Whether the signal that the run waits for has come, and nobody has gone on with the run yet."""
    return f"signal {run.waits_for}" in run.inbox

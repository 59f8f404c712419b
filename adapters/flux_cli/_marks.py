"""The mark and the colour that stand for each status, the same in every picture."""

from __future__ import annotations

from typing import Final, NamedTuple

from flux_core import RunStatus, StepStatus


class Mark(NamedTuple):
    """A sign, and the style that Rich writes it in."""

    sign: str
    style: str


OF_RUN: Final = {
    RunStatus.PENDING: Mark("○", "cyan"),
    RunStatus.RUNNING: Mark("▶", "blue"),
    RunStatus.SUSPENDED: Mark("…", "yellow"),
    RunStatus.PAUSED: Mark("‖", "yellow"),
    RunStatus.COMPLETED: Mark("✔", "green"),
    RunStatus.FAILED: Mark("✘", "red"),
    RunStatus.CANCELLED: Mark("⊘", "magenta"),
    RunStatus.ROLLING_BACK: Mark("↶", "blue"),
    RunStatus.ROLLED_BACK: Mark("↺", "magenta"),
    RunStatus.COMPENSATION_FAILED: Mark("!", "bold red"),
}

OF_STEP: Final = {
    StepStatus.PENDING: Mark("○", "cyan"),
    StepStatus.RUNNING: Mark("▶", "blue"),
    StepStatus.COMPLETED: Mark("✓", "green"),
    StepStatus.FAILED: Mark("✗", "red"),
    StepStatus.SKIPPED: Mark("-", "dim"),
    StepStatus.SUSPENDED: Mark("…", "yellow"),
    StepStatus.COMPENSATING: Mark("↶", "blue"),
    StepStatus.COMPENSATED: Mark("↺", "magenta"),
}

NOT_REACHED: Final = Mark("·", "dim")

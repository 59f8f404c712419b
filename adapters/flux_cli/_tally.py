"""What came of a command that works on many runs, run by run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_cli._exit import GRAVEST_FIRST, ExitCode
from flux_cli._words import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_cli._exit import Failure
    from flux_core import ErrorInfo, RunStatus

LONGEST_REASON: Final = 300  # characters
UNTOUCHED: Final = "not touched"


class Outcome(NamedTuple):
    """What came of one run."""

    id: str
    workflow: str
    status: RunStatus
    """Where it stands; if it was not touched, where it stood when it was chosen."""
    exit: ExitCode
    error: ErrorInfo | None = None
    """The run's own."""
    refusal: Failure | None = None
    """Why it was not touched."""


class Tally:
    """Outcomes, added as they come.

    Args:
        matched: how many runs the command is to work on.
    """

    def __init__(self, matched: int) -> None:
        self.matched = matched
        self._outcomes: list[Outcome] = []

    def __len__(self) -> int:
        return len(self._outcomes)

    def add(self, outcome: Outcome) -> None:
        """Take the next outcome."""
        self._outcomes.append(outcome)

    @property
    def exit(self) -> ExitCode:
        """The gravest of the outcomes' codes."""
        codes = {outcome.exit for outcome in self._outcomes}
        return next((code for code in GRAVEST_FIRST if code in codes), ExitCode.DONE)

    def lines(self) -> Iterator[str]:
        """Give a line for each run that was not touched or ended badly, and one with the counts."""
        for outcome in self._outcomes:
            if outcome.refusal is not None:
                yield f"{outcome.id}: {UNTOUCHED}: {shortened(outcome.refusal.message, LONGEST_REASON)}"
            elif outcome.exit is ExitCode.RUN_FAILED:
                yield f"{outcome.id}: {outcome.status}{_reason(outcome.error)}"
        counted = f"{len(self)} of {self.matched}" if len(self) < self.matched else f"{len(self)}"
        told = ", ".join(f"{count} {what}" for what, count in self._counts().items())
        yield f"{counted} run{'' if self.matched == 1 else 's'}: {told}".removesuffix(": ")

    def document(self, *, traceback: bool) -> dict[str, Any]:
        """Return the same for programs.

        Keys: `matched` (runs that were to be worked on), `left` (those that an interrupt left as they were, or in
        the middle), `untouched` (those that the command could not work on), `counts` (of the others, by status),
        `runs` (an object each: `id, workflow, status, error`, and `refusal`: null, or the `code` and `message` of
        what kept the run from being touched).
        """
        counts = self._counts()
        untouched = counts.pop(UNTOUCHED, 0)
        return {
            "matched": self.matched,
            "left": self.matched - len(self),
            "untouched": untouched,
            "counts": counts,
            "runs": [_document(outcome, traceback=traceback) for outcome in self._outcomes],
        }

    def _counts(self) -> dict[str, int]:
        return Counter(UNTOUCHED if outcome.refusal else str(outcome.status) for outcome in self._outcomes)


def _reason(error: ErrorInfo | None) -> str:
    return "" if error is None else f": {shortened(f'{error.type}: {error.message}', LONGEST_REASON)}"


def _document(outcome: Outcome, *, traceback: bool) -> dict[str, Any]:
    refusal = outcome.refusal
    return {
        "id": outcome.id,
        "workflow": outcome.workflow,
        "status": str(outcome.status),
        "error": outcome.error and outcome.error.to_dict(traceback=traceback),
        "refusal": refusal and {"code": refusal.code, "message": refusal.message},
    }

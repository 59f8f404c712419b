"""A run as people may see it: what its app redacts is masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flux_core._display import plain
from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._run import Run, StepRecord


def checked_paths(redact: Iterable[str]) -> tuple[str, ...]:
    """Return the paths to mask.

    Raises:
        InvalidInput: they are one string, whose letters would be taken for paths, or not several of anything.
    """
    given: object = redact
    if isinstance(given, str):
        raise InvalidInput(f"expected several paths, got the one string {given!r}", path="redact")
    if not isinstance(given, Iterable):
        raise InvalidInput(f"expected several, got {given!r}", path="redact")
    return tuple(redact)


def masked_run(run: Run, masked: Callable[[Any], Any]) -> Run:
    """Return the run with its values as plain data, each of them masked.

    Args:
        run: as it is stored.
        masked: masks a value of plain data.
    """

    def shown(value: Any) -> Any:
        return masked(plain(value))

    def step(record: StepRecord) -> StepRecord:
        return record._replace(output=shown(record.output), changes=shown(dict(record.changes)))

    return run._replace(
        input=shown(run.input),
        data=shown(run.data),
        initial=shown(run.initial),
        history=tuple(map(step, run.history)),
        compensations=tuple(map(step, run.compensations)),
    )

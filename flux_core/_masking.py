"""A run as people may see it: what its app redacts is masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from flux_core._display import plain
from flux_core._errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._run import Run, StepRecord


MASK: Final = "***"


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


def mask(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value with what stands at the path masked; a list on the way means each of its items.

    A key may have dots in it: one that is all of the rest of the path is meant too.
    """
    if isinstance(value, list):
        return [mask(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    first, *rest = path
    whole = ".".join(path)
    return {
        key: MASK if key == whole else mask(item, tuple(rest)) if key == first else item
        for key, item in value.items()
    }


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

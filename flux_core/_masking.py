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
        InvalidInput: they are one string, whose letters would be taken for paths, or not several strings.
    """
    given: object = redact
    if isinstance(given, str):
        raise InvalidInput(f"expected several paths, got the one string {given!r}", path="redact")
    if not isinstance(given, Iterable):
        raise InvalidInput(f"expected several, got {given!r}", path="redact")
    paths = tuple(given)
    for path in paths:
        if not isinstance(path, str):
            raise InvalidInput(f"expected paths such as 'card.number', got {path!r}", path="redact")
    return paths


def mask(value: Any, path: str) -> Any:
    """Return the value with what stands at the path masked; a list on the way means each of its items.

    A key may have dots in it: it is met wherever the path goes on with all of it.
    """
    if isinstance(value, list):
        return [mask(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: MASK if key == path else mask(item, path[len(key) + 1 :]) if path.startswith(f"{key}.") else item
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

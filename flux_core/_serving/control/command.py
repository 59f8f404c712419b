"""A control command: what an event asks for, its fields checked as they are read."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from flux_core import InvalidInput, RunNotFound, UnknownWorkflow, Workflow
from flux_core._serving.problem import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core import App, Run
    from flux_core._serving.service import Service
    from flux_core.storage import Record

LONGEST_VALUE: Final = 200
"""Characters of a value that an error shows."""


class Command:
    """What is asked for, and of whom.

    Attributes:
        app: what the handler serves.
        fields: those of the command, unchecked.
        deadline: when the function is killed, in `time.monotonic()` seconds; None if nobody says.
    """

    def __init__(
        self, service: Service, fields: dict[str, Any], deadline: float | None, where: str = "flux."
    ) -> None:
        self.app: App = service.app
        self.fields = fields
        self.deadline = deadline
        self._service = service
        self._where = where

    @property
    def id(self) -> str:
        """The id of the run that is meant."""
        return self.text("id")

    @property
    def record(self) -> Record:
        """The run that is meant, as the store writes it down: without its history, which may have to be fetched.

        Raises:
            RunNotFound: it has none.
        """
        record = self.app.engine.storage.load(self.id)
        if record is None:
            raise RunNotFound(f"no run {self.id!r} in the store")
        return record

    @property
    def stored(self) -> Run:
        """The run that is meant, as the store has it.

        Raises:
            RunNotFound: it has none.
        """
        run = self.app.get(self.id)
        if run is None:
            raise RunNotFound(f"no run {self.id!r} in the store")
        return run

    @property
    def workflow(self) -> str:
        """The workflow of the run that is meant: as the command names it, else the run's own.

        Raises:
            RunNotFound: the store has no such run.
            UnknownWorkflow: the run's own is none of the app's.
        """
        if "workflow" in self.fields:
            return self.text("workflow")
        name = self.record.workflow
        if name not in self._names:
            raise UnknownWorkflow(
                f"run {self.id!r} is one of workflow {name!r}, which this app does not serve"
            )
        return name

    def check_workflow(self) -> None:
        """Do nothing if the run that is meant is one of a workflow that the app serves.

        Raises:
            RunNotFound: the store has no such run.
            UnknownWorkflow: it is not.
        """
        _ = self.workflow

    @property
    def workflow_to_wake(self) -> str:
        """The only workflow that there is, without a look at the run, else the run's own."""
        return next(iter(self._names)) if len(self._names) == 1 else self.workflow

    @property
    def _names(self) -> set[str]:
        return {workflow.name for workflow in self.app.workflows}

    @property
    def new_workflow(self) -> str:
        """The workflow of a run that is to be made: as the command names it, else the handler's."""
        own = self._service.target
        return self.text("workflow", own.name if isinstance(own, Workflow) else None)

    def text(self, field: str, default: str | None = None) -> str:
        """Return a field that is a str."""
        value = self.fields.get(field, default)
        if not isinstance(value, str):
            raise InvalidInput(f"expected a str, got {_quoted(value)}", path=f"{self._where}{field}")
        return value

    def texts(self, field: str) -> list[str]:
        """Return a field that is a list of str."""
        value = self.fields[field]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidInput(f"expected a list of str, got {_quoted(value)}", path=f"{self._where}{field}")
        return value

    def count(self, field: str, default: int) -> int:
        """Return a field that is a whole number from 1 up."""
        value = self.fields.get(field, default)
        if type(value) is not int or value < 1:
            raise InvalidInput(
                f"expected an int of at least 1, got {_quoted(value)}", path=f"{self._where}{field}"
            )
        return value

    def flag(self, field: str, *, default: bool) -> bool:
        """Return a field that is true or false."""
        value = self.fields.get(field, default)
        if not isinstance(value, bool):
            raise InvalidInput(f"expected true or false, got {_quoted(value)}", path=f"{self._where}{field}")
        return value

    def seconds(self, field: str) -> float:
        """Return a field that is a moment in Unix seconds."""
        value = self.fields[field]
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise InvalidInput(f"expected Unix seconds, got {_quoted(value)}", path=f"{self._where}{field}")
        return value

    def moment(self, field: str) -> datetime | float:
        """Return a field that is a moment: Unix seconds, or a text in ISO 8601 that says its time zone."""
        value = self.fields[field]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        try:
            moment = datetime.fromisoformat(self.text(field))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidInput(
                f"expected Unix seconds, or ISO 8601 with a time zone as in 2026-01-31T12:00:00Z; got {_quoted(value)}",
                path=f"{self._where}{field}",
            )
        return moment

    def given(self, readers: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
        """Return those of the fields that the command has, each read by its reader."""
        return {field: read(field) for field, read in readers.items() if field in self.fields}


def _quoted(value: object) -> str:
    """Return a value as an error shows it: not all of one that is long."""
    return cut(repr(value), LONGEST_VALUE)

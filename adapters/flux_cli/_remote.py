"""The runs of a deployed function: each command is sent to it, and its answer is read."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import flux_core
from flux_cli._exit import FunctionFailed, NotThere, Refused
from flux_cli._json_in import error_in, page_in, run_in
from flux_core import FluxError, InvalidInput, RunNotFound, RunStatus, TickReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flux_core import ErrorInfo, Page, Run

KINDS: Final = {"lambda": ("flux_aws._remote", "LambdaFunction")}
"""What serves the URLs of each kind: a class with a method `at`, and its module, which is loaded when it is needed."""


class Answer(Protocol):
    """What came of a call."""

    @property
    def payload(self) -> Any:
        """What the function returned or, if it failed, `{"errorType": ..., "errorMessage": ...}`."""
        ...

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        ...


class Function(Protocol):
    """A deployed function that serves an app."""

    name: str

    def call(self, command: dict[str, Any]) -> Answer:
        """Have it do what the command says, and return its answer; a LookupError says that there is no function."""
        ...


class Stands(NamedTuple):
    """How a run stood when the function answered."""

    id: str
    status: RunStatus
    error: ErrorInfo | None


class Remote:
    """The runs of a function; a `Runs`.

    Args:
        function: what the commands are sent to.
    """

    def __init__(self, function: Function) -> None:
        self._function = function

    @property
    def workflows(self) -> None:
        """None: which workflows the function serves is not known here."""

    def execute(
        self, workflow: str, input: Any, *, id: str | None = None, tags: Iterable[str] | None = None
    ) -> Stands:
        """Have the workflow run until it ends or is suspended."""
        return self._stands(
            "run", {"workflow": workflow, "input": input}, id=id, tags=[*(tags or ())] or None
        )

    def resume(self, workflow: str, run_id: str) -> Stands:
        """Have a run gone on with."""
        return self._stands("resume", {"workflow": workflow, "id": run_id})

    def retry_step(self, workflow: str, run_id: str, step: str, *, redo_commits: bool = False) -> Stands:
        """Have a run gone back with, to before a step."""
        return self._stands(
            "retry", {"workflow": workflow, "id": run_id, "step": step, "redo_commits": redo_commits}
        )

    def signal(
        self,
        workflow: str,
        run_id: str,
        name: str,
        payload: Any = None,
        *,
        id: str | None = None,
        run: bool = True,
    ) -> Stands:
        """Have a signal sent to a run."""
        return self._stands(
            "signal",
            {"workflow": workflow, "id": run_id, "name": name, "payload": payload, "run": run},
            signal_id=id,
        )

    def cancel(self, workflow: str, run_id: str, *, compensate: bool = False) -> Stands:
        """Have a run cancelled."""
        return self._stands("cancel", {"workflow": workflow, "id": run_id, "compensate": compensate})

    def pause(self, run_id: str) -> Stands:
        """Have a run stand still."""
        return self._stands("pause", {"id": run_id})

    def resolve(
        self, workflow: str, run_id: str, step: str, *, output: Any = None, run: bool = True
    ) -> Stands:
        """Have a commit taken for done."""
        return self._stands(
            "resolve", {"workflow": workflow, "id": run_id, "step": step, "output": output, "run": run}
        )

    def tick(self, *, limit: int = 100) -> TickReport:
        """Have everything gone on with that is due."""
        with self._understood():
            return TickReport(**self._sent("tick", {"limit": limit}))

    def get(self, run_id: str) -> Run | None:
        """Return the stored run, or None."""
        try:
            document = self._sent("show", {"id": run_id})
        except Refused as error:
            if issubclass(error.kind, RunNotFound):
                return None
            raise
        with self._understood():
            return run_in(document)

    def shown(self, run: Run) -> Run:
        """Return the run as it came: the function has masked what nobody gets to see."""
        return run

    def list(
        self,
        *,
        workflow: str | None = None,
        status: tuple[str, ...] | None = None,
        since: float | None = None,
        until: float | None = None,
        tag: str | None = None,
        id_prefix: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of runs, newest first."""
        statuses = None if status is None else [str(one) for one in status]
        document = self._sent(
            "list",
            {"limit": limit},
            workflow=workflow,
            status=statuses,
            since=since,
            until=until,
            tag=tag,
            id_prefix=id_prefix,
            cursor=cursor,
        )
        with self._understood():
            return page_in(document)

    def delete(self, run_id: str) -> None:
        """Have a run removed."""
        self._sent("delete", {"id": run_id})

    def _stands(self, action: str, fields: dict[str, Any], **optional: Any) -> Stands:
        document = self._sent(action, fields, **optional)
        with self._understood():
            return Stands(document["id"], RunStatus(document["status"]), error_in(document.get("error")))

    def _sent(self, action: str, fields: dict[str, Any], **optional: Any) -> Any:
        """Return the answer to a command; an optional field that is None is left out."""
        given = {name: value for name, value in optional.items() if value is not None}
        try:
            answer = self._function.call({"action": action, **fields, **given})
        except FluxError as error:
            raise NotThere.instead_of(error) from None
        if answer.failed:
            raise self._refusal(answer.payload)
        return answer.payload

    def _refusal(self, payload: Any) -> FluxError:
        """Return what the function has raised: an error of Flux under its own name, anything else as a failure."""
        told = payload if isinstance(payload, dict) else {}
        name, message = str(told.get("errorType", "")), str(told.get("errorMessage", payload))
        kind = getattr(flux_core, name, None) if name in flux_core.__all__ else None
        if isinstance(kind, type) and issubclass(kind, FluxError):
            return Refused(kind, message)
        return FunctionFailed(
            f"function {self._function.name} failed: {': '.join(part for part in (name, message) if part)}"
        )

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Say so if an answer cannot be read in the block.

        Raises:
            FunctionFailed: the function is no handler of Flux, or one of another version.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise FunctionFailed(
                f"function {self._function.name} gave an answer that cannot be read: is it a handler of Flux, and of"
                f" this version? ({type(error).__name__}: {error})"
            ) from error


def remote_at(url: str) -> Remote:
    """Return the runs of the function at the URL.

    Raises:
        InvalidInput: it does not name a function.
    """
    kind, _, _ = url.partition("://")
    if kind not in KINDS:
        known = ", ".join(f"{known}://" for known in KINDS)
        raise InvalidInput(f"no function is known for {url!r}; known: {known}", path="remote")
    module, name = KINDS[kind]
    function: Function = getattr(import_module(module), name).at(url)
    return Remote(function)

"""The workflow: an immutable list of named nodes, built call by call."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, overload

from flux_core._context import D, I
from flux_core._errors import InvalidInput, InvalidWorkflow, StepNotFound
from flux_core._retry import Retry
from flux_core._suspension import LONGEST, LONGEST_NAME, seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from flux_core._context import Context
    from flux_core._plan import Plan


STEP = "step"
COMMIT = "commit"
SLEEP = "sleep"
WAIT = "wait"


class Node(NamedTuple):
    """One node of a workflow, as its call made it; None means the engine's default."""

    name: str
    kind: str
    """`"step"`; `"commit"`, a side effect that is never run again once it has completed; `"sleep"` or `"wait"`."""
    handler: Callable[[Context[Any, Any]], Any] | None = None
    """None in a sleep and in a wait."""
    retry: Retry | None = None
    timeout: float | None = None
    """Seconds that an attempt, or a wait, may take."""
    when: Callable[[Context[Any, Any]], Any] | None = None
    compensate: Callable[[Context[Any, Any]], Any] | None = None
    once: bool = False
    """Whether the commit is left to a person when it was interrupted."""
    duration: float | Callable[[Context[Any, Any]], Any] | None = None
    """How long a sleep takes: seconds, or what says so when it begins."""
    on_timeout: Literal["fail", "skip"] = "fail"
    """What becomes of a wait whose time is up."""


class Workflow(Generic[I, D]):
    """A workflow definition: a value, made by chaining `step`, `commit`, `sleep` and `wait`; each returns a new one.

    Args:
        name: what stored runs refer to; a literal that does not change.
        input: the type of the input that starts a run: `dict`, a `TypedDict`, a dataclass, a pydantic model or
            a msgspec struct.
        data: the type of the data that the nodes share and change; it must be makeable without arguments.
        version: recorded with each run.
        timeout: seconds, or a `timedelta`, that a run may take over all invocations and waits; then it fails with
            `WorkflowTimeout`. An attempt in progress is not cut short: the time-out is seen when it has ended.

    Raises:
        InvalidWorkflow: a name, a type or an option cannot be taken.
    """

    __slots__ = ("_data", "_index", "_input", "_name", "_nodes", "_plan", "_timeout", "_version")

    @overload
    def __init__(
        self: Workflow[dict[str, Any], dict[str, Any]],
        name: str,
        *,
        version: str = ...,
        timeout: float | timedelta | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[I, dict[str, Any]],
        name: str,
        *,
        input: type[I],
        version: str = ...,
        timeout: float | timedelta | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[dict[str, Any], D],
        name: str,
        *,
        data: type[D],
        version: str = ...,
        timeout: float | timedelta | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[I, D],
        name: str,
        *,
        input: type[I],
        data: type[D],
        version: str = ...,
        timeout: float | timedelta | None = ...,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        *,
        input: Any = dict,
        data: Any = dict,
        version: str = "1",
        timeout: float | timedelta | None = None,
    ) -> None:
        self._name = _checked_name(name, "a workflow")
        self._input: type[I] = input
        self._data: type[D] = data
        self._version = _checked_name(version, f"the version of workflow {name!r}")
        self._timeout = _as_seconds(timeout, f"workflow {name!r}")
        self._nodes: tuple[Node, ...] = ()
        self._index: dict[str, int] = {}
        self._plan: Plan | None = None

    @property
    def name(self) -> str:
        """What stored runs refer to."""
        return self._name

    @property
    def input(self) -> type[I]:
        """The type of what a run is started with."""
        return self._input

    @property
    def data(self) -> type[D]:
        """The type of what the nodes share."""
        return self._data

    @property
    def version(self) -> str:
        """Recorded with each run."""
        return self._version

    @property
    def timeout(self) -> float | None:
        """The seconds that a run may take."""
        return self._timeout

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, in the order in which they run."""
        return self._nodes

    def step(
        self,
        name: str,
        handler: Callable[[Context[I, D]], Any],
        *,
        retries: int | Retry | None = None,
        timeout: float | timedelta | None = None,
        when: Callable[[Context[I, D]], object] | None = None,
        compensate: Callable[[Context[I, D]], Any] | None = None,
    ) -> Workflow[I, D]:
        """Add a unit of work; it may run again after a crash.

        Args:
            name: unique in the workflow; it is persisted.
            handler: called with the `Context`, `def` or `async def`; what it returns is the step's output.
            retries: attempts after the first, or a `Retry`; None: the engine's default.
            timeout: seconds that one attempt may take; None: the engine's default.
            when: called before the first attempt; if its result is false the node is skipped.
            compensate: called with the `Context` if the run is rolled back after the node has completed, under
                the same retries and time-out.
        """
        where = self._where(STEP, name)
        functions = _checked(where, handler=handler, when=when, compensate=compensate)
        return self._with(
            Node(
                name, STEP, retry=_as_retry(retries, where), timeout=_as_seconds(timeout, where), **functions
            )
        )

    def commit(
        self,
        name: str,
        handler: Callable[[Context[I, D]], Any],
        *,
        retries: int | Retry | None = None,
        timeout: float | timedelta | None = None,
        when: Callable[[Context[I, D]], object] | None = None,
        compensate: Callable[[Context[I, D]], Any] | None = None,
        once: bool = False,
    ) -> Workflow[I, D]:
        """Add a side effect on the world: once completed it is never run again by resume or retry.

        A commit that was interrupted runs again with the same `ctx.key`; hand that key to the system that has
        the effect. If that system cannot recognise a repetition, say `once=True`: a commit that was interrupted or
        timed out, or that raised `OutcomeUnknown`, then fails its run as `Interrupted`, and a person decides. The
        other arguments are those of `step`.
        """
        where = self._where(COMMIT, name)
        if not isinstance(once, bool):
            raise InvalidWorkflow(f"{where}: once must be True or False; got {once!r}")
        functions = _checked(where, handler=handler, when=when, compensate=compensate)
        retry, seconds = _as_retry(retries, where), _as_seconds(timeout, where)
        return self._with(Node(name, COMMIT, retry=retry, timeout=seconds, once=once, **functions))

    def sleep(
        self,
        name: str,
        duration: float | timedelta | Callable[[Context[I, D]], float | timedelta],
        *,
        when: Callable[[Context[I, D]], object] | None = None,
    ) -> Workflow[I, D]:
        """Let the run sleep here; it is saved, and no process waits.

        Args:
            name: unique in the workflow; it is persisted.
            duration: seconds, a `timedelta`, or a function of the `Context` that returns one of these.
            when: called before the sleep begins; if its result is false the sleep is skipped.
        """
        where = self._where(SLEEP, name)
        try:
            length = duration if callable(duration) else seconds(duration, "duration")
        except InvalidInput as error:
            raise InvalidWorkflow(f"{where}: {error}") from None
        return self._with(Node(name, SLEEP, duration=length, **_checked(where, when=when)))

    def wait(
        self,
        name: str,
        *,
        timeout: float | timedelta | None = None,
        on_timeout: Literal["fail", "skip"] = "fail",
        when: Callable[[Context[I, D]], object] | None = None,
    ) -> Workflow[I, D]:
        """Wait here for the signal of this name; its payload becomes the node's output. No process waits.

        Args:
            name: the signal's, unique in the workflow; it is persisted.
            timeout: seconds, or a `timedelta`; None: for ever.
            on_timeout: `"fail"` the run with `StepTimeout` when the time is up, or `"skip"` the wait.
            when: called before the wait begins; if its result is false the wait is skipped.
        """
        where = self._where(WAIT, name)
        if on_timeout not in ("fail", "skip"):
            raise InvalidWorkflow(f'{where}: on_timeout must be "fail" or "skip"; got {on_timeout!r}')
        limit, functions = _as_seconds(timeout, where), _checked(where, when=when)
        return self._with(Node(name, WAIT, timeout=limit, on_timeout=on_timeout, **functions))

    def index(self, name: str) -> int:
        """Return the place of the node of that name.

        Raises:
            StepNotFound: there is none; the message lists those there are.
        """
        if name not in self._index:
            known = ", ".join(node.name for node in self.nodes)
            raise StepNotFound(f"workflow {self.name!r} has no step {name!r}; it has: {known}")
        return self._index[name]

    @property
    def fingerprint(self) -> str:
        """Return what identifies the shape of the workflow: its nodes' names and kinds, in order."""
        return self.plan.fingerprint

    @property
    def plan(self) -> Plan:
        """Return the workflow compiled, once: its codecs and checked nodes.

        Raises:
            InvalidWorkflow: it has no nodes, or one of its types cannot be saved.
        """
        if self._plan is None:
            from flux_core._plan import Plan  # the codecs load when a workflow is first used

            self._plan = Plan(self)
        return self._plan

    def describe(self) -> dict[str, Any]:
        """Return the definition as a JSON-able dict, for tools that show it."""
        from flux_core._describe import describe  # for tools, not for running

        return describe(self)

    def mermaid(self) -> str:
        """Return the definition as a Mermaid flowchart."""
        from flux_core._describe import mermaid  # for tools, not for running

        return mermaid(self)

    def __repr__(self) -> str:
        return f"<Workflow {self.name!r} version {self.version!r}, {len(self.nodes)} nodes>"

    def _where(self, kind: str, name: object) -> str:
        """Return what messages call a node that is about to be added, if its name can be taken."""
        where = f"{kind} {_checked_name(name, f'a {kind}')!r} of workflow {self.name!r}"
        if name in self._index:
            raise InvalidWorkflow(f"{where}: the name is used twice; every node needs its own")
        return where

    def _with(self, node: Node) -> Workflow[I, D]:
        """Return a workflow with one more node."""
        grown: Workflow[I, D] = Workflow.__new__(Workflow)
        for slot in Workflow.__slots__:
            setattr(grown, slot, getattr(self, slot))
        grown._nodes = (*self._nodes, node)
        grown._index = self._index | {node.name: len(self._nodes)}
        grown._plan = None
        return grown


def _checked(where: str, **functions: object) -> dict[str, Any]:
    """Return the functions, by the field of the node that each is."""
    for what, function in functions.items():
        if not callable(function) and (function is not None or what == "handler"):
            name = "the handler" if what == "handler" else what
            raise InvalidWorkflow(f"{where}: {name} must be callable; got {function!r}")
    return functions


def _checked_name(name: object, what: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidWorkflow(f"{what} needs a name: a non-empty str; got {name!r}")
    if len(name) > LONGEST_NAME or "/" in name or not name.isprintable():
        raise InvalidWorkflow(
            f"the name {name!r} cannot be persisted: use at most {LONGEST_NAME} printable characters, no '/'"
        )
    return name


def _as_retry(retries: int | Retry | None, where: str) -> Retry | None:
    if retries is None or isinstance(retries, Retry):
        return retries
    try:
        return Retry(retries)
    except InvalidWorkflow as error:
        raise InvalidWorkflow(f"{where}: {error}") from None


def _as_seconds(timeout: float | timedelta | None, where: str) -> float | None:
    if timeout is None:
        return None
    length = timeout.total_seconds() if hasattr(timeout, "total_seconds") else timeout
    if (
        not isinstance(length, int | float)
        or isinstance(length, bool)
        or (not 0 < length <= LONGEST and length != inf)
    ):
        raise InvalidWorkflow(
            f"{where}: timeout must be more than 0 and at most {LONGEST:g} seconds; got {timeout!r}"
        )
    return float(length)

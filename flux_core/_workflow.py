"""The workflow: an immutable list of named nodes, built call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, overload

from flux_core._context import D, I
from flux_core._errors import InvalidWorkflow, StepNotFound
from flux_core._retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from flux_core._context import Context
    from flux_core._plan import Plan


STEP = "step"
COMMIT = "commit"
LONGEST_NAME = 128


class Node(NamedTuple):
    """One node of a workflow, as its call made it; None means the engine's default."""

    name: str
    kind: str
    """`"step"`, or `"commit"`: a side effect that is never run again once it has completed."""
    handler: Callable[[Context[Any, Any]], Any]
    retry: Retry | None
    timeout: float | None
    """Seconds an attempt may take."""
    when: Callable[[Context[Any, Any]], Any] | None
    compensate: Callable[[Context[Any, Any]], Any] | None


class Workflow(Generic[I, D]):
    """A workflow definition: a value, made by chaining `step` and `commit`; each call returns a new one.

    Args:
        name: what stored runs refer to; a literal that does not change.
        input: the type of the input that starts a run: `dict`, a `TypedDict`, a dataclass, a pydantic model or
            a msgspec struct.
        data: the type of the data that the nodes share and change; it must be makeable without arguments.
        version: recorded with each run.

    Raises:
        InvalidWorkflow: a name, a type or an option cannot be taken.
    """

    __slots__ = ("_data", "_index", "_input", "_name", "_nodes", "_plan", "_version")

    @overload
    def __init__(
        self: Workflow[dict[str, Any], dict[str, Any]], name: str, *, version: str = ...
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[I, dict[str, Any]], name: str, *, input: type[I], version: str = ...
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[dict[str, Any], D], name: str, *, data: type[D], version: str = ...
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[I, D], name: str, *, input: type[I], data: type[D], version: str = ...
    ) -> None: ...

    def __init__(self, name: str, *, input: Any = dict, data: Any = dict, version: str = "1") -> None:
        self._name = _checked_name(name, "a workflow")
        self._input: type[I] = input
        self._data: type[D] = data
        self._version = _checked_name(version, f"the version of workflow {name!r}")
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
            compensate: what undoes the node; recorded with the definition.
        """
        return self._with(name, STEP, handler, retries, timeout, when, compensate)

    def commit(
        self,
        name: str,
        handler: Callable[[Context[I, D]], Any],
        *,
        retries: int | Retry | None = None,
        timeout: float | timedelta | None = None,
        when: Callable[[Context[I, D]], object] | None = None,
        compensate: Callable[[Context[I, D]], Any] | None = None,
    ) -> Workflow[I, D]:
        """Add a side effect on the world: once completed it is never run again by resume or retry.

        A commit that was interrupted runs again with the same `ctx.key`; hand that key to the system that has
        the effect. The arguments are those of `step`.
        """
        return self._with(name, COMMIT, handler, retries, timeout, when, compensate)

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

    def _with(  # noqa: PLR0917 (called by step and commit alone)
        self,
        name: str,
        kind: str,
        handler: Callable[[Context[I, D]], Any],
        retries: int | Retry | None,
        timeout: float | timedelta | None,
        when: Callable[[Context[I, D]], object] | None,
        compensate: Callable[[Context[I, D]], Any] | None,
    ) -> Workflow[I, D]:
        where = f"{kind} {_checked_name(name, f'a {kind}')!r} of workflow {self.name!r}"
        if name in self._index:
            raise InvalidWorkflow(f"{where}: the name is used twice; every node needs its own")
        functions: dict[str, object] = {"the handler": handler, "when": when, "compensate": compensate}
        for what, function in functions.items():
            if not callable(function) and (function is not None or what == "the handler"):
                raise InvalidWorkflow(f"{where}: {what} must be callable; got {function!r}")
        node = Node(
            name, kind, handler, _as_retry(retries, where), _as_seconds(timeout, where), when, compensate
        )
        grown: Workflow[I, D] = Workflow.__new__(Workflow)
        grown._name, grown._input, grown._data, grown._version = (
            self._name,
            self._input,
            self._data,
            self._version,
        )
        grown._nodes = (*self._nodes, node)
        grown._index = self._index | {name: len(self.nodes)}
        grown._plan = None
        return grown


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
    seconds = timeout.total_seconds() if hasattr(timeout, "total_seconds") else timeout
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
        raise InvalidWorkflow(f"{where}: timeout must be more than 0 seconds; got {timeout!r}")
    return float(seconds)

"""Random workflows whose functions follow a script, and note whatever they do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from crash.fleet import SlowAttempt
from hypothesis import strategies as st

from flux_core import Context, Fatal, OutcomeUnknown, Retry, Workflow, sleep, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crash.fleet import Flight

Ctx = Context[dict[str, Any], dict[str, Any]]
Flow = Workflow[dict[str, Any], dict[str, Any]]

OK, RAISE, FATAL, UNKNOWN, LATE, STUCK = "ok", "raise", "fatal", "unknown", "late", "stuck"
UNSAVEABLE, WAIT, WAIT_SHORT, SLEEP = "unsaveable", "wait", "wait-short", "sleep"
ACTS: Final = (
    *(OK,) * 9,
    *(RAISE, RAISE, WAIT, WAIT, SLEEP, SLEEP),
    *(LATE, WAIT_SHORT, UNKNOWN, FATAL, STUCK, UNSAVEABLE),
)
ACTS_BACK: Final = (*(OK,) * 5, *(RAISE,) * 3, LATE, FATAL, STUCK, WAIT)
DO, UNDO, ASK = "do", "undo", "ask"
"""The parts of a node: its handler, its compensation, and what says whether, or how long."""
NEWS: Final = "news"
"""The signal that handlers wait for."""
LARGE: Final = 9000
"""Characters that do not stay in the document."""


class NodeModel(NamedTuple):
    """A node, and what its functions do when they are called for the first time, the second time, and so on."""

    kind: Literal["step", "commit", "once", "sleep", "wait"]
    acts: tuple[str, ...]
    undo: tuple[str, ...] | None
    touch: Literal["own", "shared", "drop", "none", "large"]
    """What its functions change in data."""
    when: Literal["yes", "no", "raises"] | None
    retries: int
    initial: float
    """Seconds before the first retry: soon enough to wait it out, or not."""
    timeout: float | None
    """Of a wait."""
    on_timeout: Literal["fail", "skip"]
    is_async: bool

    @property
    def undoes(self) -> bool:
        """Whether it has a compensation."""
        return self.undo is not None and self.kind in ("step", "commit", "once")


PLAIN: Final = NodeModel("step", (OK,), None, "none", None, 0, 1.0, None, "fail", is_async=False)


class RunModel(NamedTuple):
    """A run that may be started, and its workflow."""

    id: str
    nodes: tuple[NodeModel, ...]
    padding: int
    """So many plain steps stand before the nodes."""
    timeout: float | None

    def named(self) -> Iterator[tuple[str, NodeModel]]:
        """Yield the nodes with their names, in order."""
        yield from ((f"plain{number}", PLAIN) for number in range(self.padding))
        yield from ((f"{node.kind}{number}", node) for number, node in enumerate(self.nodes))


class Deed(NamedTuple):
    """One call of a function of a node."""

    number: int
    run: str
    node: str
    part: str
    act: str
    key: str
    flight: Flight
    changes: dict[str, Any]
    """What it has changed in data; None for what it has removed."""


def random_nodes(number: int) -> list[NodeModel]:
    """Return so many random nodes, the simplest first."""
    chance = Random("nodes")
    nodes = [
        NodeModel(
            kind=chance.choice(("step", "step", "commit", "commit", "once", "sleep", "wait")),
            acts=tuple(chance.choices(ACTS, k=chance.randint(1, 3))),
            undo=tuple(chance.choices(ACTS_BACK, k=chance.randint(1, 3))) if chance.random() < 0.6 else None,
            touch=chance.choice(("own", "shared", "drop", "none", "large")),
            when=chance.choice((None,) * 8 + ("yes", "yes", "no", "raises")),
            retries=chance.randint(0, 2),
            initial=chance.choice((1.0, 20.0)),
            timeout=chance.choice((None, 10.0, 90.0)),
            on_timeout=chance.choice(("fail", "skip")),
            is_async=chance.random() < 0.5,
        )
        for _ in range(number)
    ]
    return [PLAIN, *sorted(nodes, key=lambda node: len(str(node)))]


NODES: Final = random_nodes(4000)
"""One of them is drawn at a time: many small draws cost more than all that a run does."""


def run_models(number: int) -> st.SearchStrategy[tuple[RunModel, ...]]:
    """Return the strategy of so many runs, each of a workflow of its own."""
    nodes = st.lists(st.sampled_from(NODES), min_size=1, max_size=5).map(tuple)
    options = st.sampled_from([(0, None)] * 14 + [(0, 200.0)] * 5 + [(17, None)])

    def model(index: int) -> st.SearchStrategy[RunModel]:
        return st.builds(lambda nodes, options: RunModel(f"run-{index}", nodes, *options), nodes, options)

    return st.tuples(*map(model, range(number)))


class World:
    """Makes the workflows, and knows what has come of their functions' calls.

    Args:
        seen: is shown each call as it begins.
        flight: says which of the calls in progress is the one that moves.
    """

    def __init__(self, seen: Callable[[Deed, Ctx], object], flight: Callable[[], Flight]) -> None:
        self._seen = seen
        self._flight = flight
        self._deeds = 0
        self._calls: dict[tuple[str, str, str], int] = {}

    def workflow(self, model: RunModel) -> Flow:
        """Return the workflow of the run."""
        flow = Workflow(f"flow-of-{model.id}", timeout=model.timeout)
        for name, node in model.named():
            flow = self._with(flow, name, node)
        return flow

    def _with(self, flow: Flow, name: str, node: NodeModel) -> Flow:
        """Return the workflow with one more node."""
        when = None if node.when is None else self._condition(node.when)
        if node.kind == "wait":
            return flow.wait(name, timeout=node.timeout, on_timeout=node.on_timeout, when=when)
        if node.kind == "sleep":
            return flow.sleep(name, self._length(node.acts) if node.is_async else 30, when=when)
        options: Any = {
            "retries": Retry(node.retries, initial=node.initial),
            "timeout": 10.0,
            "when": when,
            "compensate": None if node.undo is None else self._function(node, UNDO, node.undo),
        }
        handler = self._function(node, DO, node.acts)
        if node.kind == "step":
            return flow.step(name, handler, **options)
        return flow.commit(name, handler, once=node.kind == "once", **options)

    def _deed(self, ctx: Ctx, part: str, acts: tuple[str, ...]) -> Deed:
        """Note a call, and say which of its acts it is."""
        which = (ctx.id, ctx.step, part)
        call = self._calls[which] = self._calls.get(which, -1) + 1
        self._deeds += 1
        act = acts[min(call, len(acts) - 1)]
        deed = Deed(self._deeds, *which, act, ctx.key, self._flight(), {})
        self._seen(deed, ctx)
        return deed

    def _function(self, node: NodeModel, part: str, acts: tuple[str, ...]) -> Callable[[Ctx], Any]:
        """Return a handler, or a compensation."""

        def do(ctx: Ctx) -> object:
            deed = self._deed(ctx, part, acts)
            touch(ctx, node.touch, deed)
            return perform(ctx, deed)

        async def do_async(ctx: Ctx) -> object:
            return do(ctx)

        return do_async if node.is_async else do

    def _condition(self, says: str) -> Callable[[Ctx], object]:
        def when(ctx: Ctx) -> bool:
            deed = self._deed(ctx, ASK, (says,))
            ctx.data["forged"] = deed.number  # a condition changes nothing
            if says == "raises":
                raise Boom("says the condition")
            return says == "yes"

        return when

    def _length(self, acts: tuple[str, ...]) -> Callable[[Ctx], float]:
        def length(ctx: Ctx) -> float:
            deed = self._deed(ctx, ASK, acts)
            ctx.data["forged"] = deed.number  # nor does a length
            return -1 if deed.act in (FATAL, UNSAVEABLE) else 30

        return length


class Boom(Exception):
    """An ordinary failure of a handler."""


RETURNED: Final[dict[str, object]] = {
    WAIT: wait(NEWS),
    WAIT_SHORT: wait(NEWS, timeout=20),
    SLEEP: sleep(30),
    UNSAVEABLE: object(),
}
RAISED: Final[dict[str, type[Exception]]] = {RAISE: Boom, FATAL: Fatal, UNKNOWN: OutcomeUnknown}


def touch(ctx: Ctx, what: str, deed: Deed) -> None:
    """Change the data, and note how."""
    before = dict(ctx.data)
    if what == "own":
        ctx.data[ctx.step] = deed.number
    elif what == "shared":
        ctx.data["shared"] = deed.number
    elif what == "drop":
        ctx.data.pop("shared", None)
        ctx.data["dropped"] = [deed.number]
    elif what == "large":
        ctx.data["large"] = f"{deed.number}" + LARGE * "."
    deed.changes.update({name: value for name, value in ctx.data.items() if before.get(name) != value})
    deed.changes.update({name: None for name in before if name not in ctx.data})


def perform(ctx: Ctx, deed: Deed) -> object:
    """Do what the script says."""
    if deed.act in RETURNED:
        return RETURNED[deed.act]
    if deed.act == OK:
        return {"deed": deed.number}
    for values in (ctx.results, ctx.data, ctx.input):  # what a failed attempt changes is gone
        values["forged"] = deed.number
    if deed.act in (LATE, STUCK):
        raise SlowAttempt(ends=deed.act == LATE)
    raise RAISED[deed.act]("says the script")

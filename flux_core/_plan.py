"""A workflow compiled for running: its codecs, its nodes in the form in which the machine uses them."""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from flux_core._errors import InvalidWorkflow
from flux_core._json import encode
from flux_core._suspension import Suspension
from flux_core._types import codec_for, data_codec_for
from flux_core._workflow import STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from flux_core._context import Context
    from flux_core._types import Codec, DataCodec
    from flux_core._workflow import Node, Workflow

CO_COROUTINE: Final = 0x80  # the code flag of an `async def`: https://docs.python.org/3/library/inspect.html


class PlannedNode:
    """One node with what running it needs: where it stands, its output's codec, and what its functions are."""

    __slots__ = (
        "_output",
        "compensate",
        "handler",
        "index",
        "is_async",
        "is_durable",
        "is_plain",
        "is_undone_async",
        "node",
    )

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.handler = cast("Callable[[Context[Any, Any]], Any]", node.handler)
        self.compensate = cast("Callable[[Context[Any, Any]], Any]", node.compensate)
        """Where there is one: nobody asks for it elsewhere, nor for the handler of a sleep or a wait."""
        self.is_async = node.handler is not None and is_async(node.handler)
        self.is_undone_async = node.compensate is not None and is_async(node.compensate)
        self.is_plain = node.handler is not None and node.when is None
        """Whether nothing but its handler's call is to be done."""
        self.is_durable = node.kind != STEP or node.compensate is not None
        """Whether what came of it must be saved before anything else is begun."""
        self._output: Codec[Any] | None = None

    @property
    def output(self) -> Codec[Any]:
        """Return the codec of the handler's return annotation, or of anything if it has none that can be saved."""
        if self._output is None:
            try:
                self._output = codec_for(_return_type(self.node.handler) if self.node.handler else Any)
            except InvalidWorkflow:  # whether the output itself can be saved shows when it is there
                self._output = codec_for(Any)
        return self._output


class Plan:
    """What a workflow compiles to, once.

    Raises:
        InvalidWorkflow: the workflow has no nodes, or one of its types cannot be saved.
    """

    __slots__ = ("by_name", "data", "fingerprint", "input", "nodes")

    def __init__(self, workflow: Workflow[Any, Any]) -> None:
        if not workflow.nodes:
            raise InvalidWorkflow(f"workflow {workflow.name!r} is empty; add a step or a commit")
        self.input: Codec[Any] = codec_for(workflow.input)
        self.data: DataCodec[Any] = data_codec_for(workflow.data)
        self.data.initial()  # data that cannot be made shows now, not with the first run
        self.nodes = tuple(PlannedNode(node, index) for index, node in enumerate(workflow.nodes))
        self.by_name = {planned.node.name: planned for planned in self.nodes}
        self.fingerprint = _fingerprint(workflow.nodes)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling the function gives a coroutine: an `async def`, also in a partial, method or object."""
    inner: Any = function
    while not hasattr(inner, "__code__"):
        if isinstance(inner, partial):
            inner = inner.func
        elif isinstance(inner, MethodType):
            inner = inner.__func__
        else:
            code = getattr(type(inner).__call__, "__code__", None)
            return code is not None and bool(code.co_flags & CO_COROUTINE)
    return bool(inner.__code__.co_flags & CO_COROUTINE)


def _return_type(function: Callable[..., Any]) -> object:
    """Return the type that the function says it returns; a hint that cannot be resolved says nothing."""
    from typing import Union, get_args, get_type_hints  # compiled once a node

    try:
        returned = get_type_hints(function, include_extras=True).get("return", Any)
    except Exception:  # noqa: BLE001 (an annotation may be any text)
        return Any
    if returned is Suspension:
        return Any  # a payload may be anything
    if Suspension in get_args(returned):
        returned = Union[*(each for each in get_args(returned) if each is not Suspension), None]
    return Any if returned is type(None) else returned


def _fingerprint(nodes: tuple[Node, ...]) -> str:
    from hashlib import sha256  # loading it costs more than the rest of the engine

    shape = encode([[node.name, node.kind] for node in nodes])
    return sha256(shape.encode()).hexdigest()[:16]

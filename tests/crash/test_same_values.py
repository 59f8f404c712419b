"""A run that was resumed in another engine sees what it would have seen had it gone on."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from core.test_json import same, values
from hypothesis import given
from hypothesis import strategies as st

from flux_core import Engine, Workflow
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock
from flux_core.testing._stepping import Call, SteppingEngine


class Size(Enum):
    """An enum of the user's."""

    SMALL = 1
    LARGE = 2


@dataclass
class Line:
    """A nested part."""

    price: Decimal
    sizes: tuple[Size, ...]
    at: datetime


@dataclass
class Typed:
    """Data with a field of each kind."""

    lines: list[Line] = field(default_factory=list)
    by_id: dict[str, UUID | int] = field(default_factory=dict)
    span: timedelta | None = None
    tags: set[str] = field(default_factory=set)
    raw: bytes = b""


lines = st.builds(
    Line,
    st.decimals(allow_nan=False),
    st.lists(st.sampled_from(Size)).map(tuple),
    st.datetimes(),
)
typed = st.builds(
    Typed,
    st.lists(lines, max_size=2),
    st.dictionaries(st.text(), st.uuids() | st.integers(), max_size=2),
    st.none() | st.timedeltas(),
    st.sets(st.text(), max_size=3),
    st.binary(),
)


def seen_by_the_second_step(workflow: Workflow[Any, Any], *, die_between: bool) -> tuple[Any, ...]:
    """Run a workflow whose second step notes what it sees, with or without the death of a worker in between."""
    seen: list[Any] = []
    noting = workflow.step("note", lambda ctx: seen.append((ctx.input, ctx.data, ctx.results["set"])))
    store, clock = MemoryStorage(), FakeClock()
    call: object = SteppingEngine(store, clock=clock).execute(noting, {"asked": "for it"}, id="x")
    assert isinstance(call, Call)
    for _ in range(5):  # tell the time, create, tell the time, invoke the first step, save
        call.step()
    if die_between:
        call.stop()
        clock.advance(61)
        Engine(store, clock=clock).resume(noting, "x")
    else:
        call.finish()
    return tuple(seen[0])


@given(values, values)
def test_untyped_data_and_outputs_are_the_same(value: Any, output: Any) -> None:
    """Whatever a step puts into a dict or returns, the next sees it equal and of equal type, resumed or not."""

    def put(ctx: Any) -> Any:
        ctx.data["value"] = value
        return output

    workflow = Workflow("w").step("set", put)
    first = seen_by_the_second_step(workflow, die_between=False)
    resumed = seen_by_the_second_step(workflow, die_between=True)
    assert all(map(same, first, resumed))


@given(typed)
def test_typed_data_and_outputs_are_the_same(value: Typed) -> None:
    """So it is with dataclasses, nested ones and their fields' types included."""

    def put(ctx: Any) -> Typed:
        ctx.data = value
        return value

    workflow = Workflow("w", data=Typed).step("set", put)
    first = seen_by_the_second_step(workflow, die_between=False)
    resumed = seen_by_the_second_step(workflow, die_between=True)
    assert first == resumed
    assert [type(part) for part in resumed] == [dict, Typed, Typed]
    assert same(list(vars(resumed[1]).values())[1:], list(vars(first[1]).values())[1:])
    assert all(
        same(list(vars(a).values()), list(vars(b).values()))
        for a, b in zip(value.lines, resumed[2].lines, strict=True)
    )

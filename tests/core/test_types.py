"""The typed codecs: what a type takes from outside, how its values come back, and what is refused where."""

from __future__ import annotations

import enum
from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import msgspec
import pydantic
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from flux_core._errors import InvalidInput, InvalidWorkflow, NotSerializable
from flux_core._json import MAX_DEPTH
from flux_core._types import codec_for, data_codec_for

T = TypeVar("T")


class Colour(enum.Enum):
    """An enum of strs."""

    RED = "r"
    BLUE = "b"


class Size(enum.Enum):
    """An enum of values of several types."""

    SMALL = 1
    LARGE = (1, 2)


class Access(enum.Flag):
    """A flag, whose members can be joined."""

    READ = 1
    WRITE = 2


OrderId = NewType("OrderId", str)
Alias = typing_extensions.TypeAliasType("Alias", int | None)


@dataclass
class Item:
    """A dataclass with a default."""

    sku: str
    qty: int = 1


@dataclass
class Order:
    """A dataclass of dataclasses."""

    id: OrderId
    items: list[Item]


@dataclass
class Progress:
    """The data of a run."""

    payment_id: str | None = None
    reserved: list[str] = field(default_factory=list)
    paid: float = 0.0


@dataclass
class Node:
    """A dataclass that refers to itself."""

    value: int
    next: Node | None = None
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A dataclass that computes one of its fields."""

    value: int
    doubled: int = field(init=False)
    limit: ClassVar[int] = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubled", self.value * 2)


@dataclass
class Box(Generic[T]):
    """A generic dataclass."""

    content: T
    more: list[T]


@dataclass
class Positive:
    """A dataclass that checks its values."""

    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("value must be positive")


class Card(NamedTuple):
    """A NamedTuple."""

    number: str
    cvc: int | None = None


Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 (a tuple whose fields have no types)


Payment = typing_extensions.TypeAliasType("Payment", Item | Card)


class Address(TypedDict):
    """A TypedDict, one of whose keys may be missing."""

    city: str
    zip: NotRequired[int]


class Options(TypedDict, total=False):
    """A TypedDict, one of whose keys must be there."""

    colour: Required[Colour]
    size: Size


class OldStyle(typing_extensions.TypedDict):
    """A TypedDict of typing_extensions."""

    at: datetime


class Line(pydantic.BaseModel):
    """A pydantic model."""

    qty: int
    colour: Colour = Colour.RED


class Cart(pydantic.BaseModel):
    """A pydantic model with an alias, models in it, and a type of pydantic's own."""

    lines: list[Line] = []
    at: datetime | None = None
    site: pydantic.AnyUrl | None = None
    number: int = pydantic.Field(default=0, alias="no")


class Loose(pydantic.BaseModel):
    """A pydantic model that takes anything."""

    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)
    thing: Any = None


class Tree(pydantic.BaseModel):
    """A pydantic model that refers to itself."""

    children: list[Tree] = []


class Point(pydantic.BaseModel, frozen=True):
    """A pydantic model that can be hashed."""

    x: int


class Area(pydantic.BaseModel):
    """A pydantic model with a set of models."""

    points: set[Point]


class Secret(pydantic.BaseModel):
    """A pydantic model whose dump leaves things out."""

    token: pydantic.SecretStr = pydantic.SecretStr("")
    hidden: int = pydantic.Field(default=0, exclude=True)
    _private: int = 0

    @pydantic.field_validator("hidden")
    @classmethod
    def _small(cls, value: int) -> int:
        if value > 100:
            raise ValueError(f"{value} is too much")
        if value < 0:
            raise ValueError("hidden must not be negative")
        return value


class Ids(pydantic.RootModel[list[int]]):
    """A pydantic model without fields."""


class Leg(msgspec.Struct):
    """A msgspec Struct."""

    name: str
    seats: set[int] = set()


class Trip(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A msgspec Struct with renamed fields and a Struct in it."""

    first_leg: Leg
    colour: Colour = Colour.RED
    price: Decimal = Decimal(0)
    grade: Literal["a", "b"] = "a"
    stops: dict[str, int] = {}


class Total(msgspec.Struct, frozen=True):
    """A frozen msgspec Struct that corrects its value."""

    amount: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            msgspec.structs.force_setattr(self, "amount", 0)


items = st.builds(Item, sku=st.text(), qty=st.integers())
cards = st.builds(Card, number=st.text(), cvc=st.none() | st.integers())
nodes = st.recursive(
    st.builds(Node, value=st.integers()),
    lambda node: st.builds(Node, value=st.integers(), next=node, children=st.lists(node, max_size=2)),
    max_leaves=5,
)
addresses = st.fixed_dictionaries({"city": st.text()}, optional={"zip": st.integers()})
lines = st.builds(Line, qty=st.integers(), colour=st.sampled_from(Colour))
moments = st.datetimes(timezones=st.none() | st.just(UTC))
legs = st.builds(Leg, name=st.text(), seats=st.sets(st.integers(), max_size=3))

TYPES: dict[Any, st.SearchStrategy[Any]] = {
    Any: st.none() | st.sets(st.integers()) | st.dictionaries(st.integers(), st.text()),
    object: st.booleans(),
    None: st.none(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False) | st.integers(-1000, 1000),
    str: st.text(),
    bytes: st.binary(),
    datetime: moments,
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    Decimal: st.decimals(allow_nan=False),
    UUID: st.uuids(),
    Colour: st.sampled_from(Colour),
    Size: st.sampled_from(Size),
    Access: st.sampled_from([Access(0), Access.READ, Access.READ | Access.WRITE]),
    Literal["a", 1, True]: st.sampled_from(["a", 1, True]),
    list: st.lists(st.integers() | st.tuples(st.integers())),
    list[Colour]: st.lists(st.sampled_from(Colour)),
    Sequence[int]: st.lists(st.integers()) | st.tuples(st.integers()),
    tuple: st.tuples(st.integers(), st.text()),
    tuple[()]: st.just(()),
    tuple[int, ...]: st.lists(st.integers()).map(tuple),
    tuple[int, Colour]: st.tuples(st.integers(), st.sampled_from(Colour)),
    set[UUID]: st.sets(st.uuids(), max_size=3),
    frozenset[str]: st.frozensets(st.text(), max_size=3),
    dict: st.dictionaries(st.text() | st.integers() | st.just("$"), st.text()),
    dict[str, Item]: st.dictionaries(st.text() | st.just("$"), items, max_size=3),
    dict[Colour, int]: st.dictionaries(st.sampled_from(Colour), st.integers()),
    Mapping[date, bytes]: st.dictionaries(st.dates(), st.binary(), max_size=3),
    Optional[int]: st.none() | st.integers(),  # noqa: UP045 (users write it)
    float | None: st.none() | st.floats(allow_nan=False) | st.integers(-1000, 1000),
    int | str: st.integers() | st.text(),
    Colour | str: st.sampled_from(Colour) | st.text(),
    Item | Card | None: items | cards | st.none(),
    Item | dict[str, Any]: items | st.dictionaries(st.sampled_from(["Item", "a"]), st.integers()),
    list[int] | list[str]: st.lists(st.integers()) | st.lists(st.text()),
    list[Item] | list[Card]: st.lists(items) | st.lists(cards),
    set[Card]: st.sets(cards, max_size=3),
    frozenset[tuple[Card, int]]: st.frozensets(st.tuples(cards, st.integers()), max_size=3),
    dict[Card, int]: st.dictionaries(cards, st.integers(), max_size=3),
    dict[Colour | str, int]: st.dictionaries(st.sampled_from(Colour) | st.text(), st.integers(), max_size=3),
    set[Card] | list[Card]: st.sets(cards, max_size=2) | st.lists(cards, max_size=2),
    Any | None: st.none() | st.binary(),
    Annotated[int, "positive"]: st.integers(),
    OrderId: st.text(),
    Payment | None: items | cards | st.none(),
    Item: items,
    Order: st.builds(Order, id=st.text(), items=st.lists(items, max_size=3)),
    Progress: st.builds(Progress, payment_id=st.none() | st.text(), reserved=st.lists(st.text())),
    Node: nodes,
    Frozen: st.builds(Frozen, value=st.integers()),
    Box[date]: st.builds(Box, content=st.dates(), more=st.lists(st.dates(), max_size=2)),
    Box: st.builds(Box, content=st.dates(), more=st.lists(st.text(), max_size=2)),
    Card: cards,
    Pair: st.builds(Pair, left=st.integers(), right=st.text()),
    Address: addresses,
    Options: st.fixed_dictionaries(
        {"colour": st.sampled_from(Colour)}, optional={"size": st.just(Size.LARGE)}
    ),
    OldStyle: st.fixed_dictionaries({"at": moments}),
    Line: lines,
    Cart: st.builds(Cart, lines=st.lists(lines, max_size=2), at=st.none() | moments, no=st.integers()),
    Area: st.builds(Area, points=st.sets(st.builds(Point, x=st.integers()), max_size=3)),
    Loose: st.builds(Loose, thing=st.integers(), more=st.text()),
    Leg: legs,
    Trip: st.builds(Trip, first_leg=legs, colour=st.sampled_from(Colour), price=st.decimals(allow_nan=False)),
    Leg | Trip: legs | st.builds(Trip, first_leg=legs),
    Line | Cart: lines | st.builds(Cart, lines=st.lists(lines, max_size=2)),
    Total: st.builds(Total, amount=st.integers()),
}


@pytest.mark.parametrize("tp", TYPES, ids=str)
@given(st.data())
def test_every_value_of_a_type_comes_back(tp: Any, data: st.DataObject) -> None:
    """`decode(encode(x))` is `x`, and `validate(x)` takes it as it is."""
    codec, value = codec_for(tp), data.draw(TYPES[tp])
    restored = codec.decode(codec.encode(value))
    assert restored == value
    assert repr(restored) == repr(value) or isinstance(value, set | frozenset | Leg | Trip | Area)
    assert codec.validate(value) == value


@given(items=st.lists(items, max_size=3), paid=st.floats(allow_nan=False), payment=st.none() | st.text())
def test_data_comes_back_field_by_field(items: list[Item], paid: float, payment: str | None) -> None:
    """`build(fields(x))` is `x`."""
    value = Progress(payment, [item.sku for item in items], paid)
    codec = data_codec_for(Progress)
    assert codec.build(codec.fields(value)) == value


@pytest.mark.parametrize(
    ("tp", "given", "expected"),
    [
        (float, 5, 5.0),
        (bytes, "AA==", b"\x00"),
        (datetime, "2024-05-31T10:00:00Z", datetime(2024, 5, 31, 10, tzinfo=UTC)),
        (date, "2024-05-31", date(2024, 5, 31)),
        (time, "10:30", time(10, 30)),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, 0.5, timedelta(seconds=0.5)),
        (Decimal, "1.10", Decimal("1.10")),
        (Decimal, 3, Decimal(3)),
        (Decimal, 0.1, Decimal("0.1")),
        (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (Colour, "b", Colour.BLUE),
        (Colour, "BLUE", Colour.BLUE),
        (Size, 1, Size.SMALL),
        (Access, 3, Access.READ | Access.WRITE),
        (Access, "READ", Access.READ),
        (Literal[0, "a"], "a", "a"),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)),
        (set[date], ["2024-05-31"], {date(2024, 5, 31)}),
        (frozenset[int], [1, 1], frozenset({1})),
        (dict[UUID, int], {"00000000-0000-0000-0000-000000000001": 1}, {UUID(int=1): 1}),
        (Alias, 3, 3),
        (float | int, 5, 5),
        (date | datetime, "2024-05-31T10:00:00+00:00", datetime(2024, 5, 31, 10, tzinfo=UTC)),
        (Order, {"id": "o", "items": [{"sku": "mug"}]}, Order(OrderId("o"), [Item("mug", 1)])),
        (Item | Card, {"number": "1"}, Card("1")),
        (Node, {"value": 1, "next": {"value": 2}}, Node(1, Node(2))),
        (Frozen, {"value": 2}, Frozen(value=2)),
        (Box[date], {"content": "2024-05-31", "more": []}, Box(date(2024, 5, 31), [])),
        (Card, {"number": "1"}, Card("1")),
        (Address, {"city": "Ulm"}, {"city": "Ulm"}),
        (Options, {"colour": "r"}, {"colour": Colour.RED}),
        (Cart, {"lines": [{"qty": 2}], "no": 7}, Cart(lines=[Line(qty=2)], no=7)),
        (Trip, {"firstLeg": {"name": "a", "seats": [1]}}, Trip(Leg("a", {1}))),
    ],
)
def test_values_from_outside(tp: Any, given: object, expected: object) -> None:
    """Parsed JSON becomes the value that it means, by the conversions that are named and no others."""
    taken = codec_for(tp).validate(given)
    assert taken == expected
    assert type(taken) is type(expected)


@pytest.mark.parametrize(
    ("tp", "given", "path", "reason"),
    [
        (int, "1", "", "expected int, got str"),
        (int, True, "", "expected int, got bool"),
        (bool, 1, "", "expected bool, got int"),
        (str, None, "", "expected str, got None"),
        (None, 0, "", "expected None, got int"),
        (float, "1", "", "expected float, got str"),
        (float, 10**400, "", "expected a number in the range of float, got another int"),
        (bytes, "!", "", "expected bytes in base64, got another str"),
        (datetime, "now", "", "expected a datetime in ISO 8601, got another str"),
        (date, datetime(2024, 1, 1, tzinfo=UTC), "", "expected date, got datetime"),
        (timedelta, float("nan"), "", "expected a number of seconds, got another float"),
        (Decimal, "one", "", "expected a decimal number, got another str"),
        (UUID, "one", "", "expected a UUID, got another str"),
        (Colour, "GREEN", "", "expected Colour: 'r', 'b'"),
        (Size, True, "", "expected Size: 1, (1, 2)"),
        (Access, 8, "", "expected Access: 1, 2"),
        (Literal[1, "a"], True, "", "expected 1 or 'a'"),
        (list[int], (1,), "", "expected list[int], got tuple"),
        (list[int], [1, "2"], "[1]", "expected int, got str"),
        (tuple[int, int], [1], "", "expected tuple[int, int], got 1 items"),
        (tuple[int, str], [1, 2], "[1]", "expected str, got int"),
        (tuple[int, ...], [1, "2"], "[1]", "expected int, got str"),
        (set[Any], [[]], "", "expected set[Any], got items that cannot be hashed"),
        (dict, [], "", "expected dict, got list"),
        (dict[str, int], {"odd key": "1"}, '["odd key"]', "expected int, got str"),
        (dict[int, int], {"1": 1}, '["1"]', "expected int, got str"),
        (int | None, "1", "", "expected int | None, got str"),
        (Item | None, {"sku": 1}, "sku", "expected str, got int"),
        (
            Item | Card,
            {"qty": 1},
            "",
            "expected Item | Card; as Item: missing field 'sku'; as Card: unknown field 'qty'",
        ),
        (Order, {"id": "o", "items": [{"sku": "a", "qty": "1"}]}, "items[0].qty", "expected int, got str"),
        (Order, {"id": "o", "items": [{"qty": 1}]}, "items[0]", "missing field 'sku'"),
        (Item, {"sku": "a", "qyt": 1}, "", "unknown field 'qyt'; did you mean 'qty'?"),
        (Item, {"sku": "a", 1: 1}, "", "unknown field 1"),
        (Item, [], "", "expected Item, got list"),
        (Order, Order(OrderId("o"), [Item(1)]), "items[0].sku", "expected str, got int"),  # type: ignore[arg-type]  # the mistake
        (Frozen, {"value": 1, "doubled": 2}, "", "unknown field 'doubled'"),
        (Positive, {"value": 0}, "", "value must be positive"),
        (Card, {}, "", "missing field 'number'"),
        (Address, {"zip": 1}, "", "missing field 'city'"),
        (Address, {"city": "Ulm", "zap": 1}, "", "unknown field 'zap'; did you mean 'zip'?"),
        (Address, [], "", "expected Address, got list"),
        (
            Cart,
            {"lines": [{"qty": "s3cret"}]},
            "lines[0].qty",
            "Input should be a valid integer, unable to parse ",
        ),
        (Cart, {"lines": [{}]}, "lines[0]", "missing field 'qty'"),
        (Secret, {"hidden": 5555}, "hidden", "refused by its validator (value_error)"),
        (Secret, {"hidden": -1}, "hidden", "Value error, hidden must not be negative"),
        (Cart, {"no": ""}, "no", "Input should be a valid integer, unable to parse "),
        (Line, 5, "", "expected Line, got int"),
        (Trip, {"firstLeg": {"name": "a", "seats": ["1"]}}, "firstLeg.seats[0]", "expected int, got str"),
        (Trip, {"firstLeg": {"name": "a"}, "stops": {1: 2}}, "stops", "expected str, got int"),
        (Trip, {}, "", "missing field 'firstLeg'"),
        (Trip, {"firstLeg": {"name": "a"}, "x": 1}, "", "object contains unknown field 'x'"),
        (Trip, {"firstLeg": {"name": "a"}, "colour": "s3cret"}, "colour", "invalid enum value"),
        (Trip, {"firstLeg": {"name": "a"}, "grade": "s3cret"}, "grade", "invalid enum value"),
    ],
)
def test_what_is_refused_from_outside(tp: Any, given: object, path: str, reason: str) -> None:
    """The error names the first place that is wrong and what was expected there, and never quotes the value."""
    with pytest.raises(InvalidInput) as caught:
        codec_for(tp).validate(given)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("tp", "value", "path", "reason"),
    [
        (int, "1", "", "expected int, got str"),
        (float, "1", "", "expected float, got str"),
        (Colour, "RED", "", "expected Colour, got str"),
        (Literal[1], 2, "", "expected 1"),
        (list[int], (), "", "expected list[int], got tuple"),
        (list[int], [0, None], "[1]", "expected int, got None"),
        (set[int], {"a"}, "", "expected int, got str"),
        (tuple[int, int], (1,), "", "expected tuple[int, int], got 1 items"),
        (dict[str, int], [], "", "expected dict[str, int], got list"),
        (dict[str, list[int]], {"a b": [""]}, '["a b"][0]', "expected int, got str"),
        (int | str, 1.5, "", "expected int | str, got float"),
        (list[int] | None, ["a"], "[0]", "expected int, got str"),
        (list[int] | list[str], [1.5], "", "expected list[int] | list[str], got list"),
        (Order, Order(OrderId("o"), [Item("a", "1")]), "items[0].qty", "expected int, got str"),  # type: ignore[arg-type]  # the mistake
        (Item, Card("1"), "", "expected Item, got Card"),
        (Item, object.__new__(Item), "", "missing field 'sku'"),
        (Address, {"city": 1}, "city", "expected str, got int"),
        (Address, {"city": "Ulm", "x": 1}, "", "unknown field 'x'"),
        (Address, {}, "", "missing field 'city'"),
        (Address, [], "", "expected Address, got list"),
        (Line, Cart(), "", "expected Line, got Cart"),
        (Line, Line.model_construct(qty="x"), "qty", "Input should be a valid integer"),
        (Line, Line.model_construct(qty="1"), "qty", "Line does not come back equal from its own dump"),
        (Secret, Secret(token=pydantic.SecretStr("x")), "token", "Secret does not come back equal"),
        (Secret, Secret(hidden=1), "hidden", "Secret does not come back equal"),
        (Loose, Loose(thing=object()), "thing", "object cannot be saved"),
        (Loose, Loose.model_validate({"$": 1}), "", "a field '$', which is what marks a tagged value"),
        (Leg, Leg("a", {"x"}), "seats", "expected int, got str"),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_what_is_refused_when_it_is_saved(tp: Any, value: object, path: str, reason: str) -> None:
    """A value that is not of the declared type, or that would be lost, is never saved silently."""
    with pytest.raises(NotSerializable) as caught:
        codec_for(tp).encode(value)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


def test_a_private_attribute_of_a_pydantic_model_is_not_lost_silently() -> None:
    """A difference that is in no field is refused at the model itself."""
    value = Secret()
    value._private = 1
    with pytest.raises(NotSerializable, match=r"^Secret does not come back equal from its own dump"):
        codec_for(Secret).encode(value)


@pytest.mark.parametrize(
    ("tp", "text", "path", "reason"),
    [
        (int, '"1"', "", "expected int, got str"),
        (float, '"1"', "", "expected float, got str"),
        (Colour, '"GREEN"', "", "Colour has no member 'GREEN'"),
        (Colour, "1", "", "expected Colour, got int"),
        (Literal["a"], '"b"', "", "expected 'a'"),
        (tuple[int, ...], "[1]", "", "expected tuple[int, ...], got list"),
        (dict[str, int], '{"a":"1"}', "a", "expected int, got str"),
        (Order, '{"id":"o","items":[{"qty":1}]}', "items[0]", "missing field 'sku'"),
        (Item, "[]", "", "expected Item, got list"),
        (Item | Card, '{"Card":{}}', "", "missing field 'number'"),
        (Item | None, "1.5", "", "expected Item | None, got float"),
        (Positive, '{"value":0}', "", "value must be positive"),
        (Line, '{"qty":"x"}', "qty", "Input should be a valid integer"),
    ],
)
def test_what_cannot_be_restored(tp: Any, text: str, path: str, reason: str) -> None:
    """Text that was saved under another type is refused with its place, not restored as something else."""
    with pytest.raises(InvalidInput) as caught:
        codec_for(tp).decode(text)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        (Order, Order(OrderId("o"), [Item("a")]), '{"id":"o","items":[{"sku":"a","qty":1}]}'),
        (Colour, Colour.RED, '"RED"'),
        (Colour | None, Colour.RED, '"RED"'),
        (Item | None, Item("a"), '{"sku":"a","qty":1}'),
        (Item | Card, Card("1"), '{"Card":{"number":"1","cvc":null}}'),
        (dict[Colour, int], {Colour.RED: 1}, '{"RED":1}'),
        (date, date(2024, 5, 31), '{"$":"date","v":"2024-05-31"}'),
        (
            Cart,
            Cart(site=pydantic.AnyUrl("https://a.b/")),
            '{"lines":[],"at":null,"site":"https://a.b/","number":0}',
        ),
    ],
)
def test_the_form_of_typed_text(tp: Any, value: object, text: str) -> None:
    """Typed text is that of the untyped value, but for objects, enum members and unions that need a name."""
    codec = codec_for(tp)
    assert codec.encode(value) == text
    assert codec.decode(text) == value


def test_what_the_constructor_computes_does_not_replace_what_was_saved() -> None:
    """A field that a handler changed after `__post_init__` set it comes back as the handler left it."""
    value, total = Frozen(value=1), Total(1)
    object.__setattr__(value, "doubled", 7)
    msgspec.structs.force_setattr(total, "amount", -1)
    restored = codec_for(Frozen).decode(codec_for(Frozen).encode(value))
    assert restored.doubled == 7
    assert codec_for(Total).decode(codec_for(Total).encode(total)).amount == -1


def test_a_type_may_change_while_runs_are_in_flight() -> None:
    """A field added since gets its default, one removed is dropped, and a union may gain a member."""
    codec = codec_for(Item)
    assert codec.decode('{"sku":"a","colour":"red"}') == Item("a", 1)
    assert codec_for(Item | Card | None).decode('{"number":"1","cvc":2}') == Card("1", 2)


def test_a_wrapped_union_is_not_confused_with_a_dict_of_one_key() -> None:
    """A dict whose only key is the name of a member comes back as the dict."""
    codec = codec_for(Item | dict[str, Any])
    value = {"Item": {"sku": "a", "qty": 1}}
    assert codec.decode(codec.encode(value)) == value


def test_a_cycle_is_refused() -> None:
    """An object inside itself is refused by the typed codecs too, with the way in."""
    node = Node(1)
    node.children.append(node)
    inside_itself = r"^children\[0\]\.children\[0\].*: inside itself, or nested more than 100 levels deep"
    with pytest.raises(NotSerializable, match=inside_itself):
        codec_for(Node).encode(node)
    with pytest.raises(InvalidInput, match=inside_itself):
        codec_for(Node).validate(node)
    with pytest.raises(NotSerializable, match=inside_itself):
        data_codec_for(Node).fields(node)


def test_the_deepest_value_comes_back() -> None:
    """What is just flat enough to be saved is flat enough to be restored."""
    codec, node = codec_for(Node), Node(0)
    for value in range(2, MAX_DEPTH):
        node = Node(value, node)
    assert codec.decode(codec.encode(node)) == node
    with pytest.raises(NotSerializable, match="inside itself, or nested more than 100 levels deep"):
        codec.encode(Node(0, node))


def test_input_that_is_nested_too_deeply() -> None:
    """Parsed JSON deeper than the stack is refused as input, not as an error of the engine."""
    given: dict[str, Any] = {"value": 0}
    for value in range(1000):
        given = {"value": value, "next": given}
    with pytest.raises(InvalidInput, match=r"^inside itself, or nested more than 100 levels deep"):
        codec_for(Node).validate(given)


def test_a_pydantic_model_that_cannot_be_dumped() -> None:
    """What pydantic refuses to dump cannot be saved."""
    value = Tree()
    value.children.append(value)
    with pytest.raises(NotSerializable, match=r"^Tree cannot be dumped: call its model_dump\(\) to see why$"):
        codec_for(Tree).encode(value)


class Unknown:
    """A class that Flux knows nothing about."""


class Shop:
    """A namespace."""

    @dataclass
    class Item:
        """A dataclass called like another."""

        sku: str


@dataclass
class Unresolved:
    """A dataclass with a mistake in its annotation."""

    value: Nowhere  # type: ignore[name-defined]  # noqa: F821 (the mistake)


Marked = TypedDict("Marked", {"$": int})


@pytest.mark.parametrize(
    ("tp", "reason"),
    [
        (Unknown, "Unknown is not a type that can be saved: use None, bool, int, "),
        (list[Unknown], "Unknown is not a type that can be saved"),
        ("Order", "Order is not a type that can be saved"),
        (type[int], "type[int] is not a type that can be saved"),
        (Ids, "Ids is a RootModel, which has no fields: use the type of its root"),
        (Unresolved, "Unresolved has an annotation that cannot be resolved: name 'Nowhere' is not defined; "),
        (Marked, "Marked has a field '$', which is what marks a tagged value in saved text: rename it"),
        (
            Item | Shop.Item,
            "two members of a union are called Item: rename one of them",
        ),
    ],
)
def test_a_type_that_cannot_be_saved(tp: Any, reason: str) -> None:
    """A type that Flux does not know is an error when the workflow is built, and says what is supported."""
    with pytest.raises(InvalidWorkflow) as caught:
        codec_for(tp)
    assert str(caught.value).startswith(reason)


def test_a_class_may_refer_to_itself_wherever_it_is_defined() -> None:
    """The name of a class that is local to a function is found in its own annotations."""

    @dataclass
    class Local:
        child: Local | None = None

    codec = codec_for(Local)
    assert codec.decode(codec.encode(Local(Local()))) == Local(Local())


def test_a_codec_is_compiled_once() -> None:
    """The same type gives the same codec, and the order of a union's members makes another type."""
    assert codec_for(list[int]) is codec_for(list[int])
    assert codec_for(Colour | str) is not codec_for(str | Colour)
    assert data_codec_for(Progress) is data_codec_for(Progress)


def test_an_unhashable_annotation() -> None:
    """Metadata that cannot be hashed does not matter."""
    assert codec_for(list[Annotated[int, []]]).validate([5]) == [5]
    assert data_codec_for(Annotated[Progress, []]).initial() == Progress()


@pytest.mark.parametrize(
    ("tp", "value"),
    [
        (dict, {"a": (1,), "odd key": {2}}),
        (dict[str, Any], {"a": None}),
        (dict[str, Item], {"a": Item("x")}),
        (Progress, Progress("p", ["a"], 1.5)),
        (Address, {"zip": 1}),
        (Cart, Cart(lines=[Line(qty=1)], no=3)),
        (Total, Total(3)),
        (Card, Card("1", 2)),
    ],
)
def test_every_kind_of_data(tp: Any, value: object) -> None:
    """Dicts, dataclasses, TypedDicts, NamedTuples, pydantic models and Structs are saved by field."""
    codec = data_codec_for(tp)
    assert codec.build(codec.fields(value)) == value


def test_the_text_of_each_field() -> None:
    """The fields are those of the type, in order, with the text of each value."""
    assert data_codec_for(Progress).fields(Progress("p")) == {
        "payment_id": '"p"',
        "reserved": "[]",
        "paid": "0.0",
    }


@pytest.mark.parametrize(
    ("tp", "value", "path", "reason"),
    [
        (Progress, Progress(reserved=["a", 1]), "reserved[1]", "expected str, got int"),  # type: ignore[list-item]  # the mistake
        (Progress, {}, "", "expected Progress, got dict"),
        (dict, {"a b": [object()]}, '["a b"][0]', "object cannot be saved"),
        (dict, {1: 2}, "", "expected str as key, got int"),
        (dict, {"$": 2}, "", "a field '$', which is what marks a tagged value in saved text: rename it"),
        (dict, [], "", "expected dict, got list"),
        (Loose, Loose(thing=[object()]), "thing[0]", "object cannot be saved"),
    ],
)
def test_data_that_cannot_be_saved(tp: Any, value: object, path: str, reason: str) -> None:
    """The path begins with the name of the field."""
    with pytest.raises(NotSerializable) as caught:
        data_codec_for(tp).fields(value)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("tp", "fields", "path", "reason"),
    [
        (Progress, {"reserved": "[1]"}, "reserved[0]", "expected str, got int"),
        (dict[str, int], {"a b": '"x"'}, '["a b"]', "expected int, got str"),
        (dict, {"a": '{"$":"enum","v":["nowhere:X","Y"]}'}, "a", "the enum nowhere:X is needed"),
    ],
)
def test_data_that_cannot_be_restored(tp: Any, fields: dict[str, str], path: str, reason: str) -> None:
    """The path begins with the name of the field."""
    with pytest.raises(InvalidInput) as caught:
        data_codec_for(tp).build(fields)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("tp", "expected"),
    [(Progress, Progress()), (dict, {}), (Address, {}), (Cart, Cart()), (dict[str, int], {})],
)
def test_the_data_of_a_new_run(tp: Any, expected: object) -> None:
    """It is made anew each time, without arguments; a TypedDict starts empty."""
    codec = data_codec_for(tp)
    assert codec.initial() == expected
    assert codec.initial() is not codec.initial()


@pytest.mark.parametrize("tp", [Item, Line, Leg, Card])
def test_data_without_defaults_is_refused(tp: Any) -> None:
    """Data that a run cannot begin with is an error that says what to do."""
    with pytest.raises(InvalidWorkflow) as caught:
        data_codec_for(tp).initial()
    assert str(caught.value) == f"{tp.__name__} cannot be made without arguments: give every field a default"


@pytest.mark.parametrize("tp", [int, list[int], Colour, Item | Card])
def test_data_without_fields_is_refused(tp: Any) -> None:
    """Only a type with fields can be a run's data."""
    with pytest.raises(
        InvalidWorkflow, match="has no fields, so it cannot be a run's data: use a dataclass, "
    ):
        data_codec_for(tp)

"""The untyped codec: every value it takes comes back with its type, and every other is refused by name and place."""

import json
import sys
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from random import Random
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_core._errors import InvalidInput, NotSerializable
from flux_core._json import MAX_DEPTH, decode, encode


class Colour(Enum):
    """An enum with an alias."""

    RED = "red"
    CRIMSON = RED


class Level(IntEnum):
    """An enum of ints."""

    LOW = 1


class Mode(StrEnum):
    """An enum of strs."""

    FAST = "fast"


class Access(Flag):
    """A flag, whose members can be joined."""

    READ = 1
    WRITE = 2


class Outer:
    """A class around an enum."""

    class Inner(Enum):
        """An enum inside a class."""

        ONE = 1


ZONES = [ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), UTC, timezone(timedelta(hours=-3)), None]
ZONES += [timezone(timedelta(hours=5, minutes=30), "IST"), timezone(timedelta(seconds=1, microseconds=7))]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from(["$", '"$"', '{"$":1}']),
    st.binary(),
    st.datetimes(timezones=st.sampled_from(ZONES)),
    st.times(timezones=st.sampled_from(ZONES)),
    st.dates(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([*Colour, *Level, *Mode, *Outer.Inner]),
    st.sampled_from([Access(0), Access.READ, Access.READ | Access.WRITE]),
)
keys = st.recursive(
    scalars, lambda item: st.tuples(item, item) | st.frozensets(item, max_size=3), max_leaves=3
)
values = st.recursive(
    scalars,
    lambda item: st.one_of(
        st.lists(item, max_size=3),
        st.tuples(item, item),
        st.sets(keys, max_size=3),
        st.dictionaries(st.text() | st.just("$"), item, max_size=3),
        st.dictionaries(keys, item, max_size=3),
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal with equal types at every depth, and dicts in the same order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return one == other and {(type(item), item) for item in one} == {(type(item), item) for item in other}
    if isinstance(one, datetime | time):
        return one == other and repr(one) == repr(other)
    return bool(one == other) and repr(one) == repr(other)


@given(values)
def test_every_value_comes_back(value: object) -> None:
    """`decode(encode(x))` is `x`, with equal types at every depth."""
    assert same(decode(encode(value)), value)


@given(values)
def test_the_text_is_canonical(value: object) -> None:
    """Reading and writing the text with the json module gives the text again."""
    text = encode(value)
    assert json.dumps(json.loads(text), separators=(",", ":")) == text


@given(st.lists(st.text() | st.integers(), unique=True), st.randoms())
def test_the_order_of_a_set_does_not_count(items: list[Any], random: Random) -> None:
    """Sets that are equal have the same text, however they were made."""
    assert encode(set(items)) == encode(set(random.sample(items, len(items))))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, None, True], "a": "é"}, '{"b":[1,null,true],"a":"\\u00e9"}'),
        (-0.0, "-0.0"),
        (float("-inf"), '{"$":"float","v":"-inf"}'),
        ((1,), '{"$":"tuple","v":[1]}'),
        ({2, 1}, '{"$":"set","v":[1,2]}'),
        ({1: 2}, '{"$":"dict","v":[[1,2]]}'),
        ({"$": 2}, '{"$":"dict","v":[["$",2]]}'),
        (b"\x00", '{"$":"bytes","v":"AA=="}'),
        (date(2024, 5, 31), '{"$":"date","v":"2024-05-31"}'),
        (datetime(2024, 5, 31, tzinfo=UTC), '{"$":"datetime","v":"2024-05-31T00:00:00+00:00"}'),
        (
            datetime(2024, 5, 31, tzinfo=ZoneInfo("Europe/Berlin")),
            '{"$":"datetime","v":["2024-05-31T00:00:00",0,"Europe/Berlin"]}',
        ),
        (time(1, 2, fold=1), '{"$":"time","v":["01:02:00",1,null]}'),
        (timedelta(microseconds=-1), '{"$":"timedelta","v":[-1,86399,999999]}'),
        (Decimal("-0"), '{"$":"decimal","v":"-0"}'),
        (UUID(int=0), '{"$":"uuid","v":"00000000-0000-0000-0000-000000000000"}'),
        (Colour.CRIMSON, f'{{"$":"enum","v":["{__name__}:Colour","RED"]}}'),
        (Outer.Inner.ONE, f'{{"$":"enum","v":["{__name__}:Outer.Inner","ONE"]}}'),
        (Access.READ | Access.WRITE, f'{{"$":"enum","v":["{__name__}:Access",3]}}'),
    ],
)
def test_the_form_of_each_type(value: object, text: str) -> None:
    """The text of each type is the one that is documented; stored runs depend on it."""
    assert encode(value) == text


@pytest.mark.parametrize("number", ["NaN", "-NaN7", "sNaN", "Infinity", "-0", "1E+999999", "0.10"])
def test_a_decimal_keeps_its_digits(number: str) -> None:
    """Signs, exponents, trailing zeros and the kinds of NaN survive."""
    assert decode(encode(Decimal(number))).as_tuple() == Decimal(number).as_tuple()


def test_not_a_number_comes_back() -> None:
    """NaN is restored as a float that is not equal to itself."""
    value = decode(encode(float("nan")))
    assert type(value) is float
    assert value != value  # noqa: PLR0124 (what defines NaN)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_zone_comes_back(zone: tzinfo | None, fold: int) -> None:
    """The zone keeps its type and its name, and the moment its fold."""
    moment = datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold)
    restored = decode(encode(moment))
    assert repr(restored) == repr(moment)
    assert restored.tzname() == moment.tzname()


def test_a_split_character_is_refused() -> None:
    """Two surrogates that JSON would read as one character cannot be saved; one alone can."""
    assert decode(encode("\ud83d")) == "\ud83d"
    with pytest.raises(NotSerializable) as caught:
        encode({"a": "\ud83d\ude00"})
    assert caught.value.path == "a"
    assert caught.value.reason == (
        "str with one character in two surrogates: encode and decode it as UTF-16 first"
    )


@dataclass
class Item:
    """A dataclass in an untyped place."""

    qty: int


class Text(str):
    """A subclass of a plain type."""

    __slots__ = ()


class Thing:
    """An object that says nothing about itself."""


class OwnZone(tzinfo):
    """A time zone of the user's own."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """Return no offset."""
        return timedelta(0)

    dst = utcoffset

    def tzname(self, dt: datetime | None) -> str:
        """Return a name that leads nowhere."""
        return "OWN"


Point = namedtuple("Point", ["x"])  # noqa: PYI024 (the untyped kind is what is refused)

DECLARE = "is saved only where its type is declared: name it in the handler's return annotation, or in the data type"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"items": [{"qty": Item(1)}]}, "items[0].qty", f"Item {DECLARE}"),
        (Point(1), "", f"Point {DECLARE}"),
        ({"odd key": Text("x")}, '["odd key"]', "Text would come back as str, of which it is a subclass"),
        ((OrderedDict(),), "[0]", "OrderedDict would come back as dict, of which it is a subclass"),
        ({1: Thing()}, "[1]", "Thing cannot be saved: turn it into plain values (bool, int, "),
        ({"tags": {Thing()}}, "tags", "Thing cannot be saved"),
        ({"a": {Thing(): 1}}, "a", "Thing cannot be saved"),
        ([10**5000], "[0]", "int with too many digits: save it as bytes or hexadecimal text"),
        (
            {"at": datetime(2024, 1, 1, tzinfo=OwnZone())},
            "at",
            "time zone of type OwnZone has no key to find it by: use timezone or ZoneInfo(key)",
        ),
    ],
)
def test_what_cannot_be_saved_is_named(value: object, path: str, reason: str) -> None:
    """The error says where the value stands, what it is and what to do."""
    with pytest.raises(NotSerializable) as caught:
        encode(value)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


def test_an_enum_that_cannot_be_found_again_is_refused() -> None:
    """The member of an enum that is defined in a function could not be restored."""

    class Local(Enum):
        ONE = 1

    with pytest.raises(
        NotSerializable, match=r"^Local cannot be found again as .*<locals>.Local: define the enum"
    ):
        encode(Local.ONE)


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_the_deepest_value_comes_back(kind: type) -> None:
    """A value nested to the limit is saved and restored; one level more is refused."""
    value: Any = 0
    for _ in range(MAX_DEPTH):
        value = {0: value} if kind is dict else kind([value])
    assert decode(encode(value)) == value
    with pytest.raises(NotSerializable, match=r"inside itself, or nested more than 100 levels deep"):
        encode([value])


def test_a_cycle_is_refused() -> None:
    """A value that holds itself is refused, with a path of readable length."""
    cycle: dict[str, Any] = {}
    cycle["next"] = cycle
    with pytest.raises(NotSerializable, match=r"^next\.next\..*\.\.\.: inside itself") as caught:
        encode(cycle)
    assert len(caught.value.path) == 200


def test_a_set_cannot_be_nested_without_end() -> None:
    """The limit counts sets too."""
    value: frozenset[Any] = frozenset()
    for _ in range(MAX_DEPTH):
        value = frozenset({value})
    with pytest.raises(NotSerializable, match="inside itself"):
        encode(value)


@pytest.mark.parametrize(
    ("text", "reason", "shown"),
    [
        (
            '{"$":"enum","v":["shop.nowhere:Colour","RED"]}',
            "the enum shop.nowhere:Colour is needed to restore a value: import its module first",
            "RED",
        ),
        (
            '{"$":"enum","v":["builtins:print","RED"]}',
            "the enum builtins:print is needed to restore a value: import its module first",
            "RED",
        ),
        (f'{{"$":"enum","v":["{__name__}:Colour","BLUE"]}}', "Colour has no member 'BLUE'", "BLUE"),
        (f'{{"$":"enum","v":["{__name__}:Access",8]}}', "Access has no member 8", "8"),
        (
            '{"$":"datetime","v":["2024-05-31T00:00:00",0,"Mars/Base"]}',
            "time zone 'Mars/Base' is not known here: install the package tzdata",
            ["2024-05-31T00:00:00", 0, "Mars/Base"],
        ),
        (
            '{"$":"matrix","v":[1]}',
            "a value of kind 'matrix' was saved by a newer version of Flux: upgrade this one",
            [1],
        ),
    ],
)
def test_what_cannot_be_restored_here(text: str, reason: str, shown: object) -> None:
    """Restoring says what is missing; a lenient reader gets something to show instead."""
    with pytest.raises(InvalidInput) as caught:
        decode(text)
    assert caught.value.reason == reason
    assert decode(f'{{"a":[{text}]}}', lenient=True) == {"a": [shown]}


def test_a_lenient_reader_restores_what_it_can() -> None:
    """Leniency changes nothing where nothing is missing."""
    value = {"plain": 1, "colour": Colour.RED, "$": (1, 2)}
    assert decode(encode(value), lenient=True) == value


def test_restoring_never_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The enum of a module that is loaded is found; once unloaded, it is not loaded because data names it."""
    module = ModuleType("passing_module")
    monkeypatch.setitem(sys.modules, "passing_module", module)
    Tone = Enum("Tone", ["LOW"], module="passing_module")  # noqa: N806 (mypy wants the name of the enum)
    monkeypatch.setattr(module, "Tone", Tone, raising=False)
    text = encode(Tone.LOW)
    assert decode(text) is Tone.LOW
    monkeypatch.delitem(sys.modules, "passing_module")
    with pytest.raises(InvalidInput, match="the enum passing_module:Tone is needed"):
        decode(text)

"""What Flux knows about a type: which values it takes, how they are saved, and how they come back.

The text of a typed value is the text of the untyped one (see `_json`), except that an enum member is its
name, that an object with fields is a plain JSON object, and that a union whose members would look alike wraps
the value as `{"<member>": ...}`.
"""

from __future__ import annotations

from enum import Enum, Flag
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core._errors import InvalidInput, NotSerializable
from flux_core._json import WRITERS, join_items, join_pairs, read_member, require, write_member
from flux_core._path import key_part, mismatch, type_name, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flux_core._json import Writer


class Shape(NamedTuple):
    """One compiled type."""

    name: str
    validate: Callable[[Any], Any]
    """A value from outside, or one that is right already, to the value; raises `InvalidInput`."""
    encode: Writer
    """The value to its text; raises `NotSerializable`."""
    restore: Callable[[Any], Any]
    """What `_json.decode` makes of the text to the value; raises `InvalidInput`."""
    instances: frozenset[type]
    """The exact types of its values."""
    outside: frozenset[type]
    """The exact types that `validate` can make a value from."""
    stored: frozenset[type]
    """The exact types that `restore` can make a value from."""
    plain: bool
    """Whether the text is that of the untyped value, so that it tells the type by itself."""


def untyped() -> Shape:
    """Return the shape of `Any`: whatever can be saved."""
    return Shape("Any", _same, _write, _same, frozenset(), frozenset(), frozenset(), plain=True)


def _same(value: Any) -> Any:
    return value


def _write(value: Any, room: int) -> str:
    return WRITERS[type(value)](value, room)


def scalar(tp: type, conversions: dict[type, Callable[[Any], Any]], expected: str) -> Shape:
    """Return the shape of a type that the untyped text tells exactly.

    `conversions` make a value from other types that come from outside, and raise ValueError or
    ArithmeticError for one they cannot take; `expected` says in the message what they can.
    """
    name, exact, write = type_name(tp), frozenset({tp}), WRITERS[tp]

    def validate(value: Any) -> Any:
        if type(value) is tp:
            return value
        convert = conversions.get(type(value))
        if convert is None:
            raise InvalidInput(mismatch(name, value))
        try:
            return convert(value)
        except (ValueError, ArithmeticError):
            raise InvalidInput(f"expected {expected}, got another {type_name(type(value))}") from None

    def encode(value: Any, room: int) -> str:
        if type(value) is tp:
            return write(value, room)
        raise NotSerializable(mismatch(name, value))

    def restore(value: Any) -> Any:
        if type(value) is tp:
            return value
        raise InvalidInput(mismatch(name, value))

    return Shape(name, validate, encode, restore, exact, exact | conversions.keys(), exact, plain=True)


def floating() -> Shape:
    """Return the shape of `float`: an int from outside becomes one, an int that a handler put there stays."""
    exact = scalar(float, {int: float}, "a number in the range of float")

    def encode(value: Any, room: int) -> str:
        return _write(value, room) if type(value) is int else exact.encode(value, room)

    def restore(value: Any) -> Any:
        return value if type(value) is int else exact.restore(value)

    return exact._replace(encode=encode, restore=restore)


def enumeration(cls: type[Enum]) -> Shape:
    """Return the shape of an enum: by value, else by name, from outside; saved by name."""
    name, values = cls.__name__, [member.value for member in cls]
    stored: frozenset[type] = frozenset({str, int} if issubclass(cls, Flag) else {str})

    def validate(value: Any) -> Any:
        if type(value) is cls:
            return value
        for member in cls:
            if type(member.value) is type(value) and member.value == value:
                return member
        try:
            return restore(value)
        except InvalidInput:
            raise InvalidInput(f"expected {name}: {', '.join(map(repr, values))}") from None

    def encode(value: Any, _room: int) -> str:
        if type(value) is cls:
            return write_member(value)
        raise NotSerializable(mismatch(name, value))

    def restore(value: Any) -> Any:
        if type(value) in stored:
            return read_member(cls, value)
        raise InvalidInput(mismatch(name, value))

    outside = frozenset({cls, *stored, *map(type, values)})
    return Shape(name, validate, encode, restore, frozenset({cls}), outside, stored, plain=False)


def literal(values: tuple[Any, ...]) -> Shape:
    """Return the shape of `Literal[values]`."""
    expected = f"expected {' or '.join(repr(value) for value in values)}"
    types = frozenset(type(value) for value in values)

    def holds(value: Any) -> bool:
        return any(type(one) is type(value) and one == value for one in values)

    def validate(value: Any) -> Any:
        if holds(value):
            return value
        raise InvalidInput(expected)

    def encode(value: Any, room: int) -> str:
        if holds(value):
            return _write(value, room)
        raise NotSerializable(expected)

    name = f"Literal[{', '.join(repr(value) for value in values)}]"
    return Shape(name, validate, encode, validate, types, types, types, plain=True)


def collection(
    name: str, becomes: dict[type, type], items: Sequence[Shape], size: int | None = None
) -> Shape:
    """Return the shape of a list, sequence, tuple or set.

    `becomes` maps each type that comes from outside to the one that its value gets. With a `size` there are
    that many items, each of its own shape; else any number, all of the one shape in `items`.
    """
    instances = frozenset(becomes.values())
    plain = all(item.plain for item in items)
    stored = {kind: _stored_as(kind, plain=plain) for kind in instances}

    def of_items(part: Callable[[Shape], Any]) -> Iterable[Any]:
        return repeat(part(items[0])) if size is None else tuple(map(part, items))

    return Shape(
        name,
        _items_reader(name, becomes, of_items(lambda item: item.validate), size),
        _items_writer(name, stored, of_items(lambda item: item.encode), size),
        _items_reader(
            name, {saved: kind for kind, saved in stored.items()}, of_items(lambda item: item.restore), size
        ),
        instances,
        frozenset(becomes),
        frozenset(stored.values()),
        plain=plain,
    )


def _stored_as(kind: type, *, plain: bool) -> type:
    """Return list for a set whose items are not hashable before their type has restored them."""
    return list if issubclass(kind, set | frozenset) and not plain else kind


def _items_reader(
    name: str, becomes: dict[type, type], takes: Iterable[Callable[[Any], Any]], size: int | None
) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        kind = becomes.get(type(value))
        if kind is None:
            raise InvalidInput(mismatch(name, value))
        if size is not None and len(value) != size:
            raise InvalidInput(f"expected {name}, got {len(value)} items")
        taken: list[Any] = []
        for index, (item, take) in enumerate(zip(value, takes, strict=False)):
            try:
                taken.append(take(item))
            except InvalidInput as error:
                raise within(error, f"[{index}]") from None
        try:
            return kind(taken)
        except TypeError:
            raise InvalidInput(f"expected {name}, got items that cannot be hashed") from None

    return read


def _items_writer(name: str, stored: dict[type, type], writes: Iterable[Writer], size: int | None) -> Writer:
    ordered = stored.keys().isdisjoint({set, frozenset})

    def write(value: Any, room: int) -> str:
        if type(value) not in stored:
            raise NotSerializable(mismatch(name, value))
        require(room)
        if size is not None and len(value) != size:
            raise NotSerializable(f"expected {name}, got {len(value)} items")
        texts: list[str] = []
        for index, (item, write_item) in enumerate(zip(value, writes, strict=False)):
            try:
                texts.append(write_item(item, room - 1))
            except NotSerializable as error:
                raise (within(error, f"[{index}]") if ordered else error) from None
        return join_items(stored[type(value)], texts if ordered else sorted(texts))

    return write


def mapping(name: str, key: Shape, item: Shape) -> Shape:
    """Return the shape of a dict."""
    exact: frozenset[type] = frozenset({dict})
    stored = exact if key.plain else exact | {list}

    def reader(
        accepted: frozenset[type], take_key: Callable[[Any], Any], take: Callable[[Any], Any]
    ) -> Callable[[Any], Any]:
        def read(value: Any) -> Any:
            if type(value) not in accepted:
                raise InvalidInput(mismatch(name, value))
            taken: dict[Any, Any] = {}
            for given, found in value.items() if type(value) is dict else value:
                try:
                    taken[take_key(given)] = take(found)
                except InvalidInput as error:
                    raise within(error, key_part(given)) from None
            return taken

        return read

    def encode(value: Any, room: int) -> str:
        if type(value) is not dict:
            raise NotSerializable(mismatch(name, value))
        require(room)
        pairs: list[tuple[str, str]] = []
        for given, found in value.items():
            try:
                pairs.append((key.encode(given, room - 1), item.encode(found, room - 1)))
            except NotSerializable as error:
                raise within(error, key_part(given)) from None
        return join_pairs(pairs, hashable=key.plain)

    return Shape(
        name,
        reader(exact, key.validate, item.validate),
        encode,
        reader(stored, key.restore, item.restore),
        exact,
        exact,
        stored,
        plain=key.plain and item.plain,
    )

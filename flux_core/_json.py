"""Untyped values to canonical JSON text, and back.

None, bool, int, finite float, str, list and dict with str keys are plain JSON. Every other value is an object
of two keys, `{"$":"<tag>","v":...}`:

    tag                     v
    tuple, set, frozenset   the items; those of a set in the order of their texts
    dict                    [key, value] pairs, when a key is not a str, or is "$"
    float                   "nan", "inf" or "-inf"
    bytes                   base64
    decimal, uuid, date     the text of the value
    datetime, time          ISO 8601; or [ISO 8601, fold, zone] when there is more to keep: the zone is null,
                            the name of a fixed offset, or a ZoneInfo's key and then the text has no offset
    timedelta               [days, seconds, microseconds]
    enum                    ["module:QualName", the member's name, or its value if it is a flag without one]

The text has no spaces, is ASCII, and keeps the order of dict keys: `json.dumps(json.loads(text))` with the
separators "," and ":" is the same text again.
"""

from __future__ import annotations

import re
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum, EnumMeta
from functools import partial
from json import JSONDecoder
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, Final

from flux_core._errors import InvalidInput, NotSerializable
from flux_core._path import key_part, type_name, within

MAX_DEPTH: Final = 100
"""Levels of nesting in a saved value; few enough that it can be restored wherever the stack stands."""

TOO_DEEP: Final = f"inside itself, or nested more than {MAX_DEPTH} levels deep: make the value flatter"

Writer = Callable[[Any, int], str]
"""Writes a value of one exact type, given how many levels may still be nested in it."""


def encode(value: object) -> str:
    """Return the canonical text of a value.

    Raises:
        NotSerializable: the value, or the one in it that `path` names, would not come back as it is.
    """
    return WRITERS[type(value)](value, MAX_DEPTH)


def decode(text: str, *, lenient: bool = False) -> Any:
    """Return the value that `encode` wrote, with the same types at every depth.

    A lenient reader, such as a viewer, gets no error: a member of an enum that it does not have becomes the
    member's name, and any other value that cannot be restored here stays as it was saved.

    Raises:
        InvalidInput: the text refers to an enum, a member or a time zone that this process does not have.
    """
    read = _read_plain if '"$"' not in text else _read_leniently if lenient else _read
    return read(text)[0]


def require(room: int) -> None:
    """Raise `NotSerializable` unless there is room for one more level."""
    if not room:
        raise NotSerializable(TOO_DEEP)


def quote(value: str) -> str:
    """Return the text of a str."""
    if not value.isascii() and _SPLIT_CHARACTER.search(value):
        raise NotSerializable(
            "str with one character in two surrogates: encode and decode it as UTF-16 first"
        )
    return encode_basestring_ascii(value)


def tagged(tag: str, text: str) -> str:
    """Return the text of a value that JSON has no form for."""
    return f'{{"$":"{tag}","v":{text}}}'


def join_items(kind: type, items: list[str]) -> str:
    """Return the text of a list, tuple, set or frozenset from the texts of its items."""
    if kind is list:
        return f"[{','.join(items)}]"
    return tagged(kind.__name__, f"[{','.join(items if kind is tuple else sorted(items))}]")


def join_pairs(pairs: list[tuple[str, str]], *, hashable: bool = True) -> str:
    """Return the text of a dict from the texts of its keys and values.

    With keys that are not hashable as `decode` reads them, only as their type restores them, it may be the
    plain list of pairs.
    """
    for key, _ in pairs:
        if key[0] != '"' or key == '"$"':
            listed = f"[{','.join([f'[{key},{value}]' for key, value in pairs])}]"
            return tagged("dict", listed) if hashable else listed
    return f"{{{','.join([f'{key}:{value}' for key, value in pairs])}}}"


def write_member(member: Enum) -> str:
    """Return the text that tells an enum member from the others of its class."""
    name = member._name_
    return quote(name) if name in type(member).__members__ else int.__repr__(member.value)


def read_member(cls: EnumMeta, saved: str | int) -> Any:
    """Return the member that `write_member` wrote."""
    try:
        return cls[saved] if isinstance(saved, str) else cls(saved)
    except (KeyError, ValueError):
        raise InvalidInput(f"{cls.__name__} has no member {saved!r}") from None


_SPLIT_CHARACTER: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _write_none(_value: None, _room: int) -> str:
    return "null"


def _write_bool(value: object, _room: int) -> str:
    return "true" if value else "false"


def _write_int(value: int, _room: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:
        raise NotSerializable("int with too many digits: save it as bytes or hexadecimal text") from None


def _write_float(value: float, _room: int) -> str:
    return float.__repr__(value) if isfinite(value) else tagged("float", f'"{value!r}"')


def _write_str(value: str, _room: int) -> str:
    return encode_basestring_ascii(value) if value.isascii() else quote(value)


def _write_items(value: list[Any] | tuple[Any, ...], room: int) -> str:
    require(room)
    items: list[str] = []
    for index, item in enumerate(value):
        try:
            items.append(WRITERS[type(item)](item, room - 1))
        except NotSerializable as error:
            raise within(error, f"[{index}]") from None
    return join_items(type(value), items)


def _write_set(value: set[Any] | frozenset[Any], room: int) -> str:
    require(room)
    return join_items(type(value), [WRITERS[type(item)](item, room - 1) for item in value])


def _write_dict(value: dict[Any, Any], room: int) -> str:
    require(room)
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = WRITERS[type(key)](key, room - 1)
        try:
            pairs.append((name, WRITERS[type(item)](item, room - 1)))
        except NotSerializable as error:
            raise within(error, key_part(key)) from None
    return join_pairs(pairs)


def _write_bytes(value: bytes, _room: int) -> str:
    return tagged("bytes", f'"{b2a_base64(value, newline=False).decode()}"')


def _write_text(tag: str, value: object, _room: int) -> str:
    return tagged(tag, f'"{value!s}"')


def _write_timedelta(value: timedelta, _room: int) -> str:
    return tagged("timedelta", f"[{value.days},{value.seconds},{value.microseconds}]")


def _write_time(value: datetime | time, _room: int) -> str:
    tag, zone = type(value).__name__, value.tzinfo
    name: str | None = None
    if type(zone) is timezone:
        name = zone.tzname(None)
        if name == timezone(zone.utcoffset(None)).tzname(None):
            name = None
    elif zone is not None:
        name = _zone_key(zone)
        value = value.replace(tzinfo=None)
    text = f'"{value.isoformat()}"'
    if name is None and not value.fold:
        return tagged(tag, text)
    return tagged(tag, f"[{text},{value.fold},{'null' if name is None else quote(name)}]")


def _zone_key(zone: Any) -> str:
    kind = type(zone)
    if (kind.__module__, kind.__qualname__) != ("zoneinfo", "ZoneInfo") or zone.key is None:
        raise NotSerializable(
            f"time zone of type {type_name(kind)} has no key to find it by: use timezone or ZoneInfo(key)"
        )
    return str(zone.key)


def _enum_writer(cls: EnumMeta) -> Writer:
    place = f"{cls.__module__}:{cls.__qualname__}"
    if _find(place) is not cls:
        raise NotSerializable(
            f"{type_name(cls)} cannot be found again as {place}: define the enum at module level"
        )
    name = quote(place)
    return lambda member, _room: tagged("enum", f"[{name},{write_member(member)}]")


def _find(place: str) -> object:
    module, _, qualname = place.partition(":")
    found: object = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _refusal(tp: type) -> str:
    name = type_name(tp)
    if any(
        hasattr(tp, mark) for mark in ("__dataclass_fields__", "__struct_fields__", "model_fields", "_fields")
    ):
        return (
            f"{name} is saved only where its type is declared: "
            "name it in the handler's return annotation, or in the data type"
        )
    base = next((base for base in tp.__mro__ if base in WRITERS), None)
    if base is not None:
        return f"{name} would come back as {type_name(base)}, of which it is a subclass: convert it first"
    return (
        f"{name} cannot be saved: turn it into plain values (bool, int, float, str, bytes, list, tuple, set, "
        "dict, dates and times, Decimal, UUID, Enum), or into a dataclass that the declared type names"
    )


class _Writers(dict[type, Writer]):
    """The writers by exact type; that of a type which is not imported here is added when it is first met."""

    def __missing__(self, tp: type) -> Writer:
        tag = _TAGS_BY_NAME.get((tp.__module__, tp.__qualname__))
        if tag is not None:
            self[tp] = partial(_write_text, tag)
        elif isinstance(tp, EnumMeta):
            self[tp] = _enum_writer(tp)
        else:
            raise NotSerializable(_refusal(tp))
        return self[tp]


_TAGS_BY_NAME: Final = {("decimal", "Decimal"): "decimal", ("uuid", "UUID"): "uuid"}

WRITERS: Final = _Writers(
    {
        type(None): _write_none,
        bool: _write_bool,
        int: _write_int,
        float: _write_float,
        str: _write_str,
        bytes: _write_bytes,
        list: _write_items,
        tuple: _write_items,
        set: _write_set,
        frozenset: _write_set,
        dict: _write_dict,
        datetime: _write_time,
        time: _write_time,
        date: partial(_write_text, "date"),
        timedelta: _write_timedelta,
    }
)


def _read_time(kind: type[Any], saved: Any) -> Any:
    if isinstance(saved, str):
        return kind.fromisoformat(saved)
    text, fold, name = saved
    value = kind.fromisoformat(text)
    zone = value.tzinfo
    if name is not None:
        zone = _find_zone(name) if zone is None else timezone(value.utcoffset(), name)
    return value.replace(tzinfo=zone, fold=fold)


def _find_zone(key: str) -> Any:
    from zoneinfo import ZoneInfo  # few values need it, and every cold start would pay

    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"time zone {key!r} is not known here: install the package tzdata") from None


def _read_decimal(saved: str) -> Any:
    from decimal import Decimal  # few values need it, and every cold start would pay

    return Decimal(saved)


def _read_uuid(saved: str) -> Any:
    from uuid import UUID  # few values need it, and every cold start would pay

    return UUID(saved)


def _read_enum(saved: list[Any]) -> Any:
    place, member = saved
    cls = _find(place)
    if not isinstance(cls, EnumMeta):
        raise InvalidInput(f"the enum {place} is needed to restore a value: import its module first")
    return read_member(cls, member)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "float": float,
    "bytes": a2b_base64,
    "datetime": partial(_read_time, datetime),
    "time": partial(_read_time, time),
    "date": date.fromisoformat,
    "timedelta": lambda saved: timedelta(*saved),
    "decimal": _read_decimal,
    "uuid": _read_uuid,
    "enum": _read_enum,
}


def _restore(found: dict[str, Any]) -> Any:
    tag = found.get("$")
    if tag is None:
        return found
    if tag not in _READERS:
        raise InvalidInput(f"a value of kind {tag!r} was saved by a newer version of Flux: upgrade this one")
    return _READERS[tag](found["v"])


def _restore_leniently(found: dict[str, Any]) -> Any:
    try:
        return _restore(found)
    except InvalidInput:
        saved = found["v"]
        return str(saved[1]) if found["$"] == "enum" else saved


# What encode wrote begins and ends with the value: nobody needs to look for spaces around it.
_read_plain: Final = JSONDecoder().raw_decode
_read: Final = JSONDecoder(object_hook=_restore).raw_decode
_read_leniently: Final = JSONDecoder(object_hook=_restore_leniently).raw_decode

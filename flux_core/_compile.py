"""From a type annotation to its shape: which form of type is compiled by what."""

from __future__ import annotations

import types
import typing
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from flux_core._dicts import TypedDictModel
from flux_core._errors import InvalidWorkflow
from flux_core._models import Compile, Dataclass, Model, NamedTupleRecord, Struct, model_shape
from flux_core._path import type_name
from flux_core._pydantic import PydanticModel
from flux_core._shapes import Shape, collection, enumeration, floating, literal, mapping, scalar, untyped
from flux_core._union import union


class Compiler:
    """One compilation, which remembers the models that it has begun, so that a type may refer to itself."""

    def __init__(self) -> None:
        self._models: dict[object, Model] = {}

    def shape(self, tp: object) -> Shape:
        """Compile any type."""
        tp = strip(tp)
        if tp is Any or tp is object or isinstance(tp, TypeVar):
            return untyped()
        origin, args = typing.get_origin(tp) or tp, typing.get_args(tp)
        if origin in _GENERICS:
            return _GENERICS[origin](self.shape, args)
        if isinstance(origin, type):
            if issubclass(origin, Enum):
                return enumeration(origin)
            if (conversions := _SCALARS.get((origin.__module__, origin.__qualname__))) is not None:
                return conversions(origin)
            if (model := self.model(tp)) is not None:
                return model_shape(model)
        raise InvalidWorkflow(
            f"{describe(tp)} is not a type that can be saved: use None, bool, int, float, str, bytes, list, "
            "tuple, set, dict, datetime, date, time, timedelta, Decimal, UUID, an Enum, a dataclass, "
            "a NamedTuple, a TypedDict, a pydantic model or a msgspec Struct"
        )

    def model(self, tp: object) -> Model | None:
        """Compile a type with fields; None for any other."""
        if tp not in self._models:
            origin = typing.get_origin(tp) or tp
            kind = next((kind for is_kind, kind in _KINDS if is_kind(origin)), None)
            if kind is None:
                return None
            self._models[tp] = model = kind(typing.cast("Any", origin))
            model.define(tp, self.shape)
        return self._models[tp]


def strip(tp: Any) -> Any:
    """Return the type inside Annotated, NewType and named aliases."""
    while True:
        if typing.get_origin(tp) is typing.Annotated:
            tp = typing.get_args(tp)[0]
        elif isinstance(tp, typing.NewType):
            tp = tp.__supertype__
        elif hasattr(tp, "__value__"):
            tp = tp.__value__
        else:
            return type(None) if tp is None else tp


def describe(tp: object) -> str:
    """Return what messages call a type."""
    return type_name(tp) if isinstance(tp, type) else str(tp)


def is_typed_dict(tp: Any) -> bool:
    """Return whether a type is a TypedDict, of `typing` or of `typing_extensions`."""
    return isinstance(tp, type) and issubclass(tp, dict) and hasattr(tp, "__total__")


def _is_named_tuple(tp: Any) -> bool:
    return isinstance(tp, type) and issubclass(tp, tuple) and hasattr(tp, "_fields")


_KINDS: Final[Sequence[tuple[Callable[[Any], bool], Callable[[Any], Model]]]] = (
    (lambda tp: hasattr(tp, "model_fields") and hasattr(tp, "model_validate"), PydanticModel),
    (lambda tp: hasattr(tp, "__struct_fields__"), Struct),
    (lambda tp: hasattr(tp, "__dataclass_fields__"), Dataclass),
    (is_typed_dict, TypedDictModel),
    (_is_named_tuple, NamedTupleRecord),
)


def _items(kind: str, becomes: dict[type, type]) -> Callable[[Compile, tuple[Any, ...]], Shape]:
    def compile_items(compile_type: Compile, args: tuple[Any, ...]) -> Shape:
        item = compile_type(args[0] if args else Any)
        return collection(f"{kind}[{item.name}]" if args else kind, becomes, [item])

    return compile_items


def _tuple(compile_type: Compile, args: tuple[Any, ...]) -> Shape:
    becomes: dict[type, type] = {tuple: tuple, list: tuple}
    if not args:
        return collection("tuple", becomes, [untyped()])
    if args[-1] is Ellipsis:
        item = compile_type(args[0])
        return collection(f"tuple[{item.name}, ...]", becomes, [item])
    items = [compile_type(arg) for arg in args]
    return collection(f"tuple[{', '.join(item.name for item in items)}]", becomes, items, len(items))


def _mapping(compile_type: Compile, args: tuple[Any, ...]) -> Shape:
    if not args:
        return mapping("dict", untyped(), untyped())
    key, item = map(compile_type, args)
    return mapping(f"dict[{key.name}, {item.name}]", key, item)


def _union(compile_type: Compile, args: tuple[Any, ...]) -> Shape:
    return union([compile_type(arg) for arg in args])


_GENERICS: Final[dict[object, Callable[[Compile, tuple[Any, ...]], Shape]]] = {
    list: _items("list", {list: list}),
    Sequence: _items("Sequence", {list: list, tuple: tuple}),
    set: _items("set", dict.fromkeys((set, frozenset, list, tuple), set)),
    frozenset: _items("frozenset", dict.fromkeys((frozenset, set, list, tuple), frozenset)),
    tuple: _tuple,
    dict: _mapping,
    Mapping: _mapping,
    typing.Union: _union,
    types.UnionType: _union,
    typing.Literal: lambda _compile, args: literal(args),
}


def _from_iso(tp: Any) -> Shape:
    return scalar(tp, {str: tp.fromisoformat}, f"a {tp.__name__} in ISO 8601")


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


_SCALARS: Final[dict[tuple[str, str], Callable[[Any], Shape]]] = {
    ("builtins", "NoneType"): lambda tp: scalar(tp, {}, tp.__name__),
    ("builtins", "bool"): lambda tp: scalar(tp, {}, tp.__name__),
    ("builtins", "int"): lambda tp: scalar(tp, {}, tp.__name__),
    ("builtins", "float"): lambda _tp: floating(),
    ("builtins", "str"): lambda tp: scalar(tp, {}, tp.__name__),
    ("builtins", "bytes"): lambda tp: scalar(
        tp, {str: lambda text: a2b_base64(text, strict_mode=True)}, "bytes in base64"
    ),
    ("datetime", "datetime"): _from_iso,
    ("datetime", "date"): _from_iso,
    ("datetime", "time"): _from_iso,
    ("datetime", "timedelta"): lambda tp: scalar(tp, {int: _seconds, float: _seconds}, "a number of seconds"),
    ("decimal", "Decimal"): lambda tp: scalar(
        tp, {str: tp, int: tp, float: lambda number: tp(repr(number))}, "a decimal number"
    ),
    ("uuid", "UUID"): lambda tp: scalar(tp, {str: tp}, "a UUID"),
}

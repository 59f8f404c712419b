"""Types with named fields whose values are dicts: TypedDicts, and dicts with str keys."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from flux_core._errors import InvalidWorkflow, NotSerializable
from flux_core._json import require
from flux_core._models import Field, hints, refuse_unknown, take
from flux_core._path import MARKER_TAKEN, key_part, mismatch, missing, unknown, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._models import Compile
    from flux_core._shapes import Shape


class TypedDictModel:
    """A TypedDict; with `partial`, one whose keys may all be missing."""

    def __init__(self, cls: type, *, partial: bool = False) -> None:
        self.cls: type = dict
        self.name = cls.__name__
        self.declaration: Any = cls
        self.partial = partial
        self.fields: dict[str, Field] = {}

    def define(self, tp: object, compile_type: Compile) -> None:
        """Compile the fields."""
        for name, hint in hints(self.declaration, typing.get_args(tp)).items():
            required = name in self.declaration.__required_keys__
            origin = typing.get_origin(hint)
            if origin in {typing.Required, typing.NotRequired}:
                required = origin is typing.Required
                [hint] = typing.get_args(hint)  # noqa: PLW2901 (the same hint, unwrapped)
            self.fields[name] = Field(compile_type(hint), required and not self.partial)
        if "$" in self.fields:
            raise InvalidWorkflow(f"{self.name} has {MARKER_TAKEN}")

    def save(self, value: Any, room: int) -> dict[str, str]:
        """Return the text of each field."""
        if type(value) is not dict:
            raise NotSerializable(mismatch(self.name, value))
        require(room)
        texts: dict[str, str] = {}
        for name, item in value.items():
            if name not in self.fields:
                raise NotSerializable(unknown(name, self.fields))
            try:
                texts[name] = self.fields[name].shape.encode(item, room - 1)
            except NotSerializable as error:
                raise within(error, name) from None
        for name, field in self.fields.items():
            if field.required and name not in texts:
                raise NotSerializable(missing(name))
        return texts

    def load(self, stored: Mapping[str, Any]) -> Any:
        """Return the dict."""
        return take(self.fields, stored, lambda shape: shape.restore)

    def parse(self, given: Mapping[Any, Any]) -> Any:
        """Return a dict of the values."""
        refuse_unknown(given, self.fields)
        return take(self.fields, given, lambda shape: shape.validate)


class StrDict:
    """A dict with str keys, each of them a field, and values of one shape."""

    def __init__(self, item: Shape) -> None:
        self.item = item

    def save(self, value: Any, room: int) -> dict[str, str]:
        """Return the text under each key."""
        if type(value) is not dict:
            raise NotSerializable(mismatch("dict", value))
        texts: dict[str, str] = {}
        for key, item in value.items():
            if type(key) is not str:
                raise NotSerializable(mismatch("str as key", key))
            if key == "$":
                raise NotSerializable(MARKER_TAKEN)
            try:
                texts[key] = self.item.encode(item, room - 1)
            except NotSerializable as error:
                raise within(error, key_part(key)) from None
        return texts

    def load(self, stored: Mapping[str, Any]) -> Any:
        """Return the dict."""
        return take(
            dict.fromkeys(stored, Field(self.item, required=True)), stored, lambda shape: shape.restore
        )

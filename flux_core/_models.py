"""Types with named fields, and those among them with attributes: dataclass, NamedTuple and msgspec Struct."""

from __future__ import annotations

import sys
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from flux_core._errors import InvalidInput, InvalidWorkflow, NotSerializable
from flux_core._json import MAX_DEPTH, quote, require
from flux_core._path import key_part, mismatch, missing, unknown, within
from flux_core._shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._json import Writer

Compile = Callable[[object], Shape]
"""Compiles the type of a field."""


class Fields(Protocol):
    """A compiled type whose values are saved field by field."""

    def save(self, value: Any, room: int) -> dict[str, str]:
        """Return the text of each field, with room for so many levels; raises `NotSerializable`."""
        ...

    def load(self, stored: Mapping[str, Any]) -> Any:
        """Return the value again, from each field as `_json.decode` read it; raises `InvalidInput`.

        A field that has been added to the type since gets its default, one that has been removed is dropped.
        """


class Model(Fields, Protocol):
    """A compiled class with named fields."""

    name: str
    cls: type

    def define(self, tp: object, compile_type: Compile) -> None:
        """Compile the fields of `tp`; called once, when the model can already be referred to."""

    def parse(self, given: Mapping[Any, Any]) -> Any:
        """Return the value that an object from outside means; raises `InvalidInput`."""


def model_shape(model: Model) -> Shape:
    """Return the shape of a model's values."""

    def validate(value: Any) -> Any:
        if type(value) is dict:
            return model.parse(value)
        try:
            model.save(value, MAX_DEPTH)
        except NotSerializable as error:
            raise InvalidInput(error.reason, path=error.path) from None
        return value

    def encode(value: Any, room: int) -> str:
        return f"{{{','.join([f'{quote(name)}:{text}' for name, text in model.save(value, room).items()])}}}"

    def restore(value: Any) -> Any:
        if type(value) is not dict:
            raise InvalidInput(mismatch(model.name, value))
        return model.load(value)

    instances, stored = frozenset({model.cls}), frozenset({dict})
    return Shape(model.name, validate, encode, restore, instances, instances | stored, stored, plain=False)


class Field(NamedTuple):
    """One field of a model."""

    shape: Shape
    required: bool
    """Whether it has no default."""
    settable: bool = True
    """Whether the constructor takes it."""


class Record(ABC):
    """A class with attributes: the common part of dataclass, NamedTuple and Struct."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.name = cls.__name__
        self.fields: dict[str, Field] = {}
        self.writers: list[tuple[str, Writer]] = []
        self.assigned: frozenset[str] = frozenset()

    def define(self, tp: object, compile_type: Compile) -> None:
        """Compile the fields."""
        annotations = hints(self.cls, typing.get_args(tp))
        for name, (required, settable) in self.declared().items():
            self.fields[name] = Field(compile_type(annotations.get(name, Any)), required, settable)
        self.writers = [(name, field.shape.encode) for name, field in self.fields.items()]
        self.checked = hasattr(self.cls, "__post_init__")  # which may refuse values, and rewrite them
        self.assigned = frozenset(
            name for name, field in self.fields.items() if self.checked or not field.settable
        )

    @abstractmethod
    def declared(self) -> dict[str, tuple[bool, bool]]:
        """Return whether each field is required and settable."""

    def assign(self, value: Any, name: str, item: Any) -> None:
        """Set a field that the constructor did not, even on a frozen value."""
        object.__setattr__(value, name, item)

    def save(self, value: Any, room: int) -> dict[str, str]:
        """Return the text of each field."""
        if type(value) is not self.cls:
            raise NotSerializable(mismatch(self.name, value))
        require(room)
        texts: dict[str, str] = {}
        for name, write in self.writers:
            try:
                texts[name] = write(getattr(value, name), room - 1)
            except NotSerializable as error:
                raise within(error, name) from None
            except AttributeError:
                raise NotSerializable(missing(name)) from None
        if self.checked:
            self.confirm(value)
        return texts

    def confirm(self, value: Any) -> None:
        """Refuse to save what the class would refuse to be made of again."""
        try:
            self.cls(**{name: getattr(value, name) for name, field in self.fields.items() if field.settable})
        except Exception as error:
            raise NotSerializable(f"{self.name} could not be restored from it: {error}") from error

    def load(self, stored: Mapping[str, Any]) -> Any:
        """Return the value; what the constructor computes does not replace what was saved."""
        values = take(self.fields, stored, lambda shape: shape.restore)
        value = self.construct({name: item for name, item in values.items() if self.fields[name].settable})
        for name in self.assigned & values.keys():
            self.assign(value, name, values[name])
        return value

    def parse(self, given: Mapping[Any, Any]) -> Any:
        """Return the value."""
        settable = {name: field for name, field in self.fields.items() if field.settable}
        refuse_unknown(given, settable)
        return self.construct(take(settable, given, lambda shape: shape.validate))

    def construct(self, values: dict[str, Any]) -> Any:
        """Call the class, which may refuse the values in words of its own."""
        try:
            return self.cls(**values)
        except ValueError as error:
            raise InvalidInput(str(error)) from error


class Dataclass(Record):
    """A dataclass."""

    def declared(self) -> dict[str, tuple[bool, bool]]:
        """Return its fields."""
        from dataclasses import MISSING, fields  # whoever has a dataclass has imported it

        return {
            field.name: (field.init and field.default is field.default_factory is MISSING, field.init)
            for field in fields(self.cls)
        }


class NamedTupleRecord(Record):
    """A NamedTuple, saved by the names of its fields."""

    def declared(self) -> dict[str, tuple[bool, bool]]:
        """Return its fields."""
        cls: Any = self.cls
        return {name: (name not in cls._field_defaults, True) for name in cls._fields}


class Struct(Record):
    """A msgspec Struct; msgspec checks what comes from outside, with its constraints and renamed fields."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self.msgspec = sys.modules["msgspec"]

    def declared(self) -> dict[str, tuple[bool, bool]]:
        """Return its fields."""
        return {field.name: (field.required, True) for field in self.msgspec.structs.fields(self.cls)}

    def assign(self, value: Any, name: str, item: Any) -> None:
        """Set a field, even of a frozen Struct."""
        self.msgspec.structs.force_setattr(value, name, item)

    def parse(self, given: Mapping[Any, Any]) -> Any:
        """Return the value."""
        try:
            return self.msgspec.convert(given, self.cls)
        except self.msgspec.ValidationError as error:
            raise _msgspec_error(str(error)) from None


def _msgspec_error(message: str) -> InvalidInput:
    """Translate a message such as "Expected `int`, got `str` - at `$.items[0].qty`"."""
    reason, _, place = message.partition(" - at `")
    reason = reason.replace("Object missing required field", "missing field").replace("`", "'")
    if reason.startswith("Expected"):
        reason = reason.replace("'", "")
    if reason.startswith(("Invalid value", "Invalid enum value")):  # then follows the value, maybe a secret
        reason = f"{reason.partition(' value ')[0]} value"
    return InvalidInput(reason[:1].lower() + reason[1:], path=place.rpartition("$")[2].strip("`."))


def refuse_unknown(given: Mapping[Any, Any], fields: Mapping[str, Field]) -> None:
    """Raise `InvalidInput` for the first key that is no field."""
    for name in given:
        if name not in fields:
            raise InvalidInput(unknown(name, fields))


def take(
    fields: Mapping[str, Field], given: Mapping[Any, Any], how: Callable[[Shape], Callable[[Any], Any]]
) -> dict[str, Any]:
    """Return the values of the fields that are given, each through one function of its shape."""
    values: dict[str, Any] = {}
    for name, item in given.items():
        if name in fields:
            try:
                values[name] = how(fields[name].shape)(item)
            except InvalidInput as error:
                raise within(error, key_part(name)) from None
    for name, field in fields.items():
        if field.required and name not in values:
            raise InvalidInput(missing(name))
    return values


def hints(cls: type, args: tuple[Any, ...]) -> dict[str, Any]:
    """Return the annotations of a class, with its type parameters replaced by `args`."""
    try:
        found = typing.get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except Exception as error:  # noqa: BLE001 (an annotation may be any text)
        raise InvalidWorkflow(
            f"{cls.__name__} has an annotation that cannot be resolved: {error}; define it at module level"
        ) from None
    given = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
    return {name: _substitute(hint, given) for name, hint in found.items()}


def _substitute(hint: Any, given: Mapping[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(parameter, Any) for parameter in parameters)] if parameters else hint

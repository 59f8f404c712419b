"""Compile a type into the functions that check, save and restore its values."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from flux_core._compile import Compiler, describe, is_typed_dict, strip
from flux_core._dicts import StrDict, TypedDictModel
from flux_core._errors import InvalidInput, InvalidWorkflow
from flux_core._json import MAX_DEPTH, TOO_DEEP, decode
from flux_core._path import key_part, within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_core._models import Fields
    from flux_core._shapes import Shape

T = TypeVar("T")
D = TypeVar("D")
C = TypeVar("C")


class Codec(Generic[T]):
    """How a workflow's input, or a step's output, comes in, is saved and is restored."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def validate(self, value: object) -> T:
        """Return the value that `value`, parsed JSON or an instance already, means.

        Raises:
            InvalidInput: it does not mean one; `path` says where.
        """
        try:
            return typing.cast("T", self._shape.validate(value))
        except RecursionError:
            raise InvalidInput(TOO_DEEP) from None

    def encode(self, value: T) -> str:
        """Return the text of a value.

        Raises:
            NotSerializable: it is not of the declared type, or would not come back; `path` says where.
        """
        return self._shape.encode(value, MAX_DEPTH)

    def decode(self, text: str) -> T:
        """Return the value that `encode` wrote; a field that the type did not have then gets its default.

        Raises:
            InvalidInput: the text is not that of a value of this type, as when the type has changed since.
        """
        return typing.cast("T", self._shape.restore(decode(text)))


class DataCodec(Generic[D]):
    """How a run's shared data is saved and restored, one top-level field at a time."""

    def __init__(self, create: Callable[[], D], fields: Fields) -> None:
        self._create = create
        self._fields = fields

    def initial(self) -> D:
        """Return the data of a new run.

        Raises:
            InvalidWorkflow: the type cannot be made without arguments.
        """
        try:
            return self._create()
        except (TypeError, ValueError) as error:
            name = getattr(self._create, "__name__", "the data type")
            raise InvalidWorkflow(
                f"{name} cannot be made without arguments: give every field a default"
            ) from error

    def fields(self, value: D) -> dict[str, str]:
        """Return the text of each field.

        Raises:
            NotSerializable: a field is not of its declared type, or would not come back; `path` starts there.
        """
        return self._fields.save(value, MAX_DEPTH)

    def build(self, fields: Mapping[str, str]) -> D:
        """Return the data whose fields have these texts.

        Raises:
            InvalidInput: a text is not that of a value of the field's type; `path` begins with the field.
        """
        stored: dict[str, Any] = {}
        for name, text in fields.items():
            try:
                stored[name] = decode(text)
            except InvalidInput as error:
                raise within(error, key_part(name)) from None
        return typing.cast("D", self._fields.load(stored))


def codec_for(tp: object) -> Codec[Any]:
    """Return the codec of a type; the same one each time.

    Raises:
        InvalidWorkflow: it is, or contains, a type that Flux cannot save.
    """
    return _once(_CODECS, tp, lambda tp: Codec(Compiler().shape(tp)))


def data_codec_for(tp: object) -> DataCodec[Any]:
    """Return the codec of a type that a run's shared data has; the same one each time.

    A TypedDict as data starts empty: any of its keys may be missing until a handler sets it.

    Raises:
        InvalidWorkflow: it is not a type with fields, or one of them has a type that Flux cannot save.
    """
    return _once(_DATA_CODECS, strip(tp), _compile_data)


_CODECS: Final[dict[tuple[object, str], Codec[Any]]] = {}
_DATA_CODECS: Final[dict[tuple[object, str], DataCodec[Any]]] = {}


def _once(compiled: dict[tuple[object, str], C], tp: object, compile_type: Callable[[object], C]) -> C:
    key = (tp, repr(tp))  # int | str equals str | int, but tries its members in another order
    try:
        known = compiled.get(key)
    except TypeError:  # an unhashable type, such as list[Annotated[int, []]]
        return compile_type(tp)
    if known is None:
        known = compiled[key] = compile_type(tp)
    return known


def _compile_data(tp: object) -> DataCodec[Any]:
    compiler = Compiler()
    origin: Any = typing.get_origin(tp) or tp
    if origin is dict:
        return DataCodec(dict, StrDict(compiler.shape((typing.get_args(tp) or (str, Any))[1])))
    if is_typed_dict(origin):
        partial = TypedDictModel(origin, partial=True)
        partial.define(tp, compiler.shape)
        return DataCodec(dict, partial)
    model = compiler.model(tp)
    if model is None:
        raise InvalidWorkflow(
            f"{describe(tp)} has no fields, so it cannot be a run's data: "
            "use a dataclass, a TypedDict, a dict, a pydantic model or a msgspec Struct"
        )
    return DataCodec(model.cls, model)

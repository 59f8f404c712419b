"""pydantic models (2.11 or newer), known by their methods: pydantic itself is never imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flux_core._errors import InvalidInput, InvalidWorkflow, NotSerializable
from flux_core._json import WRITERS, require
from flux_core._path import MARKER_TAKEN, key_part, mismatch, missing, within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flux_core._shapes import Shape


class PydanticModel:
    """A pydantic model: its own rules say what comes in, and what is saved must come back equal."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.name = cls.__name__
        if cls.__pydantic_root_model__:
            raise InvalidWorkflow(
                f"{self.name} is a RootModel, which has no fields: use the type of its root"
            )

    def define(self, tp: object, compile_type: Callable[[object], Shape]) -> None:
        """Do nothing: pydantic compiles its models by itself."""

    def save(self, value: Any, room: int) -> dict[str, str]:
        """Return the text of each field."""
        if type(value) is not self.cls:
            raise NotSerializable(mismatch(self.name, value))
        require(room)
        try:
            dump = self._dump(value, "python")
        except NotSerializable:  # a set of models has no python form
            dump = self._dump(value, "json")
        if "$" in dump:
            raise NotSerializable(MARKER_TAKEN)
        texts: dict[str, str] = {}
        for name, item in dump.items():
            try:
                texts[name] = WRITERS[type(item)](item, room - 1)
            except NotSerializable as error:
                dump[name] = self._as_json(value, name, within(error, key_part(name)))
                texts[name] = WRITERS[type(dump[name])](dump[name], room - 1)
        self._require_equal(value, dump)
        return texts

    def load(self, stored: Mapping[str, Any]) -> Any:
        """Return the model."""
        try:
            return self.cls.model_validate(stored, by_alias=False, by_name=True)
        except ValueError as error:
            raise _first(error) from None

    def parse(self, given: Mapping[Any, Any]) -> Any:
        """Return the model."""
        try:
            return self.cls.model_validate(given)
        except ValueError as error:
            raise _first(error) from None

    def _dump(self, value: Any, mode: str, only: set[str] | None = None) -> dict[str, Any]:
        try:
            dump: dict[str, Any] = value.model_dump(
                mode=mode, include=only, round_trip=True, by_alias=False, warnings=False
            )
        except (TypeError, ValueError):
            raise NotSerializable(f"{self.name} cannot be dumped: call its model_dump() to see why") from None
        return dump

    def _as_json(self, value: Any, name: str, refused: NotSerializable) -> Any:
        try:
            return self._dump(value, "json", {name})[name]
        except NotSerializable:
            raise refused from None

    def _require_equal(self, value: Any, dump: dict[str, Any]) -> None:
        """Refuse to save what would be lost: a masked secret, an excluded field, a wrong type."""
        try:
            back = self.load(dump)
        except InvalidInput as error:
            raise NotSerializable(error.reason, path=error.path) from None
        if back != value:
            lost = [name for name in self.cls.model_fields if getattr(back, name) != getattr(value, name)]
            raise NotSerializable(
                f"{self.name} does not come back equal from its own dump: change the type or its serializer",
                path=lost[0] if lost else "",
            )


def _first(error: Any) -> InvalidInput:
    """Translate the first of pydantic's errors, without a message that quotes the input, maybe a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    place, reason = first["loc"], first["msg"]
    if first["type"] == "missing":
        place, reason = place[:-1], missing(place[-1])
    elif first["input"] != "" and str(first["input"]) in reason:
        reason = f"refused by its validator ({first['type']})"
    invalid = InvalidInput(reason)
    for part in reversed(place):
        invalid = within(invalid, key_part(part))
    return invalid

"""The shape of a union: which member a value belongs to when it comes in, is saved and is restored."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from flux_core._errors import InvalidInput, InvalidWorkflow, NotSerializable
from flux_core._json import quote
from flux_core._path import mismatch
from flux_core._shapes import Shape, untyped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def union(members: Sequence[Shape]) -> Shape:
    """Return the shape of a union: a value goes to the member of its exact type, else to each in turn.

    Members that would look alike once saved, such as two dataclasses, are told apart by name, as in
    `{"Card": ...}`.
    """
    if any(not member.instances for member in members):
        return untyped()
    one_of = _Union(members)
    types: frozenset[type] = frozenset()
    return Shape(
        one_of.name,
        one_of.validate,
        one_of.encode,
        one_of.restore,
        types.union(*(member.instances for member in members)),
        types.union(*(member.outside for member in members)),
        types.union({dict} if one_of.wrapped else (), *(member.stored for member in members)),
        plain=all(member.plain for member in members),
    )


class _Union:
    def __init__(self, members: Sequence[Shape]) -> None:
        self.name = " | ".join(member.name for member in members)
        self.wrapped = _look_alikes(members)
        self._by_instance = _Ranking(members, lambda member: member.instances)
        self._by_stored = _Ranking(members, lambda member: member.stored)

    def validate(self, value: Any) -> Any:
        errors: list[tuple[Shape, InvalidInput]] = []
        for member in self._by_instance[type(value)]:
            try:
                return member.validate(value)
            except InvalidInput as error:
                errors.append((member, error))
        raise self._refusal(value, errors)

    def encode(self, value: Any, room: int) -> str:
        errors: list[NotSerializable] = []
        for member in self._by_instance[type(value)]:
            try:
                text = member.encode(value, room)
            except NotSerializable as error:
                errors.append(error)
            else:
                return f"{{{quote(member.name)}:{text}}}" if member.name in self.wrapped else text
        raise errors[0] if len(errors) == 1 else NotSerializable(mismatch(self.name, value))

    def restore(self, value: Any) -> Any:
        if type(value) is dict and len(value) == 1:
            [(name, saved)] = value.items()
            if name in self.wrapped:
                return self.wrapped[name].restore(saved)
        errors: list[tuple[Shape, InvalidInput]] = []
        for member in self._by_stored[type(value)]:
            try:
                return member.restore(value)
            except InvalidInput as error:
                errors.append((member, error))
        raise self._refusal(value, errors)

    def _refusal(self, value: object, errors: Sequence[tuple[Shape, InvalidInput]]) -> InvalidInput:
        match errors:
            case []:
                return InvalidInput(mismatch(self.name, value))
            case [(_, error)]:
                return error
            case _:
                each = "; ".join(f"as {member.name}: {error}" for member, error in errors)
                return InvalidInput(f"expected {self.name}; {each}")


class _Ranking(dict[type, list[Shape]]):
    """The members to try for each type of value: those whose own type it is, then those that convert it."""

    def __init__(self, members: Sequence[Shape], own: Callable[[Shape], frozenset[type]]) -> None:
        super().__init__()
        self._members = members
        self._own = own

    def __missing__(self, tp: type) -> list[Shape]:
        exact = [member for member in self._members if tp in self._own(member)]
        self[tp] = exact + [
            member for member in self._members if tp in member.outside and member not in exact
        ]
        return self[tp]


def _look_alikes(members: Sequence[Shape]) -> dict[str, Shape]:
    """Return, by name, the members whose text does not tell which of them it is."""
    repeated = [name for name, count in Counter(member.name for member in members).items() if count > 1]
    if repeated:
        raise InvalidWorkflow(f"two members of a union are called {repeated[0]}: rename one of them")
    return {
        member.name: member
        for member in members
        for other in members
        if member is not other and not (member.plain and other.plain) and member.stored & other.stored
    }

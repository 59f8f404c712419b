"""A route: one thing that the API can be asked for, and what there is to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flux_core._serving.http import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flux_core._http.access import Role
    from flux_core._http.call import Call
    from flux_core._http.parameters import Header, Parameter
    from flux_core._serving.http import Reply


class Body(NamedTuple):
    """What a request carries, as JSON."""

    about: str
    fields: Mapping[str, Any] | None = None
    """The schemas of the fields of an object; None takes any value."""
    required: Sequence[str] = ()
    """The fields that must be there."""
    needed: bool = False
    """Whether there must be a body."""


class Answer(NamedTuple):
    """What a route answers if all goes well."""

    status: int
    about: str
    schema: str | None = None
    """The name of the document's schema; None without a document."""
    media: str = JSON
    headers: Sequence[str] = ()


class Route(NamedTuple):
    """One thing that can be asked for."""

    method: str
    path: str
    """Its variable segments stand in braces."""
    name: str
    """What the OpenAPI document calls the operation."""
    about: str
    role: Role | None
    """What who asks must be; None lets everybody in."""
    serve: Callable[[Call], Reply]
    answers: Sequence[Answer]
    refuses: Sequence[int] = ()
    """Statuses of the problems that it may answer, beside those that every route may."""
    path_parameters: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()
    headers: Sequence[Header] = ()
    body: Body | None = None

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"

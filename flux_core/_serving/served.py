"""What a function serves: runs that events and requests start and, if they may, requests that steer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Self, TypeAlias

from flux_core import InvalidInput
from flux_core._serving.http import reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flux_core._http import Access, Router
    from flux_core._serving.http import Reply, Request
    from flux_core._serving.service import Service

Control: TypeAlias = bool | Literal["platform"]
"""Whether requests may steer runs: not at all, with a token, or because the platform has let them through."""


class Steering(NamedTuple):
    """Who may steer runs over HTTP."""

    access: Access
    trusted: bool
    """Whether the platform lets nobody through who may not."""

    @classmethod
    def of(cls, control: Control, tokens: Mapping[str, str] | None) -> Self | None:
        """Return who may, as the arguments of a front say it; None if nobody may.

        Raises:
            InvalidInput: there are no tokens, one is too short or has two roles, or they are given without `control`.
        """
        if (
            control is False
        ):  # the router is not even imported: a function that only takes orders starts sooner
            if tokens is not None:
                raise InvalidInput("tokens are for control=True, which is off", path="tokens")
            return None
        from flux_core._http import access_of

        access = access_of(control, tokens)
        return None if access is None else cls(access, trusted=control == "platform")


class Served(NamedTuple):
    """A service over its store, and who may steer its runs."""

    service: Service
    router: Router | None = None
    trusted: bool = False

    @classmethod
    def of(cls, service: Service, steering: Steering | None) -> Self:
        """Return what is served; the service's app has its store."""
        if steering is None:
            return cls(service)
        from flux_core._http import Router

        return cls(service, Router(service, access=steering.access), steering.trusted)

    def reply(self, request: Request, *, deadline: float | None, apart: bool = False) -> Reply:
        """Return the answer to a request: the router's if its path is one of the API's, else what its run comes to.

        Args:
            request: what is asked.
            deadline: when the function is killed, in `time.monotonic()` seconds; None if nobody says.
            apart: the function is for the API alone, so that no path is for the input of a run.
        """
        if self.router is not None and (apart or self.router.handles(request.path)):
            return self.router.respond(request._replace(trusted=self.trusted), deadline=deadline)
        said = reply(self.service, request, deadline=deadline)
        return said._replace(document="") if request.method == "HEAD" else said

"""Who may ask: what a request says of the host that it is meant for, and of where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flux_core import InvalidInput
from flux_core._serving.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(:[0-9]*)?", re.IGNORECASE)
"""A name or an address, and a port: https://www.rfc-editor.org/rfc/rfc9110#name-host-and-authority"""
FORWARDED: Final = frozenset(
    {"cf-connecting-ip", "forwarded", "true-client-ip", "via", "x-client-ip", "x-forwarded", "x-real-ip"}
)
"""Headers that a proxy adds, beside those that begin with `x-forwarded-`: the sender is not on this computer, although
the proxy is."""
OF_PROXIES: Final = "1.0"
"""The version of HTTP that old proxies speak where nobody tells them otherwise, and browsers do not."""


class Hosts:
    """The names that a server answers to. Every other is refused.

    A page of another site can have its own name resolve to the loopback address (DNS rebinding); the browser then lets
    it read all that is answered, but still says that name.

    Args:
        names: without a port; every port will do.
        tokens: whether who asks has to have a token. Without names a server with tokens answers to any: what a page
            of another site lacks is the token.

    Raises:
        InvalidInput: a name is none.
    """

    def __init__(self, names: Iterable[str], *, tokens: bool) -> None:
        known = {_checked(name) for name in _several(names)}
        self._known = known if known or not tokens else None

    def knows(self, host: str) -> bool:
        """Whether the server answers to what the header `Host` says."""
        return self._known is None or name_in(host) in self._known or _is_own(host)


def name_in(host: str) -> str | None:
    """Return the name in a header `Host`, in lower case and without the port; None if it has none."""
    said = HOST.fullmatch(host)
    return said[1].lower() if said else None


def is_from_here(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether somebody on this computer asks this computer: by address, by name, and by no proxy.

    Args:
        scope: the request's.
        headers: its headers, their names in lower case.
    """
    client = scope.get("client")
    return (
        client is not None
        and is_loopback(client[0])
        and _is_own(headers.get("host", ""))
        and scope.get("http_version") != OF_PROXIES
        and not any(_is_of_proxy(name) for name in headers)
    )


def _is_own(host: str) -> bool:
    """Whether a header `Host` has a name that this computer gives itself; no page of another site has one of these."""
    return is_loopback(name_in(host) or "")


def _is_of_proxy(header: str) -> bool:
    name = header.replace("_", "-")
    return name in FORWARDED or name.startswith("x-forwarded-")


def _several(names: object) -> list[object]:
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise InvalidInput(
            f'expected names in a list, as in ["flux.example.com"]; got {names!r}', path="hosts"
        )
    return [*names]


def _checked(name: object) -> str:
    """Return a name in lower case.

    Raises:
        InvalidInput: it is none.
    """
    said = HOST.fullmatch(name) if isinstance(name, str) else None
    if said is None or said[2] or "*" in said[1]:
        raise InvalidInput(
            f"{name!r} is no host; name it without scheme, port, path and asterisk, such as flux.example.com",
            path="hosts",
        )
    return said[1].lower()

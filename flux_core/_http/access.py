"""Who may look and who may act: bearer tokens with roles, a platform that vouches, and no page of another site."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flux_core import InvalidInput
from flux_core._http.refused import FORBIDDEN, FOREIGN_ORIGIN, UNAUTHORIZED, Refused

if TYPE_CHECKING:
    from flux_core._serving.http import Request

    Role: TypeAlias = Literal["read", "operate"]

ROLES: Final = ("read", "operate")
"""Each of them may do what those before it may."""
VARIABLES: Final[Mapping[str, Role]] = {"FLUX_READ_TOKEN": "read", "FLUX_OPERATE_TOKEN": "operate"}
"""The environment variables that give a token each, and its role."""
SHORTEST: Final = 16
"""Characters of a token, at least."""
PLATFORM: Final = "platform"
"""The value of `control=` that leaves it to the platform to let nobody in who may not operate."""
SAFE: Final = ("GET", "HEAD")
"""Methods that change nothing."""
OTHER_SITES: Final = ("cross-site", "same-site")
"""What a browser says in `Sec-Fetch-Site` of a page that is not this server's own: https://www.w3.org/TR/fetch-metadata/"""


class Access:
    """Tokens, and the role of each.

    Args:
        tokens: `"read"` or `"operate"` by token. With none only trusted requests are served.

    Raises:
        InvalidInput: a token is too short, or cannot be sent; a role is none.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        given: object = tokens
        if not isinstance(given, Mapping):
            raise InvalidInput(
                'expected roles by token, as in {"...": "read"}; this is something else', path="tokens"
            )
        for token, role in tokens.items():
            _check(token, role)
        self._digests = [(_digest(token), role) for token, role in tokens.items()]

    @property
    def has_tokens(self) -> bool:
        """Whether there is any."""
        return bool(self._digests)

    def role(self, request: Request, headers: Mapping[str, str]) -> tuple[str | None, bool]:
        """Return the role of who sends a request, and whether a token says so.

        Args:
            request: what is asked.
            headers: its headers, their names in lower case.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        known = self._role_of(token.strip()) if scheme.lower() == "bearer" else None
        if known is None and request.trusted:
            return ROLES[-1], False
        return known, known is not None

    def check(self, request: Request, headers: Mapping[str, str], needed: Role) -> None:
        """Do nothing if the sender of a request has the role, and no page of another site made a browser send it.

        Raises:
            Refused: with status 401 or 403.
        """
        role, by_token = self.role(request, headers)
        if role is None:
            raise Refused(UNAUTHORIZED, self._wanted(headers), headers={"WWW-Authenticate": "Bearer"})
        if ROLES.index(role) < ROLES.index(needed):
            raise Refused(FORBIDDEN, f"the token's role is {role!r}, and this needs {needed!r}")
        if by_token:
            return
        if request.method not in SAFE and _is_foreign(headers):
            raise Refused(
                FOREIGN_ORIGIN,
                "a page of another origin may not act here; send a token, or open this server's own",
            )
        if _is_embedded(headers):
            raise Refused(
                FOREIGN_ORIGIN,
                "a page of another origin may not look here, but link here; send a token, or open this server's own",
            )

    def _role_of(self, token: str) -> str | None:
        """Return the role of a token, compared with all of them in a time that tells nothing."""
        from hmac import compare_digest  # loading it costs as much as a request

        given, role = _digest(token), None
        for digest, its_role in self._digests:
            if compare_digest(given, digest):
                role = its_role
        return role

    def _wanted(self, headers: Mapping[str, str]) -> str:
        if not self._digests:
            return (
                "no token is set where this is served, so that nobody is let in from here; set"
                f" {' or '.join(VARIABLES)} there"
            )
        if "authorization" in headers:
            return "this is not a token that is known here; send Authorization: Bearer and one that is"
        return "there is no token; send it as Authorization: Bearer TOKEN"


def access_of(control: bool | str, tokens: Mapping[str, str] | None) -> Access | None:  # noqa: FBT001 (as users give it)
    """Return who is let in by a front's `control=` and `tokens=`; None if the API is not served.

    Args:
        control: False serves no API; True serves it to who has a token; `"platform"` serves it also to everybody whom
            the platform lets in.
        tokens: `"read"` or `"operate"` by token; None takes those of the environment, `FLUX_READ_TOKEN` and
            `FLUX_OPERATE_TOKEN`.

    Raises:
        InvalidInput: nothing says who is let in; `control` is none of these; a token cannot be taken.
    """
    if control is False:
        return None
    if control is not True and control != PLATFORM:
        raise InvalidInput(f'expected True, False or "{PLATFORM}", got {control!r}', path="control")
    given = _from_environment() if tokens is None else tokens
    if control is True and not given:
        raise InvalidInput(
            f"nothing says who may look and act: set {' or '.join(VARIABLES)} in the environment, give"
            f' tokens={{"...": "operate"}}, or say control="{PLATFORM}" if the platform lets nobody else in',
            path="control",
        )
    return Access(given)


def _from_environment() -> dict[str, str]:
    tokens: dict[str, str] = {}
    for variable, role in VARIABLES.items():
        if token := os.environ.get(variable, "").strip():
            if token in tokens:
                raise InvalidInput(f"{' and '.join(VARIABLES)} are the same token; each role needs its own")
            tokens[token] = role
            _check(token, role, variable)
    return tokens


def _check(token: object, role: object, path: str = "tokens") -> None:
    """Do nothing if they are a token and a role; an error does not show the token."""
    if role not in ROLES:
        raise InvalidInput(f"expected the role {' or '.join(map(repr, ROLES))}, got {role!r}", path=path)
    if not isinstance(token, str) or len(token) < SHORTEST:
        raise InvalidInput(f"a token has {SHORTEST} characters or more", path=path)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput("a token is of printable ASCII characters without a space", path=path)


def _digest(token: str) -> bytes:
    from hashlib import sha256  # loading it costs as much as a request

    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _is_embedded(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site has its browser load this, or hold it open, instead of going there."""
    return (
        headers.get("sec-fetch-site", "") in OTHER_SITES and headers.get("sec-fetch-mode", "") != "navigate"
    )


def _is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another origin sends this; other clients say nothing of it."""
    if headers.get("sec-fetch-site", "") in OTHER_SITES:
        return True
    if "origin" not in headers:
        return False
    _, _, sender = headers["origin"].partition("://")
    return not sender or sender.lower() != headers.get("host", "").lower()

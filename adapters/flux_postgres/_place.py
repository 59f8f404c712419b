"""Where a database is, as a URL and the environment say it, and what libpq is told beside."""

from __future__ import annotations

from shlex import quote
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import Identifier

from flux_core import InvalidInput

UNLESS_GIVEN: Final[dict[str, Any]] = {
    "connect_timeout": 10,  # seconds, a host
    "fallback_application_name": "flux",
    # A peer that is gone without a word is found out within a minute, not within libpq's two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
UNKNOWN_OPTION: Final = "invalid URI query parameter"


class Place(NamedTuple):
    """A schema in a database, and how to get there."""

    schema: str
    database: str
    host: str
    """Empty for the local socket."""
    port: str
    user: str
    parameters: dict[str, Any]
    """What libpq connects with; the password may be among it."""

    def __str__(self) -> str:
        return f"the database {self.database!r} on {self.host or 'the local socket'}:{self.port}"

    @property
    def shell(self) -> str:
        """The server, as PostgreSQL's programs take it."""
        host = f"-h {quote(self.host)} " if self.host else ""
        return f"{host}-p {quote(self.port)}"

    @property
    def shell_database(self) -> str:
        """The database, as a shell takes it."""
        return quote(self.database)

    @property
    def shell_user(self) -> str:
        """The role, as a shell takes it."""
        return quote(self.user)

    @property
    def sql_database(self) -> str:
        """The database, as SQL takes it."""
        return Identifier(self.database).as_string(None)

    @property
    def sql_user(self) -> str:
        """The role, as SQL takes it."""
        return Identifier(self.user).as_string(None)


def place(url: str, *, schema: str, statement_timeout: float) -> Place:
    """Return the place that the URL and the environment name.

    Raises:
        InvalidInput: libpq cannot read the URL. What it says is told only if it cannot hold part of a password.
    """
    given = _read(url)
    known = {option.keyword.decode(): option.val for option in pq.Conninfo.get_defaults() if option.val}
    for name, value in UNLESS_GIVEN.items():
        if name not in known:
            given.setdefault(name, value)
    if statement_timeout:
        options = given.get("options", known.get("options", b"").decode())
        given["options"] = f"-c statement_timeout={statement_timeout * 1000:.0f} {options}".rstrip()
    given["client_encoding"] = "utf8"
    told = {name: value.decode() for name, value in known.items()} | given
    user = told.get("user", "")
    host = told.get("host") or told.get("hostaddr", "")
    return Place(schema, told.get("dbname") or user, host, told.get("port", "5432"), user, given)


def _read(url: str) -> dict[str, Any]:
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        told = str(error).strip()
        # Behind a "/" and a "?" that belong to a password, its rest is taken for an option.
        is_option = told.startswith(UNKNOWN_OPTION) and "@" not in url.partition("?")[2]
        reason = f": {told}" if is_option else ""
        raise InvalidInput(
            f"the URL of the database cannot be read{reason}; it is like postgresql://user@host:5432/database,"
            " with special characters percent-encoded",
            path="url",
        ) from None
    # libpq reads a password with a "/" or "@" in it as a port, a host or a database, and would print it as such.
    port = given.get("port", "")
    if any("@" in str(given.get(name, "")) for name in ("host", "dbname")) or not _are_ports(str(port)):
        raise InvalidInput(
            "the URL of the database has a special character in its user or password; percent-encode it: %40 for @,"
            " %2F for /, %3A for :",
            path="url",
        )
    return dict(given)


def _are_ports(text: str) -> bool:
    return all(port.isdecimal() for port in text.split(",") if port)

"""What the errors of PostgreSQL mean: which of them pass, and what to do about the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from flux_core import InvalidInput, StoreError, StoreNotFound

if TYPE_CHECKING:
    from flux_core import FluxError
    from flux_postgres._place import Place

ROLLED_BACK: Final = frozenset({"40001", "40P01"})
CONNECTION_LOST: Final = ("08", "57P")
READ_ONLY: Final = "25006"

MAKE_IT: Final = "make it with: createdb {place.shell} -U {place.shell_user} {place.shell_database}"
IS_IT_THERE: Final = "see that a server runs there, and that this machine gets through to it"
GIVE_IT: Final = "give the password in the variable PGPASSWORD, in ~/.pgpass or in the URL"
SSL: Final = "see sslmode and sslrootcert in PostgreSQL's documents, and what the server offers"
CONNECTING: Final = (
    # The first that fits is meant: a role is named in most of them.
    ("pg_hba.conf", "let the role in by the server's pg_hba.conf, or ask for SSL: sslmode=require"),
    ("password authentication failed", GIVE_IT),
    ("no password supplied", GIVE_IT),
    ("authentication failed", "name another role, or let this one in by the server's pg_hba.conf"),
    (
        "permission denied for database",
        "its owner allows it: GRANT CONNECT ON DATABASE {place.sql_database} TO {place.sql_user}",
    ),
    ("too many clients", "give each process fewer `connections`, the server more, or put a pooler between"),
    ("connection slots", "give each process fewer `connections`, the server more, or put a pooler between"),
    ("too many connections", "give each process fewer `connections`, the role or the database more"),
    ("unsupported startup parameter", "a pooler takes no time-out for statements: say statement_timeout=0"),
    ("starting up", "try again in a moment"),
    ("shutting down", "try again in a moment"),
    ("certificate", SSL),
    ("SSL", SSL),
    ("not permitted to log in", "let it: ALTER ROLE {place.sql_user} LOGIN"),
    ("does not exist", "make it with: createuser {place.shell} {place.shell_user}"),
    ("Connection refused", IS_IT_THERE),
    ("No such file", IS_IT_THERE),
    ("timeout expired", IS_IT_THERE),
    ("resolve", IS_IT_THERE),
    ("translate host name", IS_IT_THERE),
)
"""What to do about a connection that was not made, by what is said of it: libpq keeps the server's code to itself."""

TOLD: Final = {
    "22021": "{what} was refused: {message}; make the database with: createdb -E UTF8",
    "22P05": "{what} was refused: {message}; make the database with: createdb -E UTF8",
    READ_ONLY: "{what} was refused, {place} is read-only; name the primary server, or several hosts with"
    " target_session_attrs=read-write",
    "42501": "{what} is not allowed to the role {place.user!r} in {place} ({message}); the tables' owner allows it:"
    ' GRANT USAGE ON SCHEMA "{place.schema}" TO {place.sql_user};'
    ' GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{place.schema}" TO {place.sql_user}',
    "42P01": "{what} was refused, the tables of Flux have gone from {place} ({message}); restore them, or start anew",
    "53100": "{what} was refused, the disk of {place} is full ({message}); make room and try again",
    "57014": "{what} did not end in time in {place} ({message}); see what locks the table, or raise statement_timeout",
}
"""What is said of a statement that was refused, by its code: https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection was lost, so that nobody knows what has become of the statement."""
    code = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (code is None or code.startswith(CONNECTION_LOST))


def passes(error: psycopg.Error) -> bool:
    """Whether the same statement may well succeed at once, on another connection if need be."""
    return is_lost(error) or error.sqlstate in ROLLED_BACK


def refusal(place: Place, what: str, error: psycopg.Error) -> FluxError:
    """Return the error that says what was refused, why, and what to do about it; `what` is an action, and on what."""
    message = _message(place, error)
    if error.sqlstate is None and isinstance(error, psycopg.DataError):
        return InvalidInput(f"{what} was refused, ids, names and tags are text without NUL ({message})")
    if is_lost(error):
        return StoreError(f"{what} got no answer, the connection to {place} was lost ({message}); try again")
    told = TOLD.get(error.sqlstate or "", "{what} was refused by {place}: {message}")
    return StoreError(told.format(what=what, place=place, message=message))


def not_connected(place: Place, error: psycopg.Error) -> StoreError:
    """Return the error that says why there is no connection, and what to do about it."""
    message = _message(place, error)
    if f'database "{place.database}" does not exist' in message:
        there_is_none = (
            f"there is no database {place.database!r} on {place.host or 'the local socket'}:{place.port}"
        )
        return StoreNotFound(f"{there_is_none}; {MAKE_IT.format(place=place)}")
    advice = next((advice for said, advice in CONNECTING if said in message), "see what it says")
    told = f"the role {place.user!r} gets no connection to {place}; {advice.format(place=place)}"
    return StoreError(f"{told} ({message})")


def _message(place: Place, error: psycopg.Error) -> str:
    message = " ".join((error.diag.message_primary or str(error)).split())
    password = place.parameters.get("password")
    return message.replace(password, "***") if password else message

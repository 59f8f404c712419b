"""What is said when there is no database, no access or no right, and what to do about it."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from flux_core import InvalidInput, StoreError, StoreNotFound
from flux_core.storage import Query
from flux_core.testing._storage_find import RUN
from flux_postgres import PostgreSQLStorage
from flux_postgres._place import place
from flux_postgres._refusals import not_connected

from services.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.postgres import PostgreSQL

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def role(admin: psycopg.Connection[Any]) -> Iterator[Callable[[str], None]]:
    """Makes roles that may log in, and nothing else; they are gone in the end."""
    made: list[psycopg.sql.Identifier] = []

    def role(name: str) -> None:
        made.append(psycopg.sql.Identifier(name))
        admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(made[-1]))

    yield role
    for name in made:
        admin.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(name))
        admin.execute(psycopg.sql.SQL("DROP ROLE {}").format(name))


def told(url: str, **options: Any) -> str:
    """Return what is said by the store at the URL when it is asked for a run."""
    with closing(PostgreSQLStorage(url, **options)) as storage, pytest.raises(StoreError) as caught:
        storage.load("order-1")
    return str(caught.value)


def test_a_missing_database_is_not_found(server: PostgreSQL) -> None:
    """A database that is not there is a store that is not there, and how to make it is said."""
    with (
        closing(PostgreSQLStorage(server.url("or{d}ers"))) as storage,
        pytest.raises(StoreNotFound) as caught,
    ):
        storage.find(Query())
    assert str(caught.value) == (
        f"there is no database 'or{{d}}ers' on 127.0.0.1:{server.port};"
        f" make it with: createdb -h 127.0.0.1 -p {server.port} -U flux 'or{{d}}ers'"
    )


def test_a_server_that_is_not_there_is_told() -> None:
    """A port where nobody listens is named."""
    port = free_port()
    said = told(f"postgresql://flux@127.0.0.1:{port}/orders")
    assert f"to the database 'orders' on 127.0.0.1:{port}; see that a server runs there" in said
    assert "Connection refused" in said


def test_a_missing_socket_is_told(server: PostgreSQL) -> None:
    """A socket that is not there is a server that is not there."""
    assert "see that a server runs there" in told(f"host=/nowhere port={server.port} user=flux")


def test_a_wrong_password_is_told_and_not_shown(server: PostgreSQL, role: Callable[[str], None]) -> None:
    """Where to put the password is said; what was given is not."""
    role("guarded")
    said = told(f"postgresql://guarded:wr0ng-one@127.0.0.1:{server.port}/postgres")
    assert "the role 'guarded' gets no connection" in said
    assert "give the password in the variable PGPASSWORD" in said
    assert "wr0ng" not in said


def test_a_missing_password_is_told(server: PostgreSQL, role: Callable[[str], None]) -> None:
    """A server that asks for a password, and is given none, is told of like one that is given a wrong one."""
    role("guarded")
    assert "give the password in the variable PGPASSWORD" in told(server.url(user="guarded"))


def test_the_right_password_opens(server: PostgreSQL, role: Callable[[str], None]) -> None:
    """With its password the role gets in, and is refused what it may not do."""
    role("guarded")
    said = told(f"postgresql://guarded:secret@127.0.0.1:{server.port}/postgres")
    assert "may not make the tables" in said


def test_a_missing_role_is_told(server: PostgreSQL) -> None:
    """How to make the role is said."""
    said = told(server.url(user="stranger"))
    assert f"make it with: createuser -h 127.0.0.1 -p {server.port} stranger" in said


def test_a_role_that_is_not_let_in_is_told(server: PostgreSQL, role: Callable[[str], None]) -> None:
    """What keeps a role out stands in the server's pg_hba.conf."""
    role("forbidden")
    assert "let the role in by the server's pg_hba.conf" in told(server.url(user="forbidden"))


def test_a_missing_ssl_is_told(server: PostgreSQL) -> None:
    """A server without SSL, where the URL asks for it, is told of as such."""
    assert "see sslmode and sslrootcert" in told(server.url() + "?sslmode=require")


def test_a_full_server_is_told(
    server: PostgreSQL, role: Callable[[str], None], admin: psycopg.Connection[Any]
) -> None:
    """Too many connections are a matter of the server and of `connections`."""
    role("lonely")
    admin.execute("ALTER ROLE lonely CONNECTION LIMIT 1")
    with closing(psycopg.connect(server.url(user="lonely"))):
        assert "give each process fewer `connections`" in told(server.url(user="lonely"))


def test_an_unknown_reason_is_repeated() -> None:
    """What is said in words that are not known is passed on, without the password."""
    where = place("postgresql://me:pw99@db/orders", schema="flux", statement_timeout=0)
    said = str(not_connected(where, psycopg.OperationalError("der Server\n mag pw99 nicht")))
    assert said.endswith(
        "gets no connection to the database 'orders' on db:5432; see what it says (der Server mag *** nicht)"
    )


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ('role "me" is not permitted to log in', 'let it: ALTER ROLE "me" LOGIN'),
        ('role "me" does not exist', "make it with: createuser -p 5432 me"),
        ('Peer authentication failed for user "me"', "name another role"),
        ('permission denied for database "orders"', 'GRANT CONNECT ON DATABASE "orders" TO "me"'),
        ("sorry, too many clients already", "give each process fewer `connections`"),
        ("remaining connection slots are reserved for superusers", "give each process fewer `connections`"),
        ("unsupported startup parameter: options", "statement_timeout=0"),
        ("the database system is starting up", "try again in a moment"),
        ("the database system is shutting down", "try again in a moment"),
        ("SSL error: certificate verify failed", "see sslmode and sslrootcert"),
        ("failed to resolve host 'db.invalid'", "see that a server runs there"),
        ("connection timeout expired", "see that a server runs there"),
    ],
)
def test_each_reason_has_its_advice(message: str, advice: str) -> None:
    """What cannot be brought about here is told by the words in which PostgreSQL, psycopg and PgBouncer say it."""
    where = place("postgresql://me@/orders", schema="flux", statement_timeout=0)
    said = str(not_connected(where, psycopg.OperationalError(f"connection failed: FATAL:  {message}")))
    assert said.startswith(
        "the role 'me' gets no connection to the database 'orders' on the local socket:5432; "
    )
    assert advice in said


def test_a_server_that_does_not_answer_is_told() -> None:
    """A connection that is taken and never answered is given up after the time that the URL says."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = told(
            f"postgresql://flux@127.0.0.1:{silent.getsockname()[1]}/orders?connect_timeout=2&sslmode=disable"
        )
    assert "see that a server runs there" in said


def test_a_server_that_takes_no_tables_is_told(server: PostgreSQL) -> None:
    """A standby without tables cannot be given any."""
    url = server.url() + "?options=-c%20default_transaction_read_only%3Don"
    assert "making the tables of Flux in the schema 'not_there' was refused" in told(url, schema="not_there")


def test_a_role_that_may_not_make_tables_is_told(server: PostgreSQL, role: Callable[[str], None]) -> None:
    """Who may is asked to, or to allow it."""
    role("lesser")
    said = told(server.url(user="lesser"), schema="not_there")
    assert "the role 'lesser' may not make the tables of Flux in the schema 'not_there'" in said
    assert 'GRANT CREATE ON DATABASE "postgres" TO "lesser"' in said


def test_a_role_without_rights_on_the_tables_is_told_which(
    opened: Callable[..., PostgreSQLStorage],
    server: PostgreSQL,
    role: Callable[[str], None],
    admin: psycopg.Connection[Any],
) -> None:
    """The statements that are told give the role what it lacks, and nothing more is needed."""
    role("lesser@shop.iam")
    schema = opened().schema
    opened().create(RUN)
    said = told(server.url(user="lesser%40shop.iam"), schema=schema)
    grants = said.partition("allows it: ")[2].split("; ")
    assert [grant.partition(" ON ")[0] for grant in grants] == [
        "GRANT USAGE",
        "GRANT SELECT, INSERT, UPDATE, DELETE",
    ]
    for grant in grants:
        admin.execute(grant.encode())
    with closing(PostgreSQLStorage(server.url(user="lesser%40shop.iam"), schema=schema)) as lesser:
        lesser.save(RUN._replace(revision=2), replaces=1)
        lesser.put_blob(RUN.id, "key", b"value")
        lesser.delete(RUN.id)
        assert lesser.load(RUN.id) is None


def test_a_role_that_may_only_read_reads(
    opened: Callable[..., PostgreSQLStorage],
    server: PostgreSQL,
    role: Callable[[str], None],
    admin: psycopg.Connection[Any],
) -> None:
    """A role for looking finds runs; its writes are refused."""
    role("reader")
    schema = opened().schema
    opened().create(RUN)
    admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader".encode())
    admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader".encode())
    with closing(PostgreSQLStorage(server.url(user="reader"), schema=schema)) as reader:
        assert reader.load(RUN.id) == RUN
        with pytest.raises(StoreError, match=r"deleting run 'order-1' is not allowed to the role 'reader'"):
            reader.delete(RUN.id)


def test_a_read_only_server_is_told(opened: Callable[..., PostgreSQLStorage], server: PostgreSQL) -> None:
    """A standby takes no writes; the next one is tried on a new connection, for it may have been promoted."""
    opened().create_tables()
    url = server.url() + "?options=-c%20default_transaction_read_only%3Don"
    with closing(PostgreSQLStorage(url, schema=opened().schema)) as standby:
        with pytest.raises(
            StoreError, match=r"creating run 'order-1' was refused.*target_session_attrs=read-write"
        ):
            standby.create(RUN)
        assert standby._pool._idle == []


def test_a_statement_that_takes_too_long_is_told(
    opened: Callable[..., PostgreSQLStorage], server: PostgreSQL
) -> None:
    """A save that waits for another's lock ends after the time-out, and the store goes on."""
    storage = opened(statement_timeout=0.05)
    storage.create(RUN)
    with closing(psycopg.connect(server.url())) as other:
        other.execute(f"LOCK TABLE {storage.schema}.runs".encode())
        with pytest.raises(
            StoreError, match=r"saving run 'order-1' did not end in time.*raise statement_timeout"
        ):
            storage.save(RUN._replace(revision=2), replaces=1)
    assert storage.load(RUN.id) == RUN


@pytest.mark.parametrize("text", ["a\0b", "a\ud83d"])
def test_text_that_postgresql_cannot_keep_is_bad_input(storage: PostgreSQLStorage, text: str) -> None:
    """Half a character and NUL are refused, not stored otherwise."""
    for record in (RUN._replace(id=text), RUN._replace(tags=(text,)), RUN._replace(writer=text)):
        with pytest.raises(InvalidInput, match="ids, names and tags are"):
            storage.create(record)
    assert storage.find(Query()).records == []


def test_another_encoding_is_told(server: PostgreSQL, admin: psycopg.Connection[Any]) -> None:
    """A database that cannot hold all characters says so when it is given one."""
    admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with closing(PostgreSQLStorage(server.url("latin"))) as storage:
        storage.create(RUN._replace(id="Grüße"))
        assert storage.load("Grüße") == RUN._replace(id="Grüße")
        with pytest.raises(StoreError, match=r"creating run '北京' was refused.*createdb -E UTF8"):
            storage.create(RUN._replace(id="北京"))


def test_tables_that_have_gone_are_told(storage: PostgreSQLStorage, admin: psycopg.Connection[Any]) -> None:
    """A store whose tables are dropped under it does not make them again by itself."""
    storage.create(RUN)
    admin.execute(f"DROP SCHEMA {storage.schema} CASCADE".encode())
    with pytest.raises(StoreError, match=r"the tables of Flux have gone"):
        storage.load(RUN.id)


def test_any_other_refusal_is_repeated(storage: PostgreSQLStorage) -> None:
    """What has no words of its own is told in those of PostgreSQL."""
    with pytest.raises(
        StoreError, match=r"saving run 'order-1' was refused by the database.*bigint out of range"
    ):
        storage.save(RUN._replace(revision=2**70), replaces=1)

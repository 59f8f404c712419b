"""What a URL says, and what is said of one that cannot be read; no server is asked."""

from __future__ import annotations

import builtins
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

import flux_postgres
from flux_core import InvalidInput, StoreError
from flux_core.storage import open_storage
from flux_postgres import PostgreSQLStorage
from flux_postgres._storage import LONGEST_TIMEOUT
from flux_postgres._url import open_postgres


def parameters(url: str) -> dict[str, Any]:
    """Return what libpq would be told."""
    storage = open_postgres(url)
    assert isinstance(storage, PostgreSQLStorage)
    return storage._pool.place.parameters


def test_the_package_is_its_store() -> None:
    """The package has one public name."""
    assert flux_postgres.__all__ == ["PostgreSQLStorage"]


def test_psycopg_is_imported_with_the_first_store() -> None:
    """To import the package costs nothing of PostgreSQL's client."""
    program = "import sys, flux_postgres, flux_postgres._url; print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_missing_psycopg_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg it is said what to install."""
    there = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "flux_postgres._place":
            raise ImportError("No module named 'psycopg'")
        return there(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(
        StoreError, match=r"No module named 'psycopg'.*pip install 'flux-serverless\[postgres\]'"
    ):
        PostgreSQLStorage("postgresql://db/orders")


def test_both_schemes_are_postgresql() -> None:
    """`postgres://` is `postgresql://`."""
    assert parameters("postgres://me@db:6432/orders") == parameters("postgresql://me@db:6432/orders")


def test_a_url_names_the_place() -> None:
    """Host, port, database and user are the URL's."""
    told = parameters("postgresql://me:p%40ss@db:6432/orders")
    assert told["password"] == "p@ss"
    assert (told["host"], told["port"], told["dbname"], told["user"]) == ("db", "6432", "orders", "me")


def test_the_environment_says_what_the_url_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty URL is a database too, the one that psql would open."""
    monkeypatch.setenv("PGHOST", "db")
    monkeypatch.setenv("PGDATABASE", "orders")
    monkeypatch.setenv("PGUSER", "me")
    place = PostgreSQLStorage("")._pool.place
    assert str(place) == "the database 'orders' on db:5432"
    assert place.user == "me"


def test_what_nobody_names_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a host it is the socket, without a database the one named like the user."""
    place = PostgreSQLStorage("user=me")._pool.place
    assert str(place) == "the database 'me' on the local socket:5432"


def test_options_of_flux_and_of_postgresql_stand_together() -> None:
    """Options of the store are taken out of the URL, the others go to libpq as they came."""
    storage = open_postgres(
        "postgresql://db/orders?schema=shop&sslmode=require&connections=3&application_name=a%26b&statement_timeout=2.5"
    )
    assert isinstance(storage, PostgreSQLStorage)
    told = storage._pool.place.parameters
    assert storage.schema == "shop"
    assert storage._pool._most == 3
    assert (told["sslmode"], told["application_name"]) == ("require", "a&b")
    assert told["options"] == "-c statement_timeout=2500"


def test_what_is_given_is_not_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs and options of the URL or the environment stand; those of Flux come beside or before them."""
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "3")
    told = parameters("postgresql://db/orders?keepalives_idle=7&options=-c%20statement_timeout%3D1")
    assert "connect_timeout" not in told
    assert told["keepalives_idle"] == "7"
    assert told["options"] == "-c statement_timeout=30000 -c statement_timeout=1"  # the last one counts


def test_options_of_the_environment_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PGOPTIONS says is said beside the time-out."""
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    assert parameters("postgresql://db")["options"] == "-c statement_timeout=30000 -c work_mem=8MB"


def test_a_pooler_is_told_no_options() -> None:
    """Without a time-out for statements nothing is said that a pooler would refuse."""
    assert "options" not in parameters("postgresql://db/orders?statement_timeout=0")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://db/orders?schemas=a", 'invalid URI query parameter: "schemas"'),
        ("postgresql://db/orders?schema=", "schema is empty"),
        ("postgresql://db/orders?connections=many", "connections is a whole number, not 'many'"),
        ("postgresql://db/orders?statement_timeout=1m", "statement_timeout is a number of seconds, not '1m'"),
        ("postgresql://db/orders?schema=a&schema=b", "schema is given twice"),
        ("postgresql://db/orders?schema=pg_a", "no name of a schema"),
        ("postgresql://db/orders?schema=A%22", "no name of a schema"),
        ("postgresql://db/orders?connections=0", "from 1 to 10000"),
        ("postgresql://db/orders?statement_timeout=-1", "0.001 to 2000000 seconds, or 0"),
        ("postgresql://db/orders?statement_timeout=0.0001", "0.001 to 2000000 seconds, or 0"),
        ("postgresql://db/orders?statement_timeout=nan", "0.001 to 2000000 seconds, or 0"),
    ],
)
def test_a_wrong_option_is_told(url: str, said: str) -> None:
    """What is wrong with the option is said, and what it may be."""
    with pytest.raises(InvalidInput) as caught:
        open_postgres(url)
    assert said in str(caught.value)


def test_the_longest_timeout_is_one() -> None:
    """PostgreSQL takes the longest time-out there may be: it has 31 bits of milliseconds."""
    PostgreSQLStorage("", statement_timeout=LONGEST_TIMEOUT)
    assert LONGEST_TIMEOUT * 1000 < 2**31
    with pytest.raises(InvalidInput):
        PostgreSQLStorage("", statement_timeout=LONGEST_TIMEOUT + 1)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hun/ter2@db/orders",
        "postgresql://me:hun@ter2@db/orders",
        "postgresql://me:%hunter2@db/orders",
        "postgresql://me:1/2?hun=ter2@db/orders",
        "host=db password=a hunter2=b",
        "hunter2",
        "host=db password='hunter2",
        "host=db port=hunter2",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """The refusal holds no part of what may be a password."""
    with pytest.raises(InvalidInput) as caught:
        PostgreSQLStorage(url)
    assert "hun" not in str(caught.value)
    assert "ter2" not in str(caught.value)
    assert "percent-encode" in str(caught.value)


def test_a_password_may_hold_a_question_mark() -> None:
    """What stands before the host is no option."""
    told = parameters("postgresql://me:a?b=c&d@db/orders?application_name=shop")
    assert (told["password"], told["host"], told["application_name"]) == ("a?b=c&d", "db", "shop")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_is_opened_by_its_url(scheme: str) -> None:
    """An installed Flux finds the store by either scheme; nothing is connected yet."""
    with closing(open_storage(f"{scheme}://db/orders?schema=shop")) as storage:
        assert isinstance(storage, PostgreSQLStorage)
        assert storage.schema == "shop"

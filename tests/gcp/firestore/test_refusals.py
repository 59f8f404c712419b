"""What a store in Firestore says when it is told something impossible, or is not let in."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import google.auth
import grpc
import pytest
from gcp.firestore.weather import Failure, Network
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError, TransportError

from flux_core import InvalidInput, RunStatus, StoreError, StoreNotFound
from flux_core._invocation import CURRENT, Invocation
from flux_core.storage import Query, Record
from flux_gcp import FirestoreStorage
from flux_gcp._firestore.objects import BucketObjects
from flux_gcp._firestore.url import open_firestore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOWHERE = "127.0.0.1:9"
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")
PLACE = (
    "the collection 'flux-runs' in the database '(default)' of the project 'shop'"
    f" (FIRESTORE_EMULATOR_HOST={NOWHERE})"
)


NOBODY = AnonymousCredentials()  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no emulator, whatever other tests of this process have started."""
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[FirestoreStorage]:
    """A store that reaches nobody, and gives up at once."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", NOWHERE)
    with closing(FirestoreStorage(project="shop", patience=0)) as storage:
        yield storage


def answering(storage: FirestoreStorage, code: grpc.StatusCode, details: str = "injected") -> Network:
    """Have each call answered by an error."""

    def fail(method: str, request: Any) -> None:
        raise Failure(code, details)

    return Network(storage, before=fail)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"collection": ""}, "collection"),
        ({"collection": "orders/o_001/runs"}, "collection"),
        ({"collection": ".."}, "collection"),
        ({"collection": "__runs__"}, "collection"),
        ({"ttl": timedelta(days=13)}, "ttl"),
        ({"ttl": "30d"}, "ttl"),
        ({"patience": -1.0}, "patience"),
        ({"patience": float("nan")}, "patience"),
    ],
)
def test_an_impossible_option_is_named(options: dict[str, Any], path: str) -> None:
    """An option that cannot be taken is refused when the store is made."""
    with pytest.raises(InvalidInput) as caught:
        FirestoreStorage(**options)
    assert caught.value.path == path


def test_a_url_gives_every_option() -> None:
    """Everything that the store can be told may stand in its URL."""
    url = "firestore://shop/orders?database=eu&ttl=30d&patience=2.5&bucket=values"
    storage = open_firestore(url)
    assert repr(storage) == (
        "<FirestoreStorage on the collection 'orders' in the database 'eu' of the project 'shop'>"
    )
    assert isinstance(storage, FirestoreStorage)
    assert storage._ttl == 30 * 86400
    assert storage._service._patience.seconds == 2.5
    assert storage.largest is None


def test_a_url_may_leave_the_project_to_the_environment() -> None:
    """Three slashes, as in a path on this machine."""
    assert repr(open_firestore("firestore:///orders")) == (
        "<FirestoreStorage on the collection 'orders' in the database '(default)' of the environment's project>"
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("firestore://", "firestore://PROJECT/COLLECTION"),
        ("firestore://shop", "firestore://PROJECT/COLLECTION"),
        ("firestore://shop/a/b", "'a/b' is no name of a collection"),
        ("firestore://shop/orders?region=eu", "no option 'region'"),
        ("firestore://shop/orders?ttl=soon", "ttl is a duration such as 30d"),
        ("firestore://shop/orders?bucket=", "bucket is empty"),
    ],
)
def test_an_impossible_url_is_told(url: str, message: str) -> None:
    """A URL that cannot be taken is refused with what is wrong with it."""
    with pytest.raises(InvalidInput, match=message):
        open_firestore(url)


@pytest.mark.parametrize(
    ("module", "options"),
    [("google.cloud.firestore", {}), ("google.cloud.storage", {"bucket": "values"})],
)
def test_a_missing_package_is_told(
    monkeypatch: pytest.MonkeyPatch, module: str, options: dict[str, str]
) -> None:
    """Without Google's libraries, it is said how to install them."""
    for name in [name for name in sys.modules if name.startswith("flux_gcp._firestore.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delattr(f"{module.rpartition('.')[0]}.{module.rpartition('.')[2]}", raising=False)
    from flux_gcp._firestore.storage import FirestoreStorage as Fresh

    with pytest.raises(StoreError, match=r"pip install 'flux-serverless\[gcp\]'"):
        Fresh(**options)  # type: ignore[arg-type]


def test_a_missing_database_is_told(storage: FirestoreStorage) -> None:
    """A database that is not there is told with how it is made."""
    answering(storage, grpc.StatusCode.NOT_FOUND, "The database (default) does not exist for project shop")
    with pytest.raises(StoreNotFound) as caught:
        storage.load(RUN.id)
    assert str(caught.value) == (
        f"datastore.entities.get on {PLACE} found nothing there: 404 The database (default) does not exist for project"
        " shop; make the database by terraform/gcp, or with: gcloud firestore databases create --database='(default)'"
        " --location=REGION"
    )


def test_a_save_into_a_missing_database_is_told(storage: FirestoreStorage) -> None:
    """It is no conflict, though Firestore answers as it does when the run is not there."""
    answering(storage, grpc.StatusCode.NOT_FOUND, "The database (default) does not exist for project shop")
    with pytest.raises(StoreNotFound, match="gcloud firestore databases create"):
        storage.save(RUN._replace(revision=2), replaces=1)


def test_denied_access_names_permission_and_role(storage: FirestoreStorage) -> None:
    """What the account lacks can be granted from the message."""
    answering(storage, grpc.StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.")
    with pytest.raises(StoreError) as caught:
        storage.create(RUN)
    assert str(caught.value) == (
        f"datastore.entities.create on {PLACE} is not allowed; give roles/datastore.user to the account that runs this:"
        " 403 Missing or insufficient permissions"
    )


def test_a_missing_index_is_told(storage: FirestoreStorage) -> None:
    """The link that makes the index is passed on, with what else makes it."""
    link = "https://console.firebase.google.com/v1/r/project/shop/firestore/indexes?create_composite=Ck"
    answering(
        storage,
        grpc.StatusCode.FAILED_PRECONDITION,
        f"The query requires an index. You can create it here: {link}",
    )
    with pytest.raises(StoreError, match="needs the two composite indexes") as caught:
        storage.find(Query())
    assert link in str(caught.value)
    assert "terraform/gcp" in str(caught.value)


def test_any_other_refusal_is_passed_on(storage: FirestoreStorage) -> None:
    """What the service says of an error that has no better word stands in the message, on one line."""
    answering(storage, grpc.StatusCode.FAILED_PRECONDITION, "not available\n in Datastore Mode")
    with pytest.raises(StoreError, match="was refused: 400 not available in Datastore Mode"):
        storage.find(Query())


def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials anywhere, it is said where some may be given."""
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(StoreError, match="needs valid Google credentials") as caught:
        FirestoreStorage(project="shop", patience=0).load(RUN.id)
    for way in ("GOOGLE_APPLICATION_CREDENTIALS", "gcloud auth application-default login", "service account"):
        assert way in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RefreshError("expired"),  # type: ignore[no-untyped-call]
        Failure(grpc.StatusCode.UNAUTHENTICATED),
    ],
)
def test_credentials_that_are_refused_are_told(storage: FirestoreStorage, error: Exception) -> None:
    """Wrong or expired credentials are told apart from what they lack."""

    def fail(method: str, request: Any) -> None:
        raise error

    Network(storage, before=fail)
    with pytest.raises(StoreError, match="needs valid Google credentials"):
        storage.load(RUN.id)


def test_a_missing_project_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials without a project are not enough, and it is said where one may be named."""
    for name in ("FIRESTORE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(google.auth, "default", lambda **_: (NOBODY, None))
    with pytest.raises(StoreError, match=r"needs a project.*firestore://PROJECT.*GOOGLE_CLOUD_PROJECT"):
        FirestoreStorage(patience=0).load(RUN.id)


def test_an_unreachable_emulator_is_told(storage: FirestoreStorage) -> None:
    """An emulator at which nobody listens is named, with the variable that names it."""
    with pytest.raises(StoreError, match=rf"FIRESTORE_EMULATOR_HOST={NOWHERE}\) has failed for .* 1 times"):
        storage.load(RUN.id)


@pytest.mark.parametrize(
    "error",
    [
        Failure(grpc.StatusCode.UNAVAILABLE),
        Failure(grpc.StatusCode.DEADLINE_EXCEEDED),
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED),
        Failure(grpc.StatusCode.ABORTED),
        Failure(grpc.StatusCode.INTERNAL),
        Failure(grpc.StatusCode.UNKNOWN),
        TransportError("no answer of the metadata server"),  # type: ignore[no-untyped-call]
        ConnectionResetError(),
    ],
)
def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A request that is throttled, contended or fails on its way is made again."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", NOWHERE)
    attempts: list[str] = []

    def fail_once(method: str, request: Any) -> None:
        attempts.append(method)
        raise error if len(attempts) == 1 else Failure(grpc.StatusCode.INVALID_ARGUMENT)

    with closing(FirestoreStorage(project="shop")) as storage:
        Network(storage, before=fail_once)
        with pytest.raises(StoreError, match="was refused: 400"):
            storage.load(RUN.id)
    assert len(attempts) == 2


def test_a_query_that_breaks_off_is_tried_again_by_the_store_alone(storage: FirestoreStorage) -> None:
    """The client does not go on by itself, past the deadline of the invocation."""
    network = answering(storage, grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(StoreError, match="has failed"):
        storage.find(Query())
    assert network.sent == ["RunQuery"]


def test_patience_ends_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store gives up a second before the invocation ends, however patient it is, so that the failure can be told."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", NOWHERE)
    began = time.monotonic()
    token = CURRENT.set(Invocation({}, deadline=began + 1.5))
    try:
        with (
            closing(FirestoreStorage(project="shop", patience=60.0)) as storage,
            pytest.raises(StoreError, match="has failed"),
        ):
            storage.load(RUN.id)
    finally:
        CURRENT.reset(token)
    assert time.monotonic() - began < 1.5


def test_a_query_ends_with_the_invocation(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that says nothing is not waited for until the function is killed."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", silent)
    with closing(FirestoreStorage(project="shop")) as storage:
        assert seconds_to_fail(lambda: storage.find(Query())) < 2


def test_a_request_for_an_object_ends_with_the_invocation(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with Cloud Storage."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{silent}")
    with closing(BucketObjects("values", patience=10.0)) as objects:
        assert seconds_to_fail(lambda: objects.get(RUN.id, "key")) < 2


def seconds_to_fail(request: Callable[[], object]) -> float:
    """Make a request in an invocation that ends in 0.7 s, and return after how many seconds it has failed."""
    began = time.monotonic()
    token = CURRENT.set(Invocation({}, deadline=began + 0.7))
    with pytest.raises(StoreError, match="has failed"):
        request()
    CURRENT.reset(token)
    return time.monotonic() - began


def test_a_store_that_was_not_used_can_be_closed() -> None:
    """There is nothing to close, and no project is asked for."""
    FirestoreStorage(bucket="values").close()

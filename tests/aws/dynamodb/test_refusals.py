"""What a store in DynamoDB says when it is told something impossible, or is not let in."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws.dynamodb.conftest import item_at
from aws.dynamodb.weather import Network, answered, answers

from flux_aws import DynamoDBStorage
from flux_aws._dynamodb.url import open_dynamodb
from flux_core import InvalidInput, RunExists, RunStatus, StoreError, StoreNotFound
from flux_core._invocation import CURRENT, Invocation
from flux_core.storage import Query, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOWHERE = "http://127.0.0.1:9"
RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")


@pytest.fixture
def storage(quick_clients: None) -> Iterator[DynamoDBStorage]:
    """A store that reaches nobody, and gives up at once."""
    with closing(DynamoDBStorage("orders", endpoint=NOWHERE, patience=0)) as storage:
        yield storage


def refused(storage: DynamoDBStorage, code: str, message: str = "injected", status: int = 400) -> str:
    """Return what is said when the service answers a read with an error."""
    Network(storage, before=lambda request: answers(status, code, message))
    with pytest.raises(StoreError) as caught:
        storage.load("order-1")
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"table": ""}, "table"),
        ({"table": "my table"}, "table"),
        ({"table": "ab"}, "table"),
        ({"ttl": timedelta(days=13)}, "ttl"),
        ({"ttl": 14 * 86400 - 1}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"ttl": "30d"}, "ttl"),
        ({"ttl": float("inf")}, "ttl"),
        ({"shards": 0}, "shards"),
        ({"shards": 257}, "shards"),
        ({"shards": 2.5}, "shards"),
        ({"patience": -1.0}, "patience"),
        ({"patience": float("nan")}, "patience"),
        ({"endpoint": "not a url"}, "endpoint"),
        ({"region": "no region"}, "region"),
    ],
)
def test_an_impossible_option_is_named(options: dict[str, Any], path: str) -> None:
    """An option that cannot be taken is refused when the store is made."""
    with pytest.raises(InvalidInput) as caught:
        DynamoDBStorage(**{"table": "orders", **options})
    assert caught.value.path == path


def test_a_missing_region_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region anywhere, it is said where one may be given."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(InvalidInput, match=r"no AWS region is known; give region= .* or set AWS_REGION"):
        DynamoDBStorage("orders")


def test_the_region_of_the_function_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWS_REGION`, which Lambda sets, is enough."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with closing(DynamoDBStorage("orders")) as storage:
        assert storage._requests.place.endpoint == "https://dynamodb.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_the_endpoint_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A local AWS is named by one variable, for everything."""
    monkeypatch.setenv(variable, "http://127.0.0.1:4566")
    with closing(DynamoDBStorage("orders")) as storage:
        assert storage._requests.place.endpoint == "http://127.0.0.1:4566"


def test_a_url_gives_every_option() -> None:
    """Everything that the store can be told may stand in its URL."""
    url = f"dynamodb://orders?region=eu-west-1&endpoint={NOWHERE}&bucket=values&ttl=30d&shards=4&patience=2.5"
    storage = open_dynamodb(url)
    assert isinstance(storage, DynamoDBStorage)
    with closing(storage):
        assert storage.table == "orders"
        assert storage._requests.place == ("orders", "eu-west-1", NOWHERE)
        assert storage._ttl == timedelta(days=30).total_seconds()
        assert (storage._requests.patience.seconds, storage._blobs._objects is None) == (2.5, False)


@pytest.mark.parametrize("ttl", ["2592000", "720h", "30d", "43200m", "2592000s"])
def test_a_ttl_has_a_unit(ttl: str) -> None:
    """A duration in a URL is a number with a unit, or one of seconds."""
    with closing(open_dynamodb(f"dynamodb://orders?ttl={ttl}")) as storage:
        assert isinstance(storage, DynamoDBStorage)
        assert storage._ttl == 2_592_000


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("dynamodb://", "table: '' is no name of a table"),
        ("dynamodb://orders/2", "table: 'orders/2' is no name of a table"),
        (
            "dynamodb://orders?regoin=eu-west-1",
            "url: dynamodb has no option 'regoin'; known: region, endpoint",
        ),
        ("dynamodb://orders?region=", "url: region is empty"),
        ("dynamodb://orders?shards=4&shards=5", "url: shards is given twice"),
        ("dynamodb://orders?shards=many", "url: shards is a whole number, not 'many'"),
        ("dynamodb://orders?patience=long", "url: patience is a number of seconds, not 'long'"),
        ("dynamodb://orders?ttl=", "url: ttl is a duration such as 30d or 720h, not ''"),
        ("dynamodb://orders?ttl=month", "url: ttl is a duration such as 30d or 720h, not 'month'"),
        ("dynamodb://orders?ttl=7d", "ttl: is at least 14 days"),
    ],
)
def test_an_impossible_url_is_told(url: str, message: str) -> None:
    """A URL that cannot be taken is refused with what is wrong with it."""
    with pytest.raises(InvalidInput) as caught:
        open_dynamodb(url)
    assert message in str(caught.value)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PynamoDB, it is said how to install it."""
    monkeypatch.setitem(sys.modules, "flux_aws._dynamodb.requests", None)
    with pytest.raises(StoreError, match=r"pip install 'flux-serverless\[aws\]'"):
        DynamoDBStorage("orders")


@pytest.mark.xdist_group("dynamodb-local")
def test_a_missing_table_is_told(server: Any, quick_clients: None) -> None:
    """A table that is not there is named, with its region and with how it is made, in words to be pasted."""
    with (
        closing(DynamoDBStorage("orders", endpoint=server.endpoint)) as storage,
        pytest.raises(StoreNotFound) as caught,
    ):
        storage.create(RUN)
    assert f"there is no table 'orders' in us-east-1 ({server.endpoint})" in str(caught.value)
    maker = f"DynamoDBStorage('orders', region='us-east-1', endpoint='{server.endpoint}')"
    assert f"{maker}.create_table()" in str(caught.value)


def test_a_store_shows_where_it_is() -> None:
    """In a log it is no address in memory; an ARN says the region."""
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
    with closing(DynamoDBStorage(arn)) as storage:
        assert repr(storage) == (
            f"<DynamoDBStorage on the table '{arn}' in eu-west-1 (https://dynamodb.eu-west-1.amazonaws.com)>"
        )
        assert storage._requests.place.storage == f"flux_aws.DynamoDBStorage('{arn}', region='eu-west-1')"


@pytest.mark.xdist_group("dynamodb-local")
def test_a_table_of_something_else_is_told(opened: Callable[..., DynamoDBStorage]) -> None:
    """A table with other keys, or without an index, is told from one of Flux."""
    storage = opened()
    storage._requests.send("DeleteTable", {})
    other = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    storage._requests.send("CreateTable", other)
    for call in (
        lambda: storage.load("order-1"),
        lambda: storage.create(RUN),
        lambda: storage.find(Query()),
        lambda: storage.find(Query(wake_before=1.0)),
    ):
        with pytest.raises(StoreError, match="a table of Flux has the keys `id` and `sk` and the indexes"):
            call()


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        (lambda storage: storage.load("order-1"), "dynamodb:GetItem"),
        (lambda storage: storage.create(RUN), "dynamodb:PutItem"),
        (lambda storage: storage.find(Query(workflow="order")), "dynamodb:Query"),
        (lambda storage: storage.find(Query()), "dynamodb:Scan"),
        (lambda storage: storage.create_table(), "dynamodb:DescribeTable"),
    ],
)
def test_denied_access_names_the_permission(
    storage: DynamoDBStorage, call: Callable[[DynamoDBStorage], object], permission: str
) -> None:
    """A request that is not allowed is told with the action to allow, on which table, and who was refused."""
    Network(storage, before=lambda request: answers(400, "AccessDeniedException", "User: arn:aws:x is not"))
    with pytest.raises(StoreError) as caught:
        call(storage)
    told = f"{permission} on the table 'orders' in us-east-1 ({NOWHERE}) is not allowed; allow it to"
    assert told in str(caught.value)
    assert "User: arn:aws:x is not" in str(caught.value)


def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials anywhere, it is said where some may be given."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with closing(DynamoDBStorage("orders", endpoint=NOWHERE)) as storage, pytest.raises(StoreError) as caught:
        storage.load("order-1")
    assert "needs valid AWS credentials: Unable to locate credentials; set AWS_PROFILE" in str(caught.value)


@pytest.mark.parametrize(
    "code", ["UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"]
)
def test_credentials_that_are_refused_are_told(storage: DynamoDBStorage, code: str) -> None:
    """Wrong or expired credentials are told apart from what they lack."""
    told = refused(storage, code, "The security token included in the request is invalid")
    assert "needs valid AWS credentials: The security token included in the request is invalid" in told


def test_an_unreachable_endpoint_is_told(storage: DynamoDBStorage) -> None:
    """An endpoint at which nobody listens is named, with how often it was tried."""
    with pytest.raises(StoreError) as caught:
        storage.load("order-1")
    assert f"dynamodb:GetItem on the table 'orders' in us-east-1 ({NOWHERE}) has failed" in str(caught.value)
    assert " s, 1 times" in str(caught.value)
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:9/"' in str(caught.value)


def test_an_endpoint_of_another_kind_is_told(storage: DynamoDBStorage) -> None:
    """A server that does not speak as DynamoDB does is no DynamoDB."""
    Network(storage, before=lambda request: answered(200, "text/html", b"<html>Hello</html>"))
    with pytest.raises(StoreError, match=r"GetItem on .* got no answer of AWS; is the endpoint right"):
        storage.load("order-1")
    with pytest.raises(StoreError, match=r"PutItem on .* got no answer of AWS; is the endpoint right"):
        storage.create(RUN)


def test_any_other_refusal_is_passed_on(storage: DynamoDBStorage) -> None:
    """What the service says of an error that has no better word stands in the message."""
    told = refused(storage, "KMSAccessDenied", "the key is disabled")
    assert "dynamodb:GetItem on the table 'orders'" in told
    assert "was refused: the key is disabled" in told


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_what_passes_is_tried_again(status: int, code: str, quick_clients: None) -> None:
    """A request that is throttled or fails in the service is made again, as it was."""
    failures = [answers(status, code) for _ in range(3)]
    empty = answers(200, "")
    with closing(DynamoDBStorage("orders", endpoint=NOWHERE)) as storage:
        network = Network(storage, before=lambda request: failures.pop() if failures else empty)
        assert storage.load("order-1") is None
    assert network.sent == ["GetItem"] * 4


def test_what_does_not_pass_is_not_tried_again(quick_clients: None) -> None:
    """A refused request is made once."""
    with closing(DynamoDBStorage("orders", endpoint=NOWHERE)) as storage:
        network = Network(storage, before=lambda request: answers(400, "AccessDeniedException"))
        with pytest.raises(StoreError):
            storage.load("order-1")
    assert network.sent == ["GetItem"]


def test_patience_ends_before_the_deadline(quick_clients: None) -> None:
    """A store gives up a second before the invocation ends, however patient it is, so that the failure can be told."""
    began = time.monotonic()
    token = CURRENT.set(Invocation({}, began + 1.5, "request"))
    try:
        with closing(DynamoDBStorage("orders", endpoint=NOWHERE, patience=60)) as storage:
            network = Network(storage, before=lambda request: answers(400, "ThrottlingException"))
            with pytest.raises(StoreError, match="has failed for 0"):
                storage.load("order-1")
    finally:
        CURRENT.reset(token)
    assert time.monotonic() - began < 1
    assert network.sent


def test_a_call_without_a_deadline_is_as_patient_as_told(quick_clients: None) -> None:
    """An invocation that says no deadline leaves the patience as it is."""
    token = CURRENT.set(Invocation({}, None, "request"))
    try:
        with closing(DynamoDBStorage("orders", endpoint=NOWHERE, patience=0.3)) as storage:
            network = Network(storage, before=lambda request: answers(400, "ThrottlingException"))
            with pytest.raises(StoreError, match=r"[2-9]\d* times"):
                storage.load("order-1")
    finally:
        CURRENT.reset(token)
    assert len(network.sent) > 1


@pytest.mark.xdist_group("dynamodb-local")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": {"N": "2"}}, "run 'order-1' was written by a newer Flux .format 2.*upgrade flux-serverless"),
        ({"v": {"S": "one"}}, "the item of run 'order-1' cannot be read"),
        ({"document": {"B": b"no zlib"}}, "the document of run 'order-1' cannot be read"),
        ({"writer": {"N": "1"}}, "the item of run 'order-1' cannot be read"),
    ],
)
def test_an_item_that_cannot_be_read_is_told(
    opened: Callable[..., DynamoDBStorage], change: dict[str, Any], message: str
) -> None:
    """An item that a newer Flux wrote, or something else, is named; nothing is made up."""
    storage = opened()
    storage.create(RUN)
    item = item_at(storage, "order-1")
    storage._requests.send("PutItem", {"Item": {**item, **change}})
    with pytest.raises(StoreError, match=message):
        storage.load("order-1")
    with pytest.raises(StoreError, match=message):
        storage.create(RUN)


@pytest.mark.xdist_group("dynamodb-local")
def test_a_refusal_without_the_item_is_enough(
    opened: Callable[..., DynamoDBStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service does not give the run that stands there with its refusal, it is read."""
    storage = opened()
    storage.create(RUN)
    send = storage._requests.send

    def ask_for_no_item(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        plain = "ReturnValuesOnConditionCheckFailure"
        return send(operation, {name: value for name, value in arguments.items() if name != plain})

    monkeypatch.setattr(storage._requests, "send", ask_for_no_item)
    with pytest.raises(RunExists) as caught:
        storage.create(RUN)
    assert caught.value.record == RUN


def test_a_run_that_cannot_be_created_nor_found_is_told(storage: DynamoDBStorage) -> None:
    """A service that says that a run is there, and that it is not, is not asked for ever."""

    def contradict(request: Any) -> Any:
        puts = request.headers["X-Amz-Target"].endswith(b"PutItem")
        return answers(400, "ConditionalCheckFailedException") if puts else answers(200, "")

    network = Network(storage, before=contradict)
    with pytest.raises(StoreError, match="run 'order-1' was there 10 times when it was to be created"):
        storage.create(RUN)
    assert network.sent == ["PutItem", "GetItem"] * 10


def test_a_value_that_no_table_takes_is_told(storage: DynamoDBStorage) -> None:
    """Without a bucket a value has a limit: run, size, limit and way out are told, and nothing is written."""
    network = Network(storage)
    with pytest.raises(StoreError) as caught:
        storage.put_blob("order-1", "abc", bytes(10_000_001))
    assert "run 'order-1' has a blob (abc) of 10,000,001 bytes, and the store takes 10,000,000" in str(
        caught.value
    )
    assert "bucket=" in str(caught.value)
    assert network.sent == []

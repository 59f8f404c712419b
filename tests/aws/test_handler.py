"""The handler serves one workflow of an app, names its runs by one rule, and takes no event for what it is not."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from aws import events
from clouds.shop import order_id

import flux_aws
from flux_aws._sources.recognition import SOURCES
from flux_core import App, InvalidInput, InvalidWorkflow, UnknownWorkflow, Workflow
from flux_core.storage import MemoryStorage

if TYPE_CHECKING:
    from clouds.shop import Shop

ONE: Workflow[Any, Any] = Workflow("one").step("step", lambda ctx: 1)
TWO: Workflow[Any, Any] = Workflow("two").step("step", lambda ctx: 2)


def test_the_table_of_contents_is_sorted() -> None:
    """Every name that the package offers is in `__all__`, in order, and is there, imported late or not."""
    offered = [getattr(flux_aws, name) for name in flux_aws.__all__]

    assert flux_aws.__all__ == sorted(flux_aws.__all__)
    assert [thing.__name__ for thing in offered] == flux_aws.__all__


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    """A slip in a name is told as Python tells it."""
    with pytest.raises(AttributeError, match="module 'flux_aws' has no attribute 'Handler'"):
        flux_aws.Handler  # noqa: B018 (the access is what is tested)


def test_importing_it_loads_no_sdk() -> None:
    """What a cold start imports is the engine and the standard library."""
    program = (
        "import sys, flux_core; before = set(sys.modules); import flux_aws;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout

    assert set(output.split()) <= {"flux_aws", "flux_core"}


def test_a_bare_workflow_is_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow alone is enough."""
    monkeypatch.setenv("FLUX_STORE", "memory://")

    assert flux_aws.handler(ONE)({}, None)["status"] == "completed"


@pytest.mark.parametrize("workflow", ["two", TWO])
def test_a_workflow_is_chosen(workflow: str | Workflow[Any, Any]) -> None:
    """Of several workflows the one that is named, or given, is run."""
    app = App([ONE, TWO], MemoryStorage())
    flux_aws.handler(app, workflow=workflow)({}, None)

    assert [run.workflow for run in app.list()] == ["two"]


@pytest.mark.parametrize("workflows", [[], [ONE, TWO]])
def test_a_choice_is_needed(workflows: list[Workflow[Any, Any]]) -> None:
    """Unless the app has one workflow, the handler must be told which."""
    with pytest.raises(InvalidWorkflow, match=r"workflow=\.\.\. or"):
        flux_aws.handler(App(workflows, MemoryStorage()))


def test_an_unknown_workflow_is_refused_at_start() -> None:
    """A name that the app does not have shows at init, not with the first event."""
    with pytest.raises(UnknownWorkflow, match="no workflow 'three'"):
        flux_aws.handler(App([ONE], MemoryStorage()), workflow="three")


def test_another_workflow_of_the_same_name_is_refused() -> None:
    """A workflow that is not the app's own cannot be chosen by its name."""
    with pytest.raises(InvalidWorkflow, match="'one' is not the one"):
        flux_aws.handler(App([ONE], MemoryStorage()), workflow=ONE.step("more", lambda ctx: 1))


def test_one_key_serves_every_source(shop: Shop) -> None:
    """The same order sent directly, through a queue and over HTTP is one run."""
    handler = flux_aws.handler(shop.app(), key=order_id)
    order = {"order_id": "o_1"}

    for event in (
        order,
        events.sqs(events.message(order)),
        events.sns(order),
        events.event_bridge(order),
        events.kinesis(order),
        events.kafka(orders0=[order]),
        events.http_api(order),
        events.rest_api(order),
        events.load_balancer(order),
    ):
        handler(event, events.Context())

    assert shop.charged == ["o_1"]


def test_a_key_that_is_an_id_is_the_id(shop: Shop) -> None:
    """Runs are found under the key that the user gave."""
    answer = flux_aws.handler(shop.app(), key=order_id)({"order_id": "o_1"}, None)

    assert answer["id"] == "o_1"


@pytest.mark.parametrize("key", ["a b", "x" * 129, "größe", "a/b", "\ud800"])
def test_a_key_that_is_no_id_is_hashed(shop: Shop, key: str) -> None:
    """A key that is too long, or has other characters, is an id by its SHA-256."""
    handler = flux_aws.handler(shop.app(), key=lambda order: key)
    first, second = handler({"order_id": "o_1"}, None), handler({"order_id": "o_1"}, None)

    assert first["id"] == second["id"]
    assert len(first["id"]) == 64


def test_the_longest_id_is_not_hashed(shop: Shop) -> None:
    """A key of 128 characters is the id as it is."""
    answer = flux_aws.handler(shop.app(), key=lambda order: "x" * 128)({"order_id": "o_1"}, None)

    assert answer["id"] == "x" * 128


@pytest.mark.parametrize(("key", "got"), [("", "an empty str"), (7, "int"), (None, "NoneType")])
def test_a_key_that_is_no_text_is_refused(shop: Shop, key: Any, got: str) -> None:
    """An empty key, or one that is no str, would make one run of many orders."""
    expected = f"^key= returned {got}; return a non-empty str$"
    with pytest.raises(InvalidWorkflow, match=expected):
        flux_aws.handler(shop.app(), key=lambda order: key)({"order_id": "o_1"}, None)


def test_a_key_that_the_input_spoils_is_told_by_the_input(shop: Shop) -> None:
    """When the key is no text because the input is wrong, the error is that of the input."""
    with pytest.raises(InvalidInput, match=r"^order_id: expected str, got int$"):
        flux_aws.handler(shop.app(), key=order_id)({"order_id": 7}, None)


def test_an_input_without_its_key_is_told_what_is_missing(shop: Shop) -> None:
    """When the key cannot be read because the input is wrong, the error is that of the input."""
    with pytest.raises(InvalidInput, match="order_id"):
        flux_aws.handler(shop.app(), key=order_id)({}, None)


def test_a_key_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """When the input has the right shape, the log says what the key raised and where."""
    with pytest.raises(InvalidInput, match=r"^the input lacks what its run is named by$"):
        flux_aws.handler(App([ONE], MemoryStorage()), key=order_id)({}, None)
    assert "key= raised KeyError: 'order_id'" in caplog.text
    assert "in order_id" in caplog.text


@pytest.mark.parametrize("sample", events.SAMPLES)
def test_a_sample_is_of_one_source(sample: str) -> None:
    """What AWS documents as a source's event is recognised by that source, and by no other."""
    expected, event = events.SAMPLES[sample]

    assert [source.name for source in SOURCES if source.recognises(event)] == [expected]


def test_every_source_has_a_sample() -> None:
    """No source is recognised by a shape that nothing has."""
    assert {source.name for source in SOURCES} == {name for name, _ in events.SAMPLES.values()}


@pytest.mark.parametrize("looks_like", events.UNSUPPORTED)
def test_an_event_of_another_service_is_refused(shop: Shop, looks_like: str) -> None:
    """An event of AWS that no source takes is never taken for an input; the error says what it looks like."""
    with pytest.raises(
        InvalidInput,
        match=f"looks like .*{looks_like}.*tried as: an SQS batch, an SNS notification, .*an HTTP",
    ):
        flux_aws.handler(shop.app())(events.UNSUPPORTED[looks_like], None)


@pytest.mark.parametrize(
    "event",
    [
        {"Records": []},
        {"Records": [{"artist": "Nina Simone"}]},
        {"Records": ["Pastel Blues"]},
        {"Records": "all of them"},
        {"source": "shop", "detail": {}},
        {"detail-type": "order", "source": "shop", "detail": {}},
        {"eventSource": "aws:kafka", "records": []},
        {"Records": [{"eventSource": ["aws:sqs"]}]},
        {"flux": "capacitor", "car": "DeLorean"},
        {"body": "{}", "headers": {}},
    ],
)
def test_an_input_that_only_resembles_one_is_an_input(event: dict[str, Any]) -> None:
    """Fields that AWS uses too are an input's to use."""
    assert flux_aws.handler(App([ONE], MemoryStorage()))(event, None)["status"] == "completed"


def test_the_deadline_is_the_platforms(shop: Shop) -> None:
    """A step has the time that Lambda leaves to the invocation."""
    flux_aws.handler(shop.app())({"order_id": "o_1"}, events.Context(remaining=3))

    assert shop.remaining == pytest.approx(3, abs=0.5)


def test_without_a_context_there_is_no_deadline(shop: Shop) -> None:
    """A call from a test or a script, which knows no context, has all the time."""
    flux_aws.handler(shop.app())({"order_id": "o_1"}, None)

    assert shop.remaining == math.inf


@pytest.mark.parametrize("max_body", [0, -1])
def test_a_function_that_takes_no_body_is_refused(max_body: int) -> None:
    """A limit below one byte would refuse every request."""
    with pytest.raises(InvalidInput, match="max_body: expected a number of bytes, at least 1"):
        flux_aws.handler(ONE, max_body=max_body)

"""The whole chain, deployed: orders from everywhere, into runs, charges, logs and metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sam.deployment import order, wait_for

from flux_aws import DynamoDBStorage

if TYPE_CHECKING:
    from sam.deployment import Deployment

    from flux_core import Run

pytestmark = pytest.mark.xdist_group("sam")


def ended(deployment: Deployment, order_id: str) -> Run:
    """Wait for the order's run to end, and return it."""
    wait_for(lambda: (run := deployment.run(order_id)) and run.status.ended, f"the run of {order_id}")
    run = deployment.run(order_id)
    assert run is not None
    return run


def messages(deployment: Deployment, queue: str) -> list[str]:
    """Return the bodies of a queue's messages, which stay in it."""
    answer = deployment.client("sqs").receive_message(
        QueueUrl=deployment.outputs[queue], MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [message["Body"] for message in answer.get("Messages", [])]


def waiting(deployment: Deployment, queue: str) -> int:
    """Return how many messages are in a queue, those that are being handled included."""
    counted = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=counted)
    return sum(int(answer["Attributes"][name]) for name in counted)


def logged(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the JSON lines of the function's log."""
    pages = deployment.client("logs").get_paginator("filter_log_events")
    lines = [
        event["message"]
        for page in pages.paginate(logGroupName=deployment.outputs["LogGroup"])
        for event in page["events"]
    ]
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module", autouse=True)
def slow_orders(deployment: Deployment) -> Any:
    """Send what takes its time: two messages that will be dead, and an order whose function dies.

    Return what came of the latter's invocation.
    """
    for body in (json.dumps(order("o_poison", "outage")), "no JSON"):
        deployment.client("sqs").send_message(QueueUrl=deployment.outputs["OrderQueueUrl"], MessageBody=body)
    return deployment.invoke(order("o_killed", "crash"))


def test_an_order_that_is_posted_is_fulfilled(deployment: Deployment) -> None:
    """The API answers with the run's end, which the table has, and the card was charged once."""
    status, answer = deployment.post(order("o_posted"))
    assert (status, answer["status"], answer["id"]) == (200, "completed", "order-o_posted")
    assert ended(deployment, "o_posted").status == "completed"
    assert deployment.charges("o_posted") == 1


def test_an_order_that_nobody_signed_is_refused(deployment: Deployment) -> None:
    """The API wants to know who sends an order."""
    status, _ = deployment.post(order("o_nobody"), signed=False)
    assert (status, deployment.run("o_nobody")) == (403, None)


def test_an_order_that_comes_twice_through_the_queue_is_charged_once(deployment: Deployment) -> None:
    """Both messages are taken, and are one run."""
    body = json.dumps(order("o_queued"))
    for _ in range(2):
        deployment.client("sqs").send_message(QueueUrl=deployment.outputs["OrderQueueUrl"], MessageBody=body)
    assert ended(deployment, "o_queued").status == "completed"
    queue = deployment.outputs["OrderQueueUrl"]
    wait_for(lambda: not waiting(deployment, queue), "both messages to be taken")
    assert deployment.charges("o_queued") == 1


def test_an_order_from_the_event_bus_is_fulfilled(deployment: Deployment) -> None:
    """What the shop says on the bus is an order."""
    entry = {"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": json.dumps(order("o_event"))}
    deployment.client("events").put_events(Entries=[entry])
    assert ended(deployment, "o_event").status == "completed"
    assert deployment.charges("o_event") == 1


def test_an_order_that_never_works_ends_among_the_dead(deployment: Deployment) -> None:
    """Its message is tried as often as the queue says, then laid aside; its run says what went wrong."""
    wait_for(
        lambda: any("o_poison" in body for body in messages(deployment, "DeadOrdersUrl")), "the dead order"
    )
    run = ended(deployment, "o_poison")
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.message == "the inventory service does not answer"
    lines = [line["flux"] for line in logged(deployment) if "flux" in line]
    begun = [line for line in lines if (line["workflowId"], line["type"]) == (run.id, "step:start")]
    assert len(begun) == 2  # MaxReceives
    assert deployment.charges("o_poison") == 0


def test_a_message_that_is_no_order_ends_among_the_dead(deployment: Deployment) -> None:
    """What is not JSON is laid aside as it came, and has no run."""
    wait_for(lambda: "no JSON" in messages(deployment, "DeadOrdersUrl"), "the dead message")


def test_the_tick_goes_on_with_an_order_whose_function_was_killed(
    deployment: Deployment, slow_orders: Any
) -> None:
    """The process ended inside `reserve`; once its lease is over the schedule's tick takes the run to its end."""
    _, failure = slow_orders
    assert failure is not None
    run = ended(deployment, "o_killed")
    assert run.status == "completed"
    assert [(record.name, record.attempts) for record in run.history] == [
        ("validate", 1),
        ("charge", 1),
        ("reserve", 2),
        ("notify", 1),
    ]
    assert deployment.charges("o_killed") == 1


def test_a_message_in_the_wake_queue_is_a_command(deployment: Deployment) -> None:
    """The function knows its own queue, and deletes a wake-up that it has served; as an order it would come back."""
    deployment.post(order("o_woken"))
    queue = deployment.resource("WakeQueue")
    command = {"flux": {"action": "wake", "id": "order-o_woken"}}
    deployment.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(command))
    wait_for(lambda: not waiting(deployment, queue), "the wake-up to be taken")


def test_the_command_line_lists_the_runs_of_the_table(deployment: Deployment) -> None:
    """`flux list` needs the URL that the stack puts out, and no app."""
    deployment.post(order("o_listed"))
    runs = json.loads(deployment.flux("list", "--store", deployment.outputs["Store"], "--json"))["runs"]
    assert "order-o_listed" in {run["id"] for run in runs}


def test_the_command_line_shows_a_run_from_the_functions_log(deployment: Deployment) -> None:
    """`flux trace` finds each step of a run in CloudWatch Logs."""
    deployment.post(order("o_traced"))
    shown = deployment.flux(
        "trace", "--log-group", deployment.outputs["LogGroup"], "--run", "order-o_traced", "--json"
    )
    completed = [
        event["stepName"] for event in map(json.loads, shown.splitlines()) if event["type"] == "step:complete"
    ]
    assert completed == ["validate", "charge", "reserve", "notify"]


def test_the_command_line_works_through_the_function(deployment: Deployment) -> None:
    """`flux --remote` needs the right to invoke the function, and neither the app nor the table."""
    deployment.post(order("o_remote"))
    shown = deployment.flux(
        "show", "order-o_remote", "--remote", f"lambda://{deployment.stack}:live", "--json"
    )
    assert json.loads(shown)["status"] == "completed"


def test_each_line_of_a_run_is_found_by_its_id(deployment: Deployment) -> None:
    """The log has a line an event, with Powertools' keys and the run's."""
    deployment.post(order("o_logged"))
    lines = [
        line for line in logged(deployment) if line.get("flux", {}).get("workflowId") == "order-o_logged"
    ]
    assert [line["flux"]["type"] for line in lines][::9] == ["workflow:start", "workflow:complete"]
    assert {line["service"] for line in lines} == {"orders-dev"}
    assert len({line["function_request_id"] for line in lines}) == 1


def test_each_alarm_on_a_run_watches_a_metric_that_the_function_writes(deployment: Deployment) -> None:
    """Name and dimensions of the alarms' metrics are those of lines in the log; a failed run and a tick wrote them."""
    ended(deployment, "o_poison")
    wait_for(lambda: "DueAge" in {name for name, _ in metrics(deployment)}, "the first tick")
    alarms = deployment.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {
        (alarm["MetricName"], frozenset((pair["Name"], pair["Value"]) for pair in alarm["Dimensions"]))
        for alarm in alarms
        if alarm["Namespace"] == "Flux"
    }
    assert {name for name, _ in watched} == {"RunFailed", "DueAge"}
    assert watched <= metrics(deployment)


def metrics(deployment: Deployment) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Return the metrics that the function has written, with their dimensions."""
    return {
        (metric["Name"], frozenset((name, line[name]) for name in dimensions))
        for line in logged(deployment)
        if "_aws" in line
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def test_the_metrics_of_a_run_are_in_the_log(deployment: Deployment) -> None:
    """By workflow, and those of its steps by step."""
    deployment.post(order("o_measured"))
    workflow = frozenset({("service", "orders-dev"), ("workflow", "order-fulfillment")})
    expected = {(name, workflow) for name in ("RunStarted", "RunCompleted", "RunDuration")}
    expected |= {("StepDuration", workflow | {("step", step)}) for step in ("validate", "charge")}
    assert expected <= metrics(deployment)


def test_the_deployed_table_is_the_one_that_create_table_makes(deployment: Deployment) -> None:
    """Keys, indexes and billing are the same, wherever the table comes from."""
    DynamoDBStorage("made", region="us-east-1", endpoint=deployment.endpoint).create_table()
    deployed = deployment.outputs["Store"].removeprefix("dynamodb://").partition("?")[0]
    assert described(deployment, deployed) == described(deployment, "made")


def described(deployment: Deployment, table: str) -> dict[str, Any]:
    """Return what makes a table what it is."""
    description = deployment.client("dynamodb").describe_table(TableName=table)["Table"]
    return {
        "keys": description["KeySchema"],
        "attributes": sorted(
            description["AttributeDefinitions"], key=lambda attribute: attribute["AttributeName"]
        ),
        "indexes": {
            index["IndexName"]: (index["KeySchema"], index["Projection"])
            for index in description["GlobalSecondaryIndexes"]
        },
        "billing": description["BillingModeSummary"]["BillingMode"],
    }

"""The Terraform module and the SAM application make the same: what is told apart here is told twice elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from terraform.files import TERRAFORM

if TYPE_CHECKING:
    from terraform.runs import Resources

pytestmark = pytest.mark.xdist_group("terraform")


class Template(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
    """A loader of YAML that takes CloudFormation's short forms: `!Ref Name` is `{"Ref": "Name"}`."""


def short_form(loader: Template, name: str, node: yaml.Node) -> dict[str, Any]:
    """Return the long form of a function of CloudFormation's."""
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            return {name: loader.construct_mapping(node, deep=True)}


Template.add_multi_constructor("!", short_form)
SAM = yaml.load((Path(__file__).parents[2] / "sam" / "template.yaml").read_text(), Template)  # noqa: S506 (a safe one)
RESOURCES = SAM["Resources"]
FUNCTION = RESOURCES["OrderFunction"]["Properties"]


def of_kind(kind: str) -> dict[str, Any]:
    """Return the properties of the template's resources of a kind, by their names."""
    return {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == kind}


def default(value: Any) -> Any:
    """Return what stands there, or the default of the parameter to which it refers."""
    parameter = SAM["Parameters"].get(value["Ref"]) if isinstance(value, dict) and "Ref" in value else None
    return parameter["Default"] if parameter else value


def listed(value: Any) -> list[Any]:
    """Return a list; IAM takes a single value for a list of one."""
    return value if isinstance(value, list) else [value]


def granted(statements: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the actions that each statement of a policy allows, by its Sid."""
    return {statement["Sid"]: sorted(listed(statement["Action"])) for statement in statements}


def of_role(name: str) -> dict[str, list[str]]:
    """Return what a role of the template may do."""
    (policy,) = RESOURCES[name]["Properties"]["Policies"]
    return granted(policy["PolicyDocument"]["Statement"])


def test_the_tables_have_the_same_keys_and_indexes(example: Resources) -> None:
    """Key, attributes, both indexes with what they hold, and the attribute by which runs expire."""
    (sam,) = of_kind("AWS::DynamoDB::Table").values()
    made = example["aws_dynamodb_table.runs"]
    attributes = {one["AttributeName"]: one["AttributeType"] for one in sam["AttributeDefinitions"]}
    indexes = {
        one["IndexName"]: (
            *(key["AttributeName"] for key in one["KeySchema"]),
            one["Projection"]["ProjectionType"],
        )
        for one in sam["GlobalSecondaryIndexes"]
    }
    assert {one["name"]: one["type"] for one in made["attribute"]} == attributes
    assert [made["hash_key"], made["range_key"]] == [key["AttributeName"] for key in sam["KeySchema"]]
    assert {
        one["name"]: (one["hash_key"], one["range_key"], one["projection_type"])
        for one in made["global_secondary_index"]
    } == indexes
    assert made["ttl"][0]["attribute_name"] == sam["TimeToLiveSpecification"]["AttributeName"]


def test_the_functions_get_the_same_variables(example: Resources) -> None:
    """No variable of the environment is known to one of them alone."""
    made = example["aws_lambda_function.this"]["environment"][0]["variables"]
    assert sorted(made) == sorted(FUNCTION["Environment"]["Variables"])


def test_the_functions_are_of_one_size(example: Resources) -> None:
    """Handler, runtime, architecture, memory and time-out are the same by default."""
    made = example["aws_lambda_function.this"]
    assert (
        made["handler"],
        made["runtime"],
        made["architectures"],
        made["memory_size"],
        made["timeout"],
    ) == (
        FUNCTION["Handler"],
        default(FUNCTION["Runtime"]),
        [default(one) for one in FUNCTION["Architectures"]],
        default(FUNCTION["MemorySize"]),
        default(FUNCTION["Timeout"]),
    )


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("aws_iam_role_policy.function", "OrderFunctionRole"),
        ("aws_iam_role_policy.scheduler", "SchedulerRole"),
    ],
    ids=["function", "scheduler"],
)
def test_the_roles_may_do_the_same(example: Resources, address: str, role: str) -> None:
    """Each statement of a role's policy allows the same actions."""
    made = json.loads(example[address]["policy"])["Statement"]
    assert granted(made) == of_role(role)


@pytest.mark.parametrize(
    ("address", "queue"),
    [
        ("aws_sqs_queue.orders", "OrderQueue"),
        ("aws_sqs_queue.dead_orders", "DeadOrders"),
        ("aws_sqs_queue.wakeups", "WakeQueue"),
        ("aws_sqs_queue.lost_events", "LostEvents"),
    ],
    ids=["orders", "dead-orders", "wake-ups", "lost-events"],
)
def test_the_queues_keep_their_messages_alike(example: Resources, address: str, queue: str) -> None:
    """A message is hidden while it is worked at, kept, and put aside, for as long and as often."""
    made, sam = example[address], RESOURCES[queue]["Properties"]
    redrive = json.loads(made["redrive_policy"] or "{}")
    assert (
        made["visibility_timeout_seconds"],
        made["message_retention_seconds"],
        redrive.get("maxReceiveCount"),
    ) == (
        default(sam.get("VisibilityTimeout")),
        sam["MessageRetentionPeriod"],
        default(sam.get("RedrivePolicy", {}).get("maxReceiveCount")),
    )


@pytest.mark.parametrize(("address", "event"), [("orders", "Orders"), ("wakeups", "Wakes")])
def test_the_queues_are_read_alike(example: Resources, address: str, event: str) -> None:
    """Batches are of one size, and answered in parts."""
    made, sam = example[f"aws_lambda_event_source_mapping.{address}"], FUNCTION["Events"][event]["Properties"]
    assert made["batch_size"] == sam["BatchSize"]
    assert made["function_response_types"] == sam["FunctionResponseTypes"]


def test_the_same_events_start_a_run(example: Resources) -> None:
    """The rule has the same pattern, and the API the same route for the same callers."""
    (route,) = of_kind("AWS::ApiGatewayV2::Route").values()
    made = example["aws_apigatewayv2_route.orders[0]"]
    pattern = json.loads(example["aws_cloudwatch_event_rule.orders[0]"]["event_pattern"])
    assert pattern == FUNCTION["Events"]["OrderPlaced"]["Properties"]["Pattern"]
    assert made["route_key"] == route["RouteKey"]
    assert made["authorization_type"] == default(route["AuthorizationType"])


def test_the_tick_comes_as_often(example: Resources) -> None:
    """The schedule sends the same, as often."""
    made, sam = example["aws_scheduler_schedule.tick"], FUNCTION["Events"]["Tick"]["Properties"]
    assert made["schedule_expression"] == sam["ScheduleExpression"]
    assert json.loads(made["target"][0]["input"]) == json.loads(sam["Input"])


def test_the_alarms_watch_the_same(example: Resources) -> None:
    """Each alarm watches the same metric, from the same height on, for as long, and takes silence alike."""
    made = sorted(
        (
            one["metric_name"],
            one["threshold"],
            one["period"],
            one["evaluation_periods"],
            one["treat_missing_data"],
        )
        for address, one in example.items()
        if address.startswith("aws_cloudwatch_metric_alarm.")
    )
    assert made == sorted(
        (
            one["MetricName"],
            one["Threshold"],
            one["Period"],
            one["EvaluationPeriods"],
            one["TreatMissingData"],
        )
        for one in of_kind("AWS::CloudWatch::Alarm").values()
    )


def test_logs_are_kept_as_long(example: Resources) -> None:
    """The groups of the function's and the API's logs, by default."""
    made = {
        address: one["retention_in_days"]
        for address, one in example.items()
        if address.startswith("aws_cloudwatch_log_group.")
    }
    assert sorted(made.values()) == sorted(
        default(one["RetentionInDays"]) for one in of_kind("AWS::Logs::LogGroup").values()
    )


def test_the_saved_queries_read_the_same_fields() -> None:
    """What the queries of the one look at, those of the other look at, too: they break together or not at all."""
    made = " ".join(query.read_text() for query in (TERRAFORM / "aws" / "queries").glob("*.logs"))
    sam = " ".join(query["QueryString"] for query in of_kind("AWS::Logs::QueryDefinition").values())
    fields = re.compile(r"flux\.\w+")
    assert set(fields.findall(made)) == set(fields.findall(sam))

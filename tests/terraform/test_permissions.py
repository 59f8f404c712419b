"""What is granted is what each README says, and no more: by narrow roles, to identities without keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from terraform.files import CLOUDS, TERRAFORM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from terraform.runs import Resources, Tested

pytestmark = pytest.mark.xdist_group("terraform")

Grant = tuple[str, str, str]
"""What may be done (a role, or the actions of a statement), by whom, and on what."""

SECRETS = {
    "aws_iam_access_key",
    "aws_iam_user",
    "azuread_application_password",
    "client_secret",
    "google_service_account_key",
    "google_storage_hmac_key",
    "instrumentation_key",
    "primary_access_key",
    "primary_connection_string",
    "storage_access_key",
    "StorageAccountConnectionString",
}
"""Names of what makes, or is, a key: none stands in a file."""
BROAD = {"owner", "editor", "viewer", "contributor", "reader", "storage account contributor"}
"""Roles that are about all there is, by their last words."""


def google(made: Resources) -> Iterator[Grant]:
    """Yield what the module for Google Cloud grants."""
    people = {
        made[f"google_service_account.{name}"]["member"]: name for name in ("function", "invoker", "builder")
    }
    places = {
        "google_artifact_registry_repository_iam_member": "its images",
        "google_cloud_tasks_queue_iam_member": "its queue of wake-ups",
        "google_pubsub_subscription_iam_member": "its subscription to orders",
        "google_pubsub_topic_iam_member": "its topic of dead orders",
        "google_service_account_iam_member": "the account `invoker`",
        "google_storage_bucket_iam_member": "its bucket of large values",
    }
    conditions = {
        "/databases/": "its database",
        "/buckets/gcf-v2-sources-": "the bucket of functions' sources",
    }
    for address, one in made.items():
        kind = address.partition(".")[0]
        if "_iam_" not in kind:
            continue
        assert kind.endswith("_iam_member"), f"{address} would take roles away that others have granted"
        where = places.get(kind) or (
            f"the function `{one['name']}`" if "cloud_run" in kind else "the project"
        )
        for condition in one.get("condition", []):
            where = next(place for part, place in conditions.items() if part in condition["expression"])
        outside = {
            "callers": "invokers",
            "operators": "operators",
            "dead_orders": "Pub/Sub",
            "orders": "Pub/Sub",
        }
        who = people.get(one["member"]) or outside[re.split(r"[.\[]", address)[1]]
        yield one["role"], who, where


def azure(made: Resources) -> Iterator[Grant]:
    """Yield what the module for Azure grants."""
    place = re.compile(r".*/storageAccounts/\w+(?:/\w+/default/(\w+?)s/([\w-]+))?$")
    for address, one in made.items():
        if not address.startswith("azurerm_role_assignment."):
            continue
        assert one["principal_id"] == made["azurerm_user_assigned_identity.function"]["principal_id"]
        within = place.match(one["scope"])
        where = "Application Insights" if within is None else "the storage account"
        if within and within[1]:
            where = f"the {within[1]} `{within[2]}`"
        yield one["role_definition_name"], "function", where


def amazon(made: Resources) -> Iterator[Grant]:
    """Yield what the module for AWS grants, statement by statement."""
    policies = {
        "aws_iam_role_policy.function": "function",
        "aws_iam_role_policy.scheduler": "EventBridge Scheduler",
        "aws_sqs_queue_policy.events[0]": "EventBridge",
    }
    for address, who in policies.items():
        for statement in json.loads(made[address]["policy"])["Statement"]:
            if statement["Sid"] != "Mail":  # of the workflow's own steps
                yield ", ".join(statement["Action"]), who, f"`{statement['Sid']}`"


GRANTS: dict[str, Callable[[Resources], Iterator[Grant]]] = {"aws": amazon, "gcp": google, "azure": azure}


def promised(cloud: str) -> list[Grant]:
    """Return the rows of the table of permissions in a module's README."""
    text = (
        (TERRAFORM / cloud / "README.md").read_text().partition("\n## Permissions\n")[2].partition("\n## ")[0]
    )
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return [(what.replace("`", ""), who.strip("`"), where) for what, who, where, *_ in rows]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_readme_lists_what_is_granted(tested: Callable[[Path], Tested], cloud: str) -> None:
    """With every option, what is granted, to whom and on what are the rows of the table, and no more."""
    made = tested(TERRAFORM / cloud).made["with_everything"]
    assert sorted(GRANTS[cloud](made)) == sorted(promised(cloud))


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_no_role_is_broad(tested: Callable[[Path], Tested], cloud: str) -> None:
    """Nobody owns, edits or reads all there is."""
    roles = {role for role, _, _ in GRANTS[cloud](tested(TERRAFORM / cloud).made["with_everything"])}
    assert roles
    assert {
        role for role in roles if role.lower().removeprefix("roles/") in BROAD or role.endswith("admin")
    } == set()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_there_is_no_key(cloud: str) -> None:
    """No file makes a key or reads one: everybody is who their cloud says they are."""
    texts = {file.name: file.read_text() for file in (TERRAFORM / cloud).rglob("*.tf")}
    assert {(name, word) for name, text in texts.items() for word in SECRETS if word in text} == set()


def test_nobody_calls_who_is_not_named(tested: Callable[[Path], Tested]) -> None:
    """By default, HTTP is for those with a signature (AWS), for nobody (Google, Azure), and nothing else is public."""
    made: dict[str, Resources] = {cloud: tested(TERRAFORM / cloud).made["by_default"] for cloud in CLOUDS}
    app: dict[str, Any] = made["azure"]["azurerm_function_app_flex_consumption.this"]
    assert made["aws"]["aws_apigatewayv2_route.orders[0]"]["authorization_type"] == "AWS_IAM"
    assert app["site_config"][0]["ip_restriction_default_action"] == "Deny"
    assert {who for _, who, _ in google(made["gcp"])} == {"function", "invoker", "builder", "Pub/Sub"}
    text = json.dumps(made["gcp"])
    assert "allUsers" not in text
    assert "allAuthenticatedUsers" not in text

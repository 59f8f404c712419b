"""The Terraform files are formatted, valid against the current schemas, and keep what their own tests promise."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from terraform.files import FOLDERS, TERRAFORM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from terraform.runs import Tested

    from services.terraform import Terraform

pytestmark = pytest.mark.xdist_group("terraform")

EACH_FOLDER = pytest.mark.parametrize(
    "folder", FOLDERS, ids=[str(folder.relative_to(TERRAFORM)) for folder in FOLDERS]
)


def test_the_files_are_formatted(terraform: Terraform) -> None:
    """`terraform fmt` has nothing to change, in the modules, their examples and their tests."""
    formatted = terraform.run(TERRAFORM, "fmt", "-check", "-recursive", "-diff")
    assert (formatted.returncode, formatted.stdout) == (0, "")


@EACH_FOLDER
def test_the_files_are_valid(terraform: Terraform, folder: Path) -> None:
    """`terraform validate` knows every resource, argument and type, and warns of nothing."""
    validated = terraform.run(folder, "validate")
    assert (validated.returncode, validated.stderr) == (0, "")
    assert validated.stdout == "Success! The configuration is valid.\n\n"


@EACH_FOLDER
def test_what_the_files_promise_is_kept(tested: Callable[[Path], Tested], folder: Path) -> None:
    """`terraform test` passes: what is made by default and with every option, and what is refused."""
    ended = tested(folder)
    assert ended.passed, ended.said
    assert ended.made


BROKEN = {
    "aws-an-action": ("aws/iam.tf", '"dynamodb:GetItem"', '"dynamodb:*"'),
    "aws-a-resource": ("aws/iam.tf", "[aws_dynamodb_table.runs.arn]", '["*"]'),
    "aws-whole-batches": ("aws/queues.tf", '["ReportBatchItemFailures"]', "[]"),
    "aws-retention": ("aws/logs.tf", "retention_in_days = var.log_retention_days", "retention_in_days = 0"),
    "aws-no-alarm": (
        "aws/alarms.tf",
        "lost-events = aws_sqs_queue.lost_events.name",
        "lost-events = aws_sqs_queue.orders.name",
    ),
    "gcp-a-database": ("gcp/iam.tf", "databases/${local.database}", "databases/"),
    "gcp-a-door": ("gcp/main.tf", "ALLOW_INTERNAL_ONLY", "ALLOW_ALL"),
    "gcp-no-dead-letters": (
        "gcp/queues.tf",
        "= google_pubsub_topic.dead_orders.id",
        "= google_pubsub_topic.orders.id",
    ),
    "azure-a-key": (
        "azure/store.tf",
        "shared_access_key_enabled       = false",
        "shared_access_key_enabled = true",
    ),
    "azure-a-door": ("azure/function.tf", 'local.over_http ? "Allow" : "Deny"', '"Allow"'),
    "azure-a-scope": ("azure/iam.tf", "/queueServices/default/queues/${queue.name}", ""),
}
UNREFUSED = {
    "aws": ("aws/variables.tf", "var.keep_runs_days >= 14", "var.keep_runs_days >= 1"),
    "gcp": ("gcp/variables.tf", "|principalSet):", "|principalSet):|allUsers"),
    "azure": ("azure/variables.tf", "!var.public || var.app_registration == null", "true || var.public"),
}


def broken(terraform: Terraform, home: Path, change: tuple[str, str, str], tests: str) -> str:
    """Return what a module's tests say of a copy in which `change` was made: in a file, a text by another."""
    name, text, worse = change
    cloud, _, file = name.partition("/")
    module = home / cloud
    shutil.copytree(TERRAFORM / cloud, module, ignore=shutil.ignore_patterns("build", "examples"))
    whole = (module / file).read_text()
    assert text in whole
    (module / file).write_text(whole.replace(text, worse))
    assert terraform.run(module, "init").returncode == 0
    ended = terraform.run(module, "test", f"-filter=tests/{tests}.tftest.hcl")
    assert ended.returncode == 1
    return ended.stderr


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_promise_that_is_broken_is_noticed(
    terraform: Terraform, tmp_path: Path, change: tuple[str, str, str]
) -> None:
    """A module's own tests fail once it grants more, lets in more or watches less."""
    assert "Test assertion failed" in broken(terraform, tmp_path, change, "module")


@pytest.mark.parametrize("change", UNREFUSED.values(), ids=UNREFUSED)
def test_what_is_no_longer_refused_is_noticed(
    terraform: Terraform, tmp_path: Path, change: tuple[str, str, str]
) -> None:
    """A module's own tests fail once it refuses less."""
    assert "Missing expected failure" in broken(terraform, tmp_path, change, "refusals")

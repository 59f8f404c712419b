"""The Terraform files are formatted, valid against the current schemas, and keep what their own tests promise."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from terraform.files import EXAMPLE, MODULE, TERRAFORM

from services.checkov import CHECKOV_OFFLINE, checkov_binary

if TYPE_CHECKING:
    from pathlib import Path

    from services.terraform import Terraform

pytestmark = pytest.mark.xdist_group("terraform")

FOLDERS = pytest.mark.parametrize("folder", [MODULE, EXAMPLE], ids=["module", "example"])


def test_the_files_are_formatted(terraform: Terraform) -> None:
    """`terraform fmt` has nothing to change, in the module, its example and its tests."""
    formatted = terraform.run(TERRAFORM, "fmt", "-check", "-recursive", "-diff")
    assert (formatted.returncode, formatted.stdout) == (0, "")


@FOLDERS
def test_the_files_are_valid(terraform: Terraform, folder: Path) -> None:
    """`terraform validate` knows every resource, argument and type, and warns of nothing."""
    assert terraform.run(folder, "init").returncode == 0
    validated = terraform.run(folder, "validate")
    assert (validated.returncode, validated.stderr) == (0, "")
    assert validated.stdout == "Success! The configuration is valid.\n\n"


@FOLDERS
def test_what_the_files_promise_is_kept(terraform: Terraform, folder: Path) -> None:
    """`terraform test` passes: what is made by default and with every option, and what is refused."""
    assert terraform.run(folder, "init").returncode == 0
    tested = terraform.run(folder, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("tests", "file", "line", "worse"),
    [
        ("module", "iam.tf", '"dynamodb:GetItem"', '"dynamodb:*"'),
        ("module", "iam.tf", "[aws_dynamodb_table.runs.arn]", '["*"]'),
        ("module", "queues.tf", '["ReportBatchItemFailures"]', "[]"),
        ("module", "function.tf", "retention_in_days = var.log_retention_days", "retention_in_days = 0"),
        (
            "module",
            "alarms.tf",
            "lost-events = aws_sqs_queue.lost_events.name",
            "lost-events = aws_sqs_queue.orders.name",
        ),
        ("refusals", "variables.tf", "var.keep_runs_days >= 14", "var.keep_runs_days >= 1"),
    ],
    ids=["an-action", "a-resource", "whole-batches", "retention", "no-alarm", "no-validation"],
)
def test_a_promise_that_is_broken_is_noticed(
    terraform: Terraform, tmp_path: Path, tests: str, file: str, line: str, worse: str
) -> None:
    """The module's own tests fail once it grants more, watches less or refuses less."""
    module = tmp_path / "aws"
    shutil.copytree(MODULE, module, ignore=shutil.ignore_patterns("build"))
    text = (module / file).read_text()
    assert line in text
    (module / file).write_text(text.replace(line, worse))
    assert terraform.run(module, "init").returncode == 0
    tested = terraform.run(module, "test", f"-filter=tests/{tests}.tftest.hcl")
    assert tested.returncode == 1
    assert "Test assertion failed" in tested.stderr or "Missing expected failure" in tested.stderr


def test_checkov_finds_nothing() -> None:
    """Nothing is open, unencrypted or unwatched, but what a comment in the file gives the reason for."""
    checkov = (checkov_binary(), *CHECKOV_OFFLINE, "--framework", "terraform", "--directory", TERRAFORM)
    looked = subprocess.run(checkov, capture_output=True, text=True, check=False, timeout=120)
    assert looked.returncode == 0, looked.stdout
    assert "Failed checks: 0," in looked.stdout


def test_a_suppression_has_its_reason() -> None:
    """Each check that is skipped is named in a comment, with a sentence that says why."""
    files = [file.read_text() for file in sorted(TERRAFORM.rglob("*.tf"))]
    skips = [line.strip() for text in files for line in text.splitlines() if "checkov:skip" in line]
    assert skips
    for skip in skips:
        _, _, reason = skip.removeprefix("#checkov:skip=").partition(":")
        assert len(reason.split()) > 3, skip

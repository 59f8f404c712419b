"""Terraform finds what is wrong by the providers' schemas, which their stand-ins serve."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .terraform import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Validate = Callable[[str], str]

pytestmark = pytest.mark.xdist_group("terraform")

SOURCES = """
resource "aws_sqs_queue" "orders" {}
resource "aws_dynamodb_table" "runs" {}
resource "google_storage_bucket_object" "zip" {}
resource "google_monitoring_alert_policy" "late" {}
"""
TABLE = """
resource "aws_dynamodb_table" "runs" {
  name     = "runs"
  hash_key = "id"

  attribute {
    name = "id"
    type = "S"
  }
"""
ALERT = """
resource "google_monitoring_alert_policy" "late" {
  display_name = "late"
  combiner     = "OR"

  conditions {
    display_name = "late"

    condition_absent {
      duration = "300s"
"""


def queue(arguments: str = "") -> str:
    """Return a queue with the arguments."""
    return f'resource "aws_sqs_queue" "orders" {{\n{arguments}\n}}\n'


def output(value: str) -> str:
    """Return an output of the value."""
    return f'output "value" {{\n  value = {value}\n}}\n'


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validate]:
    """Return a function that says, in one line, what Terraform says of a file with the text that it is given."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "main.tf").write_text(SOURCES)
    with Terraform(tmp_path_factory.mktemp("home"), sources=folder) as terraform:
        assert terraform.run(folder, "init").returncode == 0

        def said(text: str) -> str:
            (folder / "main.tf").write_text(text)
            ended = terraform.run(folder, "validate")
            return " ".join((ended.stdout + ended.stderr).split())

        yield said


REFUSED = {
    "an unknown argument": (queue("visibility = 30"), 'argument named "visibility" is not expected'),
    "another type": (queue("delay_seconds = [1]"), 'Inappropriate value for attribute "delay_seconds"'),
    "an unknown block": (queue("redrive {}"), 'Blocks of type "redrive" are not expected'),
    "a missing argument": (f"{TABLE}\nreplica {{}}\n}}", 'The argument "region_name" is required'),
    "one block too many": (f"{TABLE}\nttl {{}}\nttl {{}}\n}}", 'No more than 1 "ttl" blocks are allowed'),
    "an unknown value": (queue() + output("aws_sqs_queue.orders.uri"), 'attribute named "uri"'),
    "an unknown resource": ('resource "aws_sqs_kew" "orders" {}', 'resource type "aws_sqs_kew"'),
}
ALLOWED = {
    "nothing but defaults": queue(),
    "a block that is repeated": f'{TABLE}\nattribute {{\n  name = "sk"\n  type = "S"\n}}\n}}',
    "a value that is computed": queue() + output("aws_sqs_queue.orders.arn"),
    "digits in its name": 'resource "google_storage_bucket_object" "zip" {\n  name = "a"\n  bucket = "b"\n}\n'
    + output("google_storage_bucket_object.zip.crc32c"),
    "a name that is Terraform's own outside of a block": f"{ALERT}\ntrigger {{\n  count = 2\n}}\n}}\n}}\n}}",
}


@pytest.mark.parametrize(("text", "found"), REFUSED.values(), ids=REFUSED)
def test_what_the_schema_does_not_allow_is_found(validate: Validate, text: str, found: str) -> None:
    """Arguments, blocks, values that are read, and resources are checked by the provider's schema."""
    answer = validate(text)
    assert "Error: " in answer
    assert found in answer


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_what_the_schema_allows_is_valid(validate: Validate, text: str) -> None:
    """Arguments, blocks that are repeated, and what the provider computes, whatever is in its name."""
    assert validate(text) == "Success! The configuration is valid."


def test_it_leaves_neither_files_nor_processes(tmp_path: Path) -> None:
    """What Terraform keeps for a folder is elsewhere, and the stand-in ends with the context."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "main.tf").write_text(SOURCES)
    with Terraform(tmp_path, sources=folder) as terraform:
        assert terraform.run(folder, "init").returncode == 0
        stand_in = terraform.stand_in
    assert [path.name for path in folder.iterdir()] == ["main.tf"]
    with pytest.raises(ProcessLookupError):
        os.kill(stand_in, 0)

"""The template and its settings, looked through by AWS's own linter and by checkov."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from sam.application import APPLICATION, TEMPLATE, environment, sam

from flux_aws._dynamodb.table import EXPIRY
from flux_core import TraceEvent

from services.aws_sam import sam_binary
from services.checkov import CHECKOV_OFFLINE, checkov_binary

pytestmark = pytest.mark.xdist_group("sam-static")

TEXT = TEMPLATE.read_text()
SETTINGS = tomllib.loads((APPLICATION / "samconfig.toml").read_text())


def test_sam_finds_the_template_valid() -> None:
    """`sam validate --lint` has nothing to say."""
    assert "is a valid SAM Template" in sam("validate", "--lint")


def test_the_linter_has_nothing_to_say() -> None:
    """For cfn-lint warnings are faults too, in whichever region."""
    linter = [str(sam_binary("cfn-lint")), "--regions", "us-east-1", "eu-central-1", "--", str(TEMPLATE)]
    run = subprocess.run(linter, env=environment(), capture_output=True, text=True, check=False, timeout=300)
    assert (run.returncode, run.stdout) == (0, "")


def test_checkov_finds_nothing_that_is_open() -> None:
    """No check fails but those that the template suppresses."""
    checkov = [str(checkov_binary()), *CHECKOV_OFFLINE, "--file", str(TEMPLATE)]
    run = subprocess.run(checkov, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout
    assert re.search(r"Passed checks: [1-9]\d*, Failed checks: 0,", run.stdout)


def test_each_suppression_has_its_reason() -> None:
    """Whoever reads the template sees why a check does not hold."""
    suppressed = re.findall(r"id: (CKV\w+)(.*)", TEXT)
    assert suppressed
    assert [check for check, rest in suppressed if not re.match(r', comment: "\w.{20,}"', rest)] == []


@pytest.mark.parametrize("stage", ["default", "prod"])
@pytest.mark.parametrize("command", ["deploy", "sync"])
def test_settings_name_parameters_that_there_are(stage: str, command: str) -> None:
    """Every override in samconfig.toml is a parameter of the template, with a value that it allows."""
    overrides = SETTINGS[stage].get(command, {}).get("parameters", {}).get("parameter_overrides", [])
    for name, value in (override.split("=", 1) for override in overrides):
        parameter = re.search(rf"^  {name}:\n((?:    .*\n)+)", TEXT, re.MULTILINE)
        assert parameter, name
        allowed = re.search(r"AllowedValues: \[(.*)\]", parameter[1])
        assert allowed is None or value in re.findall(r"[\w.]+", allowed[1])


def test_saved_queries_ask_for_what_a_line_has() -> None:
    """Each field `flux.NAME` of a saved query, and of no other spelling, is one of a trace event's."""
    asked = set(re.findall(r"\bflux\.(\w+)", TEXT.partition("FailedRunsQuery:")[2]))
    event = TraceEvent("type", *range(14))
    assert asked
    assert asked <= event.to_dict().keys()


def test_runs_that_have_ended_expire() -> None:
    """The attribute by which DynamoDB deletes items is the one that the store writes."""
    assert f"TimeToLiveSpecification: {{ AttributeName: {EXPIRY}, Enabled: true }}" in TEXT

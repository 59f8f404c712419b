"""Checkov finds nothing in the Terraform files but what a comment there gives the reason for."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from terraform.files import TERRAFORM

from services.checkov import CHECKOV_REPORT, checkov_binary

pytestmark = pytest.mark.xdist_group("terraform")

SKIP = re.compile(r"#checkov:skip=(\w+):(.+)")


@pytest.fixture(scope="module")
def looked() -> dict[str, Any]:
    """Return what checkov says of all modules and examples."""
    checkov = (checkov_binary(), *CHECKOV_REPORT, "--framework", "terraform", "--directory", TERRAFORM)
    ended = subprocess.run(checkov, capture_output=True, text=True, check=False, timeout=300)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def suppressions() -> list[tuple[str, str, str]]:
    """Return each check that is skipped: the file that says so, the check, and the reason."""
    files = {str(file.relative_to(TERRAFORM)): file.read_text() for file in sorted(TERRAFORM.rglob("*.tf"))}
    return [(file, check, reason) for file, text in files.items() for check, reason in SKIP.findall(text)]


def test_checkov_finds_nothing(looked: dict[str, Any]) -> None:
    """Nothing is open, unencrypted or unwatched, but what a comment in the file gives the reason for."""
    assert looked["summary"]["passed"] > 0
    failed = looked["results"]["failed_checks"]
    assert [(one["check_id"], one["resource"]) for one in failed] == []


def test_a_suppression_has_its_reason() -> None:
    """Each check that is skipped is named in a comment, with a sentence that says why."""
    skipped = suppressions()
    assert {file.partition("/")[0] for file, _, _ in skipped} == {"aws", "gcp", "azure"}
    for file, check, reason in skipped:
        assert len(reason.split()) > 3, f"{file}: {check}"


def test_no_suppression_has_outlived_its_check(looked: dict[str, Any]) -> None:
    """What a comment lets pass, checkov would find."""
    found = {(one["file_path"].lstrip("/"), one["check_id"]) for one in looked["results"]["skipped_checks"]}
    assert [one for one in suppressions() if one[:2] not in found] == []

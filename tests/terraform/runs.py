"""What `terraform test` says of a folder, and what it makes there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from services.terraform import Terraform

Resources = dict[str, dict[str, Any]]
"""The arguments of each resource, by its address in the module."""


class Tested(NamedTuple):
    """The tests of a folder, run once."""

    passed: bool
    said: str
    """What is wrong, for people; empty if nothing is."""
    made: dict[str, Resources]
    """What each run has applied, or only planned, by its name."""


def run_tests(terraform: Terraform, folder: Path) -> Tested:
    """Run the tests of a folder that `terraform init` has seen."""
    ended = terraform.run(folder, "test", "-json", "-verbose")
    messages = [json.loads(line) for line in ended.stdout.splitlines()]
    failed = {
        one["@testrun"] for one in messages if one.get("test_run", {}).get("status") in ("fail", "error")
    }
    errors = [
        one["diagnostic"] for one in messages if one["type"] == "diagnostic" and one.get("@testrun") in failed
    ]
    made = {one["@testrun"]: _made(one) for one in messages if one["type"] in ("test_state", "test_plan")}
    said = "\n".join(f"{error['summary']}: {error['detail']}" for error in errors)
    return Tested(ended.returncode == 0, said + ended.stderr, made)


def _made(message: dict[str, Any]) -> Resources:
    if "test_plan" in message:
        changes = message["test_plan"].get("resource_changes", [])
        return {_address(one): one["change"]["after"] for one in changes if one["mode"] == "managed"}
    root = message["test_state"].get("root_module", {})
    modules = (root, *root.get("child_modules", []))
    return {_address(one): one["values"] for module in modules for one in module.get("resources", [])}


def _address(resource: dict[str, Any]) -> str:
    return str(resource["address"]).removeprefix("module.orders.")

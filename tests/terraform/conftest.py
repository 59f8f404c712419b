"""Terraform, started once for the tests of this folder, and what its tests say of the example."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from terraform.files import EXAMPLE, TERRAFORM

from services.terraform import Terraform

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Return Terraform with the current schemas of the providers."""
    with Terraform(tmp_path_factory.mktemp("terraform"), sources=TERRAFORM) as started:
        yield started


@pytest.fixture(scope="session")
def example(terraform: Terraform) -> dict[str, dict[str, Any]]:
    """Return what the example makes, as its test applies it: the arguments of each resource, by its address."""
    terraform.run(EXAMPLE, "init")
    tested = terraform.run(EXAMPLE, "test", "-json", "-verbose")
    messages = [json.loads(line) for line in tested.stdout.splitlines()]
    state = next(message["test_state"] for message in messages if message["type"] == "test_state")
    (module,) = state["root_module"]["child_modules"]
    return {
        resource["address"].removeprefix("module.orders."): resource["values"]
        for resource in module["resources"]
    }

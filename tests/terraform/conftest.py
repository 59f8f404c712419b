"""Terraform, started once for the tests of this folder, and what its own tests say, each folder's run once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from terraform.files import FOLDERS, TERRAFORM, example_of
from terraform.runs import run_tests

from services.terraform import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from terraform.runs import Resources, Tested


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Return Terraform with the current schemas of the providers, which knows the modules and their examples."""
    with Terraform(tmp_path_factory.mktemp("terraform"), sources=TERRAFORM) as started:
        for folder in FOLDERS:
            initialised = started.run(folder, "init")
            assert initialised.returncode == 0, initialised.stderr
        yield started


@pytest.fixture(scope="session")
def tested(terraform: Terraform) -> Callable[[Path], Tested]:
    """Return a function that runs the tests of a folder, once, and says how they ended and what they made."""
    return cache(lambda folder: run_tests(terraform, folder))


@pytest.fixture(scope="session")
def example(tested: Callable[[Path], Tested]) -> Resources:
    """Return what the example for AWS makes: the arguments of each resource, by its address."""
    return tested(example_of("aws")).made["the_example"]

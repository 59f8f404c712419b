"""What `sam build` packs: the app, Flux and what it needs, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sam.application import build, environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("sam-static")

APP = {"app.py", "services.py", "workflow.py"}
FLUX = {"flux_core", "flux_aws"}
OTHERS = {"aws_lambda_powertools", "pynamodb", "typing_extensions.py"}
IN_THE_RUNTIME = {"boto3", "botocore", "jmespath", "s3transfer", "six.py", "dateutil", "urllib3"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The package's folder, and what `sam build` printed."""
    folder = tmp_path_factory.mktemp("package")
    _, printed = build(folder)
    return folder / "OrderFunction", printed


def contents(package: Path) -> set[str]:
    """Return the names that can be imported from the package."""
    return {
        path.name
        for path in package.iterdir()
        if path.suffix != ".dist-info" and not path.name.startswith(".")
    }


def test_only_what_the_function_needs_is_packed(built: tuple[Path, str]) -> None:
    """Neither boto3, which the runtime has, nor the command line, nor the app's demo and its other fronts."""
    package, _ = built
    assert contents(package) == APP | FLUX | OTHERS


def test_nothing_packed_is_compiled_or_a_test(built: tuple[Path, str]) -> None:
    """So it runs on every runtime and architecture, whatever Python made it."""
    package, _ = built
    unwanted = re.compile(r"\.(so|pyc|pyd)$|(^|/)(__pycache__|tests?)(/|$)")
    assert [path for path in package.rglob("*") if unwanted.search(str(path.relative_to(package)))] == []


def test_the_zipped_size_is_shown(built: tuple[Path, str]) -> None:
    """The build says it beside what Lambda takes, and it is under half a megabyte."""
    _, printed = built
    size = re.search(r"^zipped +(\d+) KB +of 50 MB$", printed, re.MULTILINE)
    assert size
    assert 100 < int(size[1]) < 512


def test_boto3_is_packed_on_request(tmp_path: Path) -> None:
    """`BOTO3=1 sam build` packs it, with all that it needs."""
    build(tmp_path, env=environment(BOTO3="1"))
    assert contents(tmp_path / "OrderFunction") == APP | FLUX | OTHERS | IN_THE_RUNTIME

"""What is built for AWS, in the Lambda runtime: AWS's client and boto3, and nothing else but the package."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from built.building import ORDER

from services.lambda_rie import LambdaRuntime
from services.tool_venv import tool_venv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("build")
TARGET = "aws"


def test_the_function_takes_an_order_and_its_redelivery(
    package: Path, stores: dict[str, str], charges: Callable[[], int]
) -> None:
    """Both are the same completed run, and one charge; its log lines are there, so Powertools is whole enough."""
    python = tool_venv("lambda-awslambdaric-4.2.2-boto3", "awslambdaric==4.2.2", "boto3") / "python"
    settings = stores | {"PYTHONPATH": str(package), "AWS_LAMBDA_FUNCTION_NAME": "orders"}
    with LambdaRuntime(package, env=settings, python=str(python)) as function:
        first, second = function.invoke(ORDER), function.invoke(ORDER)
    assert (first.payload["status"], first.payload["id"]) == ("completed", "order-o_001")
    assert second.payload == first.payload
    assert charges() == 1
    assert '"type":"workflow:complete"' in first.log.replace(" ", "")


def test_every_part_of_flux_that_needs_a_package_finds_it(package: Path) -> None:
    """The store, the wakers, the traces of the package can be imported beside what the runtime has."""
    python = tool_venv("lambda-awslambdaric-4.2.2-boto3", "awslambdaric==4.2.2", "boto3") / "python"
    code = (
        "import flux_aws; [getattr(flux_aws, name) for name in flux_aws.__all__];"
        "from flux_core.storage import open_storage; open_storage('dynamodb://orders?region=us-east-1')"
    )
    settings = {"PYTHONPATH": str(package), "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    command = [str(python), "-c", code]
    ended = subprocess.run(command, env=settings, cwd=package, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

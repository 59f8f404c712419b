"""What is built for Google Cloud, on functions-framework: an empty environment, its `requirements.txt`, the package."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from built.building import ORDER

from services.functions_framework import FunctionsFramework
from services.tool_venv import tool_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("build")
TARGET = "gcp"
DEPLOYED = {
    "K_SERVICE": "orders",
    "FLUX_TASKS_QUEUE": "projects/shop/locations/europe-west1/queues/wakes",
    "FLUX_CONTROL_URL": "https://control.example",
    "FLUX_SERVICE_ACCOUNT": "orders@shop.iam.gserviceaccount.com",
}
PUSHED = {
    "message": {
        "data": base64.b64encode(json.dumps(ORDER).encode()).decode(),
        "messageId": "1",
        "attributes": {},
    },
    "subscription": "projects/shop/subscriptions/orders",
}


class InstalledFramework(FunctionsFramework):
    """The server of an environment, which has what the package's requirements name and nothing else."""

    def __init__(self, python: Path, source: Path, target: str, environment: Mapping[str, str]) -> None:
        super().__init__(source, target, environment={"PYTHONPATH": "", **environment})
        self._python = python

    def command(self) -> list[str]:
        """Return the command, by that environment's Python."""
        return [str(self._python), *super().command()[1:]]


@pytest.fixture
def python(package: Path) -> Path:
    """The Python of an environment made from the package's requirements, each wheel checked against its digest."""
    requirements = package / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    installed = ["--require-hashes", "--only-binary=:all:", "--requirement", str(requirements)]
    return tool_venv(f"built-for-gcp-{digest}", *installed) / "python"


def post(url: str, document: object) -> tuple[int, str]:
    """Send a document, and return status and body."""
    request = Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})  # noqa: S310 (loopback)
    with urlopen(request, timeout=30) as answer:  # noqa: S310 (the same)
        return answer.status, answer.read().decode()


def test_an_order_by_http_and_by_pub_sub_is_one_run(
    package: Path, python: Path, stores: dict[str, str], charges: Callable[[], int]
) -> None:
    """Two functions of one package, deployed as Cloud Run does it, share the store: one run, one charge."""
    settings = stores | DEPLOYED
    with InstalledFramework(python, package / "main.py", "order", settings) as function:
        status, body = post(function.url, ORDER)
    answer = json.loads(body)
    assert (status, answer["status"], answer["id"]) == (200, "completed", "order-o_001")
    with InstalledFramework(python, package / "main.py", "order_event", settings) as function:
        assert post(function.url, PUSHED)[0] == 200
    assert charges() == 1


def test_every_part_of_flux_that_needs_a_package_finds_it(package: Path, python: Path) -> None:
    """What the adapter imports late can be imported, and the store's scheme is known by the package's metadata."""
    code = (
        "import flux_gcp; [getattr(flux_gcp, name) for name in flux_gcp.__all__];"
        "import google.cloud.firestore, google.cloud.tasks_v2;"
        "from importlib.metadata import entry_points;"
        "assert entry_points(group='flux.storage').names == {'firestore'}"
    )
    ended = subprocess.run([python, "-c", code], cwd=package, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

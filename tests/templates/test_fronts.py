"""The order template's three fronts: one workflow behind each, over one store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates" / "order-fulfillment"
ORDER = (TEMPLATE / "events" / "order.json").read_text()
FRONTS = {
    "aws": "import json, sys, app; print(json.dumps(app.handler(json.loads(sys.argv[1]), None)))",
    "gcp": """
import json, sys, functions_framework
client = functions_framework.create_app("order", "main.py").test_client()
print(client.post("/", json=json.loads(sys.argv[1])).text)
""",
    "azure": """
import sys, types, azure.functions as func, function_app
[http] = [one for one in function_app.app.get_functions() if one.get_function_name() == "http_orders"]
request = func.HttpRequest(method="POST", url="/api/orders", body=sys.argv[1].encode())
context = types.SimpleNamespace(invocation_id="1", trace_context=None, retry_context=None)
print(http.get_user_function()(request, context).get_body().decode())
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the template, as a project of its own."""
    return Path(shutil.copytree(TEMPLATE, tmp_path / "shop"))


def output(project: Path, code: str, *arguments: str, **variables: str) -> str:
    """Return what the project's Python prints; the stores lie in the project's folder."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}",
        "FLUX_STORE": f"sqlite:///{project}/orders.db",
        "SHOP_DB": f"{project}/shop.db",
    }
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(
        command,
        cwd=project,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_same_order_at_three_fronts_is_one_run(project: Path) -> None:
    """Each answers the same, and the customer is charged once."""
    answers: list[Any] = [json.loads(output(project, code, ORDER)) for code in FRONTS.values()]
    assert answers[0]["id"] == "order-o_001"
    assert answers[0]["status"] == "completed"
    assert answers == answers[:1] * len(FRONTS)
    count = "import services; print(services.count('payment', 'o_001', table='calls'))"
    assert output(project, count) == "1\n"


DEPLOYED = {
    "app": {"AWS_LAMBDA_FUNCTION_NAME": "orders"},
    "main": {
        "K_SERVICE": "orders",
        "FLUX_TASKS_QUEUE": "projects/shop/locations/europe-west1/queues/wakes",
        "FLUX_CONTROL_URL": "https://control.example",
        "FLUX_SERVICE_ACCOUNT": "orders@shop.iam.gserviceaccount.com",
    },
    "function_app": {"WEBSITE_SITE_NAME": "orders", "AzureWebJobsStorage__accountName": "shop"},
}
"""What a cloud's functions find in their environment, by the front's module."""


@pytest.mark.parametrize(
    ("module", "sink", "waker"),
    [
        ("app", "CloudWatchTrace", "LambdaWaker"),
        ("main", "CloudLoggingTrace", "CloudTasksWaker"),
        ("function_app", "AppInsightsTrace", "QueueWaker"),
    ],
)
def test_a_deployed_front_traces_and_wakes_by_its_cloud(
    module: str, sink: str, waker: str, project: Path
) -> None:
    """On its cloud a front writes to the cloud's logs and is woken by its queue; nowhere else does it try to."""
    code = (
        f"import {module}; from flux_core import App;"
        f"[app] = [value for value in vars({module}).values() if isinstance(value, App)];"
        "print(*(type(sink).__name__ for sink in app.trace), type(app.waker).__name__)"
    )
    assert output(project, code, **DEPLOYED[module]) == f"{sink} {waker}\n"
    assert output(project, code) == "NoneType\n"


@pytest.mark.parametrize(
    ("level", "settings"), [("function", {}), ("anonymous", {"HTTP_AUTH_LEVEL": "ANONYMOUS"})]
)
def test_who_may_post_an_order_on_azure_is_a_setting(
    level: str, settings: dict[str, str], project: Path
) -> None:
    """A function key is needed, until the platform is said to know who calls."""
    code = (
        "import function_app;"
        "[http] = [one for one in function_app.app.get_functions() if one.get_function_name() == 'http_orders'];"
        "print(http.get_trigger().auth_level.value)"
    )
    assert output(project, code, **settings).lower() == f"{level}\n"

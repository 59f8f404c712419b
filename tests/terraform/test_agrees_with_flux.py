"""What the modules for Google Cloud and Azure count on, the adapters and the order template have."""

from __future__ import annotations

import ast
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from terraform.files import TERRAFORM

from flux_azure import AppInsightsTrace, QueueWaker, TableStorage
from flux_cli._build.target import AZURE
from flux_core import App, Fatal, Workflow
from flux_core._serving.measure import measure
from flux_core.storage import MemoryStorage, open_storage
from flux_gcp import CloudLoggingTrace, FirestoreStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from terraform.runs import Resources, Tested

pytestmark = pytest.mark.xdist_group("terraform")

TEMPLATE = TERRAFORM.parent / "templates" / "order-fulfillment"
ADAPTERS = TERRAFORM.parent / "adapters"


def made(tested: Callable[[Path], Tested], cloud: str, run: str = "by_default") -> Resources:
    """Return what a run of a module's tests makes."""
    return tested(TERRAFORM / cloud).made[run]


def settings(resources: Resources) -> dict[str, str]:
    """Return the environment of Google Cloud's functions, or of Azure's function app."""
    for address, one in resources.items():
        if address.startswith("google_cloudfunctions2_function."):
            return dict(one["service_config"][0]["environment_variables"])
    return dict(resources["azurerm_function_app_flex_consumption.this"]["app_settings"])


def refuse(_ctx: Any) -> None:
    """Fail for good."""
    raise Fatal("out of stock: mug")


def says(sink: Any) -> None:
    """Have a sink told of a run that fails, and of a tick."""
    app = App([Workflow("order-fulfillment").step("validate", refuse)], storage=MemoryStorage(), trace=[sink])
    assert app.execute("order-fulfillment", {}).status == "failed"
    measure(app, "DueAge", 12.0, unit="Seconds")


def test_the_alarms_of_google_cloud_read_what_is_logged(
    tested: Callable[[Path], Tested], capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed run and a tick are lines with the fields that the metrics filter by and take out."""
    says(CloudLoggingTrace())
    lines = [json.loads(line)["flux"] for line in capsys.readouterr().out.splitlines()]
    metrics = made(tested, "gcp")
    failed, late = metrics["google_logging_metric.runs_failed"], metrics["google_logging_metric.due_age"]
    assert re.findall(r"jsonPayload\.flux\.(\w+)=\"([\w:]+)\"", failed["filter"] + late["filter"]) == [
        ("type", "workflow:error"),
        ("metric", "DueAge"),
    ]
    assert failed["label_extractors"] == {"workflow": "EXTRACT(jsonPayload.flux.workflowName)"}
    assert late["value_extractor"] == "EXTRACT(jsonPayload.flux.value)"
    assert [line["workflowName"] for line in lines if line.get("type") == "workflow:error"] == [
        "order-fulfillment"
    ]
    assert [line["value"] for line in lines if line.get("metric") == "DueAge"] == [12.0]


def test_the_alarms_of_azure_read_what_is_logged(
    tested: Callable[[Path], Tested], caplog: pytest.LogCaptureFixture
) -> None:
    """A failed run and a tick are records whose text has the fields that the queries read."""
    with caplog.at_level(logging.INFO, logger="flux.trace"):
        says(AppInsightsTrace())
    texts = [
        json.loads(record.getMessage())["flux"] for record in caplog.records if record.name == "flux.trace"
    ]
    alarms = made(tested, "azure")
    kind = "azurerm_monitor_scheduled_query_rules_alert_v2.this"
    failed = alarms[f'{kind}["runs-fail-order-fulfillment"]']["criteria"][0]["query"]
    late = alarms[f'{kind}["runs-late"]']["criteria"][0]["query"]
    assert set(re.findall(r"flux\.(\w+)", failed)) == {"type", "workflowName"}
    assert set(re.findall(r"flux\.(\w+)", late)) == {"metric", "value"}
    assert [text["workflowName"] for text in texts if text.get("type") == "workflow:error"] == [
        "order-fulfillment"
    ]
    assert [text["value"] for text in texts if text.get("metric") == "DueAge"] == [12.0]


@pytest.mark.parametrize("run", ["by_default", "with_everything"])
@pytest.mark.parametrize(("cloud", "kind"), [("gcp", FirestoreStorage), ("azure", TableStorage)])
def test_the_store_is_opened_by_its_url(
    tested: Callable[[Path], Tested], cloud: str, kind: type, run: str
) -> None:
    """`FLUX_STORE` names the cloud's own store, with no option that it does not know."""
    assert isinstance(open_storage(settings(made(tested, cloud, run))["FLUX_STORE"]), kind)


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_every_variable_is_read(tested: Callable[[Path], Tested], cloud: str) -> None:
    """No `FLUX_...` is set that no adapter looks for."""
    files = [*(ADAPTERS / f"flux_{cloud}").rglob("*.py"), *(TERRAFORM.parent / "flux_core").rglob("*.py")]
    source = "".join(file.read_text() for file in files)
    names = [name for name in settings(made(tested, cloud)) if name.startswith("FLUX_")]
    assert names
    assert [name for name in names if f'"{name}"' not in source] == []


def test_the_template_has_the_functions_of_google_cloud(tested: Callable[[Path], Tested]) -> None:
    """Each entry point that is deployed is a name of `main.py`."""
    tree = ast.parse((TEMPLATE / "main.py").read_text())
    names = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    functions = [
        one
        for address, one in made(tested, "gcp").items()
        if address.startswith("google_cloudfunctions2_function.")
    ]
    assert {one["build_config"][0]["entry_point"] for one in functions} <= names


def test_a_package_is_built_for_each_runtime_of_azure() -> None:
    """The versions of Python that the module takes are those of `flux build`."""
    variables = (TERRAFORM / "azure" / "variables.tf").read_text()
    (taken,) = re.findall(r"contains\((\[.*\]), var\.runtime\)", variables)
    assert json.loads(taken) == list(AZURE.glibc)


def test_the_template_has_the_queues_settings_of_azure(tested: Callable[[Path], Tested]) -> None:
    """The template, the module and the documentation take as many messages at once, and repeat them alike."""
    host = json.loads((TEMPLATE / "host.json").read_text())
    (told,) = re.findall(
        r"```json\n(.*?)```", (TERRAFORM.parent / "docs" / "azure.md").read_text(), re.DOTALL
    )
    assert json.loads(told) == host
    prefix = "AzureFunctionsJobHost__extensions__queues__"
    made_by_module = {
        name.removeprefix(prefix): value
        for name, value in settings(made(tested, "azure")).items()
        if name.startswith(prefix)
    }
    assert {name: str(value) for name, value in host["extensions"]["queues"].items()} == made_by_module


def test_the_template_reads_the_queues_of_azure(tested: Callable[[Path], Tested]) -> None:
    """The queues that are made are those of the template and of the waker, each with its poison queue."""
    named = re.search(r'queue="([\w-]+)"', (TEMPLATE / "function_app.py").read_text())
    waker = QueueWaker(connection="UseDevelopmentStorage=true")
    assert named
    queues = {
        one["name"]
        for address, one in made(tested, "azure").items()
        if address.startswith("azurerm_storage_queue.")
    }
    assert queues == {
        f"{queue}{ending}" for queue in (named[1], waker.queue_name) for ending in ("", "-poison")
    }

"""The OpenAPI document is true: every route is in it, and real answers are as it says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from core.http.asking import Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, IDS, shop
from jsonschema_rs import Draft202012Validator, meta

from flux_core._http.openapi import document
from flux_core._http.routes import ROUTES
from flux_core._http.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def respond() -> Iterator[Respond]:
    """Give what sends requests to a shop with runs in every state."""
    with shop() as app:
        yield by(router(app))


def closed(schema: Any) -> Any:
    """Return the schema as one in which an object has no fields but those that it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    return inner | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else inner


DOCUMENT = document(ROUTES)
STRICT = {"components": {"schemas": closed(dict(SCHEMAS))}}


def check(value: Any, name: str) -> None:
    """Hold a value against a schema; a field of which it says nothing is an error."""
    schema = STRICT | {"$ref": f"#/components/schemas/{name}"}
    Draft202012Validator(schema, validate_formats=True).validate(value)


def test_it_is_served_as_it_is_made(respond: Respond) -> None:
    """And is OpenAPI 3.1."""
    got = respond(Sent("GET", "/openapi.json"))
    assert (got.status, got.json) == (200, DOCUMENT)
    assert got.json["openapi"] == "3.1.0"


def test_every_route_is_there() -> None:
    """With its method, once, under a name of its own."""
    assert {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item} == {
        (route.path, route.method) for route in ROUTES
    }
    assert len({(route.path, route.method) for route in ROUTES}) == len(ROUTES)
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_schemas_are_schemas() -> None:
    """Each is valid, and each is referred to."""
    for schema in SCHEMAS.values():
        meta.validate(schema)
    text = str(DOCUMENT)
    assert [name for name in SCHEMAS if f"#/components/schemas/{name}'" not in text] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_says_who_may_ask(route: Any) -> None:
    """Its role, and that others are refused; what acts is not for readers."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    refusals = {"401", "403"} & operation["responses"].keys()
    assert operation["security"] == ([{"token": [route.role]}] if route.role else [])
    assert refusals == ({"401", "403"} if route.role else set())
    assert route.role == ("operate" if route.acts else "read") or route.path in {"/healthz", "/openapi.json"}


@pytest.mark.parametrize("run_id", IDS)
def test_a_run_in_any_state_is_as_documented(respond: Respond, run_id: str) -> None:
    """Nothing is there of which the document says nothing."""
    check(respond(Sent("GET", f"/runs/{run_id}", headers=AS_OPERATOR)).json, "Run")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/healthz", "Health"),
        ("/openapi.json", "OpenAPI"),
        ("/workflows", "Workflows"),
        ("/workflows/order", "WorkflowWithStatistics"),
        ("/runs", "RunPage"),
        ("/runs/counts", "Counts"),
        ("/runs/failed/plan", "Plan"),
        ("/nothing", "Problem"),
        ("/runs/none", "Problem"),
        ("/runs/completed/plan", "Problem"),
    ],
)
def test_an_answer_is_as_documented(respond: Respond, path: str, schema: str) -> None:
    """Nothing is there of which the document says nothing."""
    check(respond(Sent("GET", path, headers=AS_OPERATOR)).json, schema)


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/runs/failed/retry", b"", "Acted"),
        ("/runs/sleeping/pause", b"", "Acted"),
        ("/workflows/order/runs", b'{"waits": true}', "Stands"),
        ("/workflows/order/runs", b'{"order": 1}', "Problem"),
        ("/workflows/order/runs", b'{"at": {"check": "fatal"}}', "Problem"),
    ],
)
def test_the_answer_to_an_act_is_as_documented(respond: Respond, path: str, body: bytes, schema: str) -> None:
    """Nothing is there of which the document says nothing."""
    check(respond(Sent("POST", path, headers=AS_OPERATOR, body=body)).json, schema)


@pytest.mark.parametrize(
    ("method", "route", "path"),
    [
        ("GET", "/runs/{id}", "/runs/none"),
        ("GET", "/runs/{id}", "/runs/%FF"),
        ("GET", "/runs/{id}/plan", "/runs/completed/plan"),
        ("POST", "/runs/{id}/resolve", "/runs/completed/resolve"),
        ("POST", "/runs/{id}/cancel", "/runs/completed/cancel"),
        ("POST", "/workflows/{name}/runs", "/workflows/none/runs"),
    ],
)
def test_a_code_stands_under_its_status(respond: Respond, method: str, route: str, path: str) -> None:
    """Whoever writes a client sees which there are."""
    got = respond(Sent(method, path, headers=AS_OPERATOR, body=b"" if "resolve" in path else b"{}"))
    said = DOCUMENT["paths"][route][method.lower()]["responses"][str(got.status)]["description"]
    assert got.json["code"] in said


def test_it_is_loaded_where_it_is_served() -> None:
    """A function that starts runs pays nothing for the API; nor does it for the document until it is asked for."""
    script = (
        "import sys, flux_core, flux_core._serving.http; from flux_core import App, Workflow\n"
        "assert not [name for name in sys.modules if name.startswith('flux_core._http')]\n"
        "import flux_core._http; assert 'flux_core._http.openapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

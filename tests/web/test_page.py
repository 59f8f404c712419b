"""The viewer's files, and its pictures, over HTTP."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio
import pytest
from web.shop import READ, TOKENS, Client, Store, shop

import flux_web
from flux_core import App
from flux_web._drawings import SVG

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from flux_core import Run


VIEWER = files("flux_web") / "_viewer"


@pytest.fixture
def client() -> Iterator[Client]:
    """Somebody on this computer, and a run that has failed."""
    with Client(flux_web.asgi(shop(), tick_every=None)) as client:
        client.post("/workflows/order/runs", json={"broke": True}, headers={"Idempotency-Key": "o1"})
        yield client


@pytest.mark.parametrize(
    ("path", "name", "media_type"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/viewer/viewer.js", "viewer.js", "text/javascript; charset=utf-8"),
        ("/viewer/viewer.css", "viewer.css", "text/css; charset=utf-8"),
    ],
)
def test_a_file_of_the_viewer_is_served_as_it_lies_in_the_package(
    path: str, name: str, media_type: str
) -> None:
    """Byte for byte, to anybody: it holds nothing but the program."""
    client = Client(flux_web.asgi(shop(), tokens=TOKENS), client="192.0.2.7")
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content == (VIEWER / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/viewer/",
        "/viewer/index.html",
        "/viewer/../_asgi.py",
        "/viewer/%2e%2e/_asgi.py",
        "/viewer/..%2f_asgi.py",
        "/viewer/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/viewer/viewer.js/",
        "/viewer/viewer.js%00.css",
        "/viewer//viewer.js",
        "//viewer/viewer.js",
        "/viewer/Viewer.js",
        "/viewer/viewer%2ejs",
        "/../../etc/passwd",
        "/_viewer/viewer.js",
    ],
)
def test_no_other_file_is_served(path: str) -> None:
    """A path is one of those that there are, or nothing: it never becomes the name of a file."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }  # a client would tidy the path up before it sends it
    anyio.run(flux_web.asgi(shop(), tick_every=None), scope, receive, send)
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path",
    [
        "/viewer/workflows/order/graph.svg",
        "/viewer/runs/o1/graph.svg",
        "/viewer/runs/o1/graph.svg?step=0",
        "/viewer/runs/o1/timeline.svg",
        "/viewer/runs/o1/timeline.svg?width=400&offset=-840",
        "/viewer/runs/o1/graph.svg?offset=60",
        "/viewer/chart.svg?workflow=order&status=failed&slots=3&width=400&offset=60",
        "/viewer/chart.svg?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z",
    ],
)
def test_a_picture_is_svg(client: Client, path: str) -> None:
    """It is drawn where the runs are."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, SVG)
    assert answer.text.startswith("<svg ")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/viewer/workflows/nothing/graph.svg", 404, "UNKNOWN_WORKFLOW"),
        ("/viewer/runs/nothing/graph.svg", 404, "RUN_NOT_FOUND"),
        ("/viewer/runs/nothing/timeline.svg", 404, "RUN_NOT_FOUND"),
        ("/viewer/runs/o%201/timeline.svg", 400, "INVALID_ID"),
        ("/viewer/runs/o%ff/timeline.svg", 400, "INVALID_PATH"),
        ("/viewer/runs//timeline.svg", 404, "NOT_FOUND"),
        ("/viewer/runs/o1/other.svg", 404, "NOT_FOUND"),
        ("/viewer/chart.svg?colour=blue", 422, "INVALID_INPUT"),
        ("/viewer/chart.svg?slots=0", 422, "INVALID_INPUT"),
        ("/viewer/runs/o1/timeline.svg?width=wide", 422, "INVALID_INPUT"),
        ("/viewer/runs/o1/timeline.svg?offset=841", 422, "INVALID_INPUT"),
        ("/viewer/runs/o1/timeline.svg?offset=east", 422, "INVALID_INPUT"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_a_problem(
    client: Client, path: str, status: int, code: str
) -> None:
    """It is said in the API's words."""
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_picture_is_for_who_may_read() -> None:
    """It needs a token as the data does that it shows; a token that reads is enough."""
    client = Client(flux_web.asgi(shop(), tokens=TOKENS, tick_every=None))
    for path in ("/viewer/chart.svg", "/viewer/workflows/order/graph.svg"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {READ}"}).status_code == 200


def test_a_workflow_without_a_definition_is_drawn_from_its_runs() -> None:
    """As a trace shows it, or the runs of a workflow that the app has no more."""
    app = shop()
    app.execute("order", {}, id="o1")
    client = Client(flux_web.asgi(App([], app.storage), tick_every=None))
    for path in (
        "/viewer/workflows/order/graph.svg",
        "/viewer/runs/o1/graph.svg",
        "/viewer/runs/o1/timeline.svg",
    ):
        assert "charge" in client.get(path).text


def test_what_is_to_be_masked_is_not_in_a_picture() -> None:
    """A picture is drawn of the run as people may see it."""
    shown: list[str] = []

    class Masking(App):
        def shown(self, run: Run) -> Run:
            shown.append(run.id)
            return super().shown(run)

    app = Masking(shop().workflows, Store())
    app.execute("order", {}, id="o1")
    client = Client(flux_web.asgi(app, tick_every=None))
    assert client.get("/viewer/runs/o1/graph.svg").status_code == 200
    assert client.get("/viewer/runs/o1/timeline.svg").status_code == 200
    assert shown == ["o1", "o1"]


def test_what_is_known_of_a_trace_is_told() -> None:
    """How far a file has been read, and what is wrong with it, stand in what the viewer is about."""

    class Half(App):
        progress = 0.5
        note = "the file is not there (yet)"

    client = Client(flux_web.asgi(None, runs=Half([], Store()), source="trace orders.ndjson"))
    about = client.get("/viewer/about").json()
    assert (about["progress"], about["note"]) == (0.5, "the file is not there (yet)")

"""The same request is answered alike by every front that can be steered: status, headers, and each byte of the body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from core.http.asking import Got, Sent
from core.http.shop_of_runs import OPERATE, READ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.http.asking import Respond

pytestmark = pytest.mark.xdist_group("steered")

LOOKING: Final = {"Authorization": f"Bearer {READ}"}
ACTING: Final = {"Authorization": f"Bearer {OPERATE}"}
API_HEADERS: Final = frozenset(
    {
        *("allow", "cache-control", "content-type", "etag", "location", "preference-applied", "retry-after"),
        *("vary", "www-authenticate"),
    }
)
"""What the API may say beside the body; servers add their own, and flux_web, which has pages too, those of a site."""


def said(got: Got) -> tuple[int, dict[str, str], str]:
    """Return what a front says; the type of a body that is not there is the platform's own matter."""
    empty = got.status in {204, 304}
    headers = {
        name: "later"
        if name == "retry-after"
        else value  # seconds from now, and the fronts are asked one by one
        for name, value in got.headers.items()
        if name in API_HEADERS and not (empty and name == "content-type")
    }
    return got.status, headers, got.text


def alike(steered: Mapping[str, Respond], sent: Sent) -> Got:
    """Return what every front answers to a request."""
    (first, expected), *others = ((name, respond(sent)) for name, respond in steered.items())
    assert expected.headers.keys() <= API_HEADERS, f"{first} has nothing between it and the API"
    for name, got in others:
        assert said(got) == said(expected), f"{name} does not say what {first} says"
    return expected


def look(path: str, query: str = "", **headers: str) -> Sent:
    """Return a request of somebody who may look."""
    return Sent("GET", path, query, LOOKING | headers)


def act(path: str, body: Any = None, *, method: str = "POST", query: str = "", **headers: str) -> Sent:
    """Return a request of somebody who may act; a body that is not bytes goes as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(method, path, query, ACTING | {"Content-Type": "application/json"} | named, raw)


LOOKS: Final = {
    "all runs": (look("/runs", "limit=200"), 200),
    "some runs": (look("/runs", "status=failed&status=suspended&workflow=order&tag=made&id=f"), 200),
    "runs since a time": (look("/runs", "since=2026-01-31T12%3A00%3A00%2B01%3A00&until=4102444800"), 200),
    "a run": (look("/runs/rolled-back"), 200),
    "a run without its body": (look("/runs/rolled-back")._replace(method="HEAD"), 200),
    "an encoded id": (look("/runs/%72olled%2Dback"), 200),
    "counts": (look("/runs/counts", "since=1700000000&until=1700003600&slots=3"), 200),
    "a plan": (look("/runs/failed/plan"), 200),
    "workflows": (look("/workflows"), 200),
    "a workflow": (look("/workflows/order", "last=50"), 200),
    "health": (Sent("GET", "/healthz"), 200),
    "the document": (Sent("GET", "/openapi.json"), 200),
    "events": (look("/events", "run=completed"), 200),
    "no such run": (look("/runs/nobody"), 404),
    "no such workflow": (look("/workflows/nobody"), 404),
    "no such path": (look("/runs/completed/everything"), 404),
    "events of no run": (look("/events", "run=nobody"), 404),
    "no token": (Sent("GET", "/runs"), 401),
    "a wrong token": (Sent("GET", "/runs", "", {"Authorization": f"Bearer {READ}x"}), 401),
    "no bearer": (Sent("GET", "/runs", "", {"Authorization": f"Basic {READ}"}), 401),
    "a role too low": (look("/runs/failed")._replace(method="DELETE"), 403),
    "a method that is not taken": (look("/runs/failed")._replace(method="PUT"), 405),
    "a method that nobody knows": (look("/runs")._replace(method="PATCH"), 405),
    "an unknown parameter": (look("/runs", "colour=red"), 422),
    "a parameter of another type": (look("/runs", "limit=many"), 422),
    "a parameter that is out of range": (look("/runs", "limit=201"), 422),
    "a cursor that is none": (look("/runs", "cursor=%00%C3%28"), 422),
    "quotes": (look("/runs/%22%27%3Cscript%3E"), 400),
    "a slash": (look("/runs/a%2Fb"), 400),
    "a slash, encoded twice": (look("/runs/a%252Fb"), 400),
    "dots": (look("/runs/%2E%2E%2Fhealthz"), 400),
    "a space": (look("/runs/a%20b"), 400),
    "letters of other alphabets": (look("/runs/%D0%B9%E4%BD%A0"), 400),
    "a control character": (look("/runs/a%00b"), 400),
    "no UTF-8": (look("/runs/%FF%FE"), 400),
    "a long id": (look(f"/runs/{'a' * 2000}"), 400),
}


@pytest.mark.parametrize(("sent", "status"), LOOKS.values(), ids=list(LOOKS))
def test_who_looks_is_answered_alike(steered: dict[str, Respond], sent: Sent, status: int) -> None:
    """Whatever there is to be seen, and whatever is wrong with the request."""
    assert alike(steered, sent).status == status


@pytest.mark.parametrize("path", ["/runs/completed%0A", "/runs/%0D%0Acompleted"])
def test_a_line_break_leads_nowhere(steered: dict[str, Respond], path: str) -> None:
    """No run can be called so; functions-framework answers by itself that there is no such path."""
    assert {respond(look(path)).status for respond in steered.values()} == {400, 404}


def test_what_has_not_changed_is_not_sent_again(steered: dict[str, Respond]) -> None:
    """The entity tags are the same everywhere, and so are the answers to who has one."""
    tag = alike(steered, look("/runs/completed")).headers["etag"]
    again = alike(steered, look("/runs/completed", **{"If-None-Match": tag}))

    assert (again.status, again.text, again.headers["etag"]) == (304, "", tag)


def test_a_cursor_leads_on(steered: dict[str, Respond]) -> None:
    """Page after page, and each front goes on from the others' cursors."""
    first = alike(steered, look("/runs", "limit=2"))
    second = alike(steered, look("/runs", f"limit=2&cursor={first.json['cursor']}"))

    assert len({run["id"] for got in (first, second) for run in got.json["runs"]}) == 4


NEW: Final = {"order_id": "new"}
ACTS: Final = {
    "a new run": (act("/workflows/order/runs", NEW, Idempotency_Key="new"), 200),
    "the same run": (act("/workflows/order/runs", NEW, Idempotency_Key="new"), 200),
    "another input": (act("/workflows/order/runs", {"order_id": "old"}, Idempotency_Key="new"), 409),
    "a run for later": (
        act(
            "/workflows/order/runs", NEW, Idempotency_Key="later", Prefer="respond-async", query="tag=a&tag=b"
        ),
        202,
    ),
    "a run that is refused": (
        act("/workflows/order/runs", {"at": {"check": "fatal"}}, Idempotency_Key="refused-too"),
        422,
    ),
    "an input of the wrong shape": (act("/workflows/order/runs", {"order_id": 1}), 422),
    "no JSON": (act("/workflows/order/runs", b"{order"), 400),
    "no input": (act("/workflows/order/runs"), 400),
    "too long an input": (act("/workflows/order/runs", {"order_id": "o" * 1_000_000}), 413),
    "an id that is none": (act("/workflows/order/runs", NEW, Idempotency_Key=""), 400),
    "no such workflow": (act("/workflows/nothing/runs", NEW), 404),
    "a signal": (act("/runs/waiting/signals/approved", {"by": "anna"}, Idempotency_Key="s-1"), 200),
    "the same signal": (act("/runs/waiting/signals/approved", {"by": "anna"}, Idempotency_Key="s-1"), 200),
    "a signal too late": (act("/runs/completed/signals/approved", None), 409),
    "a retry": (act("/runs/refused/retry", {"step": "check"}), 200),
    "a retry of a run that has changed": (act("/runs/failed/retry", If_Match='"old"'), 412),
    "a retry from no step": (act("/runs/failed/retry", {"step": "nothing"}), 404),
    "an unknown field": (act("/runs/failed/retry", {"from": "check"}), 422),
    "a pause": (act("/runs/sleeping/pause"), 200),
    "a resumption": (act("/runs/paused/resume"), 200),
    "a commit that did happen": (act("/runs/interrupted/resolve", {"step": "send", "output": "sent"}), 200),
    "a cancellation": (act("/runs/backing-off/cancel", {"compensate": True}), 200),
    "a run that another worker holds": (act("/runs/running/retry", {"step": "check"}), 409),
    "a run that is gone": (act("/runs/rolled-back", method="DELETE"), 204),
    "a run that was gone": (act("/runs/rolled-back", method="DELETE"), 404),
}


@pytest.mark.parametrize(("sent", "status"), ACTS.values(), ids=list(ACTS))
def test_who_acts_is_answered_alike(steered: dict[str, Respond], sent: Sent, status: int) -> None:
    """Each front acts on its own copy of the runs."""
    assert alike(steered, sent).status == status

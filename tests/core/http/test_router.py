"""Requests find their routes, or are told why not; no request makes an error of the server's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from core.http.asking import Got, Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, IDS, WORKFLOWS, shop
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_core import App, StoreError, Workflow
from flux_core._http import Access, Router
from flux_core._http.reading import PROBE
from flux_core._http.routes import ROUTES
from flux_core._serving.body import MalformedBody
from flux_core._serving.http import Request
from flux_core._serving.service import Service
from flux_core.storage import MemoryStorage, SQLiteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core.storage import Record

METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "", "?")
ODD = [
    '"',
    "'",
    "/",
    "\\",
    "\x00",
    "\n",
    "\x7f",
    "\u202e",
    "%",
    "..",
    ".",
    " ",
    "é",
    "\U0001f4a9",
    "<script>",
]
"""What ids and names may be tried with."""


@pytest.fixture(scope="module")
def respond(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Respond]:
    """Give what sends requests to a shop whose runs are in a file."""
    with shop(SQLiteStorage(tmp_path_factory.mktemp("shop") / "shop.db")) as app:
        yield by(router(app))


def ask(respond: Respond, method: str, path: str, query: str = "", body: bytes = b"") -> Got:
    """Send a request of one who may operate."""
    return respond(Sent(method, path, query, AS_OPERATOR, body))


def code(got: Got) -> Any:
    """Return the code of a problem."""
    return got.json["code"]


@pytest.mark.parametrize(
    ("path", "handled"),
    [
        ("/runs", True),
        ("/runs/", True),
        ("/runs/a/b/c", True),
        ("/workflows/w/runs", True),
        ("/events", True),
        ("/healthz", True),
        ("/openapi.json", True),
        ("/", False),
        ("", False),
        ("runs", True),
        ("//runs", True),
        ("/./runs", True),
        ("/../runs/x", True),
        ("/Runs/x/cancel", True),
        ("/%72uns/x/cancel", True),
        ("/%2Fruns", True),
        ("/%20runs/x/cancel", True),
        ("/v1/runs/x/cancel", True),
        ("/v1//runs/x/signals/go/", True),
        ("/v1/workflows/order/runs", True),
        ("/runsome", False),
        ("/orders", False),
        ("/orders/runs", False),
        ("/%FF", False),
    ],
)
def test_a_path_says_whether_the_api_is_meant(path: str, *, handled: bool) -> None:
    """Its first segment does, as does what is nearly one, or ends like an act; all else is another's to serve."""
    assert Router.handles(path) is handled


@pytest.mark.parametrize(
    "path",
    [
        *("/", "", "/nothing", "/runs/", "/runs//plan", "/runs/a/b", "/runs/a/plan/", "/runs/../healthz"),
        *("/RUNS", "//runs", "/%72uns", "/v1/runs/waiting/plan"),
    ],
)
def test_nothing_is_there(respond: Respond, path: str) -> None:
    """The answer says where to see what there is; no path is walked up."""
    got = ask(respond, "GET", path)
    assert (got.status, code(got), "/openapi.json" in got.text) == (404, "NOT_FOUND", True)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/runs", "GET, HEAD"),
        ("POST", "/runs/x", "GET, DELETE, HEAD"),
        ("GET", "/runs/x/retry", "POST"),
        ("HEAD", "/workflows/w/runs", "POST"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
        ("get", "/runs", "GET, HEAD"),
    ],
)
def test_another_method_is_refused(respond: Respond, method: str, path: str, allowed: str) -> None:
    """The header `Allow` says which there are, before anybody is asked for a token."""
    got = respond(Sent(method, path))
    assert (got.status, got.headers["Allow"]) == (405, allowed)
    assert got.text == "" if method == "HEAD" else code(got) == "METHOD_NOT_ALLOWED"


def test_a_request_may_have_no_method(respond: Respond) -> None:
    """Some platforms leave it out of what they deliver."""
    served = router(App([Workflow("w").step("a", lambda ctx: None)]))
    assert served.respond(Request(None, {}, lambda: b"", None, "/runs"), deadline=None).status == 405


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("path", ["/runs/{}", "/runs/{}/plan"])
def test_an_odd_id_is_no_id(respond: Respond, path: str, odd: str) -> None:
    """It is refused, or there is no such run."""
    got = ask(respond, "GET", path.format(quote(f"a{odd}b", safe="")))
    assert (got.status, code(got)) in {
        (400, "INVALID_ID"),
        (400, "INVALID_PATH"),
        (404, "RUN_NOT_FOUND"),
    }


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_name_is_no_name(respond: Respond, odd: str) -> None:
    """There is no such workflow; a signal may be called so, if it can be printed."""
    name = quote(f"a{odd}b", safe="")
    assert ask(respond, "GET", f"/workflows/{name}").status in {400, 404}
    assert ask(respond, "POST", f"/workflows/{name}/runs", body=b"{}").status in {400, 404}
    assert ask(respond, "POST", f"/runs/waiting/signals/{name}").status in {200, 400, 404}


def test_a_segment_is_decoded_once(respond: Respond) -> None:
    """What is encoded twice stays encoded, and is no id then."""
    assert ask(respond, "GET", "/runs/%63ompleted").json["id"] == "completed"
    assert code(ask(respond, "GET", "/runs/%2563ompleted")) == "INVALID_ID"


@pytest.mark.parametrize("segment", ["%FF", "%00", "%0A", "%ED%A0%80", "\ud800"])
def test_a_segment_that_is_no_text(respond: Respond, segment: str) -> None:
    """It is refused by name."""
    got = ask(respond, "GET", f"/runs/{segment}")
    assert (got.status, code(got)) == (400, "INVALID_PATH")


def test_a_run_may_be_called_as_a_route() -> None:
    """Its id is percent-encoded then: what is encoded is never a word of the API's own."""
    with App([Workflow("w").step("a", lambda ctx: None)]) as app:
        app.execute("w", {}, id="counts")
        respond = by(router(app))
        assert "slots" in ask(respond, "GET", "/runs/counts").json
        assert ask(respond, "GET", "/runs/%63ounts").json["id"] == "counts"


@pytest.mark.parametrize("key", [".", "..", "counts"])
def test_a_run_is_not_named_by_what_no_url_says(respond: Respond, key: str) -> None:
    """Such a key is hashed: the same key is the same run, which is found where the answer says."""
    headers = {**AS_OPERATOR, "Idempotency-Key": key}
    first, second = (
        respond(Sent("POST", "/workflows/order/runs", "", headers, b"{}")).json for _ in range(2)
    )
    assert first == second
    assert len(first["id"]) == 64
    assert ask(respond, "GET", f"/runs/{first['id']}").json["id"] == first["id"]


def test_head_is_get_without_a_body(respond: Respond) -> None:
    """The headers are the same."""
    got, head = ask(respond, "GET", "/runs/failed"), ask(respond, "HEAD", "/runs/failed")
    assert (head.status, head.text) == (200, "")
    assert head.headers == got.headers


def test_answers_are_to_be_asked_for_again(respond: Respond) -> None:
    """Whoever keeps one may show it only after asking whether it is still so; errors too."""
    for path in ("/runs", "/runs/none", "/nothing"):
        assert ask(respond, "GET", path).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b'{"step": "check"', 400, "MALFORMED_BODY"),
        (b"\xff\xfe\xfd", 400, "MALFORMED_BODY"),
        (b'{"step": NaN}', 400, "MALFORMED_BODY"),
        (b"[" * 100_000, 400, "MALFORMED_BODY"),
        (b"[]", 422, "INVALID_INPUT"),
        (b"null", 422, "INVALID_INPUT"),
        (b'"check"', 422, "INVALID_INPUT"),
        (b'{"id": "completed"}', 422, "INVALID_INPUT"),
        (b'{"workflow": "report"}', 422, "INVALID_INPUT"),
        (b'{"step": 1}', 422, "INVALID_INPUT"),
        (b'{"redo_commits": "yes"}', 422, "INVALID_INPUT"),
        (b" " * 1_000_001, 413, "BODY_TOO_LARGE"),
    ],
    ids=range(12),
)
def test_a_body_that_cannot_be_taken(respond: Respond, body: bytes, status: int, expected: str) -> None:
    """It is refused, and nothing is done."""
    got = ask(respond, "POST", "/runs/failed/retry", body=body)
    assert (got.status, code(got)) == (status, expected)


def test_what_is_wrong_is_said_by_its_path(respond: Respond) -> None:
    """A field of the body by its name, as the client wrote it."""
    got = ask(respond, "POST", "/runs/failed/retry", body=b'{"stop": 1}')
    assert (got.json["path"], got.json["detail"]) == (
        "stop",
        "stop: unknown field; there are: step, redo_commits",
    )
    got = ask(respond, "POST", "/runs/failed/retry", body=b'{"step": 1}')
    assert (got.json["path"], got.json["detail"]) == ("step", "step: expected a str, got 1")
    assert ask(respond, "POST", "/runs/failed/pause", body=b"[1]").json["path"] == "body"


def test_a_body_that_cannot_be_read() -> None:
    """What the front finds wrong with it is answered too."""

    def unreadable() -> bytes:
        raise MalformedBody("the body is said to be base64, and is not")

    request = Request("POST", {}, unreadable, None, "/runs/failed/pause", trusted=True)
    assert router(shop()).respond(request, deadline=None).status == 400


class DownStorage(MemoryStorage):
    """A store that does not answer."""

    def load(self, run_id: str) -> Record | None:
        """Fail."""
        raise StoreError("the disk at /secret/place is full")


def test_a_store_that_is_down() -> None:
    """Health is 503, and so is everything else; where the store is stays in the log, and it is said what to do."""
    respond = by(router(App([Workflow("w").step("a", lambda ctx: None)], DownStorage())))
    for path in ("/healthz", "/runs/x", "/runs/x/plan"):
        got = ask(respond, "GET", path)
        assert (got.status, code(got), "secret" in got.text) == (503, "STORE_ERROR", False)
        assert "is in the log" in got.json["detail"]


def test_a_bug_is_no_stack_trace(caplog: pytest.LogCaptureFixture) -> None:
    """The client is told that it happened, the log what."""
    served = Router(Service.of(App([Workflow("w").step("a", lambda ctx: 1)])), access=Access({}), runs=None)
    request = Request("POST", {}, lambda: 1 / 0, None, "/runs/x/pause", trusted=True)  # type: ignore[arg-type, return-value]  # a front with a bug
    reply = served.respond(request, deadline=None)
    problem = json.loads(reply.text)
    assert (reply.status, problem["code"], "the log" in problem["detail"]) == (500, "INTERNAL_ERROR", True)
    assert "division" not in reply.text
    assert "division by zero" in caplog.text


SEGMENTS = st.sampled_from([*IDS, *WORKFLOWS, "approved", "none", *map(quote, ODD), "%2F", "%", "%zz", ""])
WORDS = st.sampled_from(
    sorted({word for route in ROUTES for word in route.path.split("/") if "{" not in word})
)
PATHS = st.one_of(
    st.sampled_from(sorted({route.path for route in ROUTES})).flatmap(
        lambda path: st.lists(SEGMENTS, min_size=2, max_size=2).map(
            lambda given: path.replace("{id}", given[0]).replace("{name}", given[1])
        )
    ),
    st.lists(st.one_of(WORDS, SEGMENTS, st.text(max_size=5)), max_size=5).map("/".join),
)
NAMES = st.sampled_from(
    [*sorted({each.name for route in ROUTES for each in route.query}), "", "x", "\x00", "%FF", "é"]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "failed",
            "order",
            "1",
            "-1",
            "true",
            "false",
            "2026-01-31T12:00:00Z",
            "9" * 400,
            "1e9",
            "nan",
            "%FF",
            "%00",
        ]
    ),
    st.text(max_size=6),
)
QUERIES = st.lists(st.tuples(NAMES, VALUES).map("=".join), max_size=4).map("&".join)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["If-Match", "If-None-Match", "Idempotency-Key", "Prefer", "Last-Event-ID", "Origin", "X"]
    ),
    st.one_of(st.sampled_from(["*", '"x"', "", "respond-async", "7"]), st.text(max_size=6)),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["step", "output", "run", "redo_commits", "compensate", "order_id", "x"]), inner
        )
    ),
    max_leaves=6,
)
BODIES = st.one_of(st.just(b""), st.binary(max_size=8), JSON.map(lambda value: json.dumps(value).encode()))
REQUESTS = st.builds(Sent, st.sampled_from(METHODS), PATHS, QUERIES, HEADERS.map(AS_OPERATOR.__or__), BODIES)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(sent=REQUESTS)
def test_no_request_makes_an_error_of_the_server(respond: Respond, sent: Sent) -> None:
    """Whatever is asked, the answer is below 500, and a problem says its status, a code and what is wrong."""
    got = respond(sent)
    assert got.status < 500, sent
    if got.status >= 400 and sent.method != "HEAD":
        problem = got.json
        assert got.headers["Content-Type"] == "application/problem+json"
        assert (problem["status"], problem["code"].isupper(), bool(problem["detail"])) == (
            got.status,
            True,
            True,
        )


def test_what_is_wrong_is_not_sent_back_whole(respond: Respond) -> None:
    """Of a long value its begin shows which is meant."""
    for body in ({"step": "s" * 100_000}, {"step": ["s" * 100_000]}, {"s" * 100_000: 1}):
        got = ask(respond, "POST", "/runs/failed/retry", body=json.dumps(body).encode())
        assert (got.status in {404, 422}, len(got.text) < 3000) == (True, True)
    got = ask(respond, "GET", "/runs", f"status={'s' * 100_000}")
    assert (got.status, len(got.text) < 1000) == (422, True)
    assert len(ask(respond, "M" * 100_000, "/runs").text) < 1000


@pytest.mark.parametrize(
    "body", [b"1e400", b'{"a": [-1E+999]}', '{"a": 1}'.encode("utf-16"), b"\xef\xbb\xbf{}", b'"\xff"']
)
def test_a_body_that_is_no_json(respond: Respond, body: bytes) -> None:
    """Nor a number that is none when it is read, nor a text of another encoding."""
    got = ask(respond, "POST", "/runs/waiting/signals/none", "run=false", body)
    assert (got.status, code(got)) == (400, "MALFORMED_BODY")


def test_a_run_that_cannot_be_read_is_named() -> None:
    """The store is well: it is the run that is not, and whoever operates it learns which and why."""
    storage = MemoryStorage()
    with App([Workflow("w").step("a", lambda ctx: None)], storage) as app:
        app.execute("w", {}, id="x")
        record = storage.load("x")
        assert record is not None
        newer = record._replace(document=b'{"format": 999}', revision=record.revision + 1)
        storage.save(newer, replaces=record.revision)
        respond = by(router(app))
        got = ask(respond, "GET", "/runs/x")
        assert (got.status, code(got), got.json["id"]) == (500, "UNREADABLE_RUN", "x")
        assert "upgrade flux-serverless" in got.json["detail"]
        assert ask(respond, "GET", "/runs").json["runs"] == []
        assert ask(respond, "DELETE", "/runs/x").status == 204


def test_health_is_not_a_run(respond: Respond) -> None:
    """Nobody can make the run that is looked for, and have it read by whoever asks."""
    started = respond(
        Sent("POST", "/workflows/order/runs", "", {**AS_OPERATOR, "Idempotency-Key": "healthz"}, b"{}")
    )
    assert started.json["id"] == "healthz"
    assert PROBE not in {"healthz", ""}
    assert ask(respond, "GET", "/healthz").json == {"status": "ok"}

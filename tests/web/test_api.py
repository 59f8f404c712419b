"""The HTTP API on an event loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.to_thread
import pytest
from web.shop import OPERATE, READ, TOKENS, Client, Store, shop, until

import flux_web
from flux_core import App, InvalidInput, Workflow
from flux_web._answers import GUARDS
from flux_web._store import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store() -> Store:
    """The store that the client's runs are in."""
    return Store()


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    """Somebody on this computer, who may do everything."""
    with Client(flux_web.asgi(shop(store))) as client:
        yield client


def test_a_run_is_started_and_shown(client: Client) -> None:
    """What is posted to a workflow is its input; the run is found where the answer says."""
    answer = client.post("/workflows/order/runs", json={}, headers={"Idempotency-Key": "o1"})
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    shown = client.get(answer.headers["location"].removeprefix("../.."))
    assert (shown.status_code, shown.json()["id"], shown.json()["data"]) == (200, "o1", {"paid": True})


def test_a_run_that_nobody_waits_for_is_begun_at_once(store: Store) -> None:
    """With `Prefer: respond-async` the answer is 202, and the tick loop does not sit out its rest."""
    with Client(flux_web.asgi(shop(store), tick_every=3600)) as client:
        until(lambda: store.finds == 2)  # the first tick, of both workflows
        answer = client.post("/workflows/order/runs", json={}, headers={"Prefer": "respond-async"})
        assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
        run = f"/runs/{answer.json()['id']}"
        until(lambda: client.get(run).json()["status"] == "completed")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/viewer/about", 200),
        ("GET", "/viewer/chart.svg", 200),
        ("GET", "/healthz", 200),
        ("HEAD", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/runs/there-is-none", 404),
        ("GET", "/events?run=there-is-none", 404),
        ("PUT", "/runs", 405),
        ("PATCH", "/viewer/about", 405),
        ("GET", "/runs?colour=blue", 422),
    ],
)
def test_every_answer_carries_the_guards(client: Client, method: str, path: str, status: int) -> None:
    """Whatever is asked for and whatever comes of it, the browser is told what it may do with it."""
    answer = client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in GUARDS} == GUARDS


def test_what_fails_unexpectedly_is_a_problem_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect is answered with 500 and not explained, with the guards."""
    monkeypatch.setattr("flux_web._front.serving", lambda app, invocation: 1 / 0)
    answer = client.get("/runs")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert answer.headers["content-security-policy"] == GUARDS["Content-Security-Policy"]
    assert "ZeroDivision" not in answer.text


@pytest.mark.parametrize("leave", [sys.exit, KeyboardInterrupt, GeneratorExit])
def test_a_handler_that_would_end_the_process_ends_its_request(leave: Callable[[], object]) -> None:
    """It is answered with 500 and the guards, and the server goes on."""

    def go(ctx: Any) -> None:
        if (left := leave()) is not None:
            raise cast("BaseException", left)

    with Client(flux_web.asgi(App([Workflow("leaves").step("go", go)], Store()), tick_every=None)) as client:
        answer = client.post("/workflows/leaves/runs", json={})
        assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
        assert {name: answer.headers.get(name) for name in GUARDS} == GUARDS
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "segment", ["a%2Fb", "a%2F..%2Fb", "%00", "a%0Ab", "%22", "%ff", "%E2%80%AE", "a%20b"]
)
def test_an_odd_id_is_refused_in_words(client: Client, segment: str) -> None:
    """Slashes, quotes and control characters in an id reach the router as they were sent, and are a problem."""
    for path in (
        f"/runs/{segment}",
        f"/viewer/runs/{segment}/graph.svg",
        f"/viewer/workflows/{segment}/graph.svg",
    ):
        answer = client.get(path)
        assert answer.status_code in {400, 404, 422}, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_known_is_not_sent_again(client: Client) -> None:
    """An answer with the entity tag that the client has is 304, without a body."""
    for path in ("/runs", "/", "/viewer/about", "/viewer/workflows/order/graph.svg"):
        tag = client.get(path).headers["etag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path


def test_head_is_get_without_the_body(client: Client) -> None:
    """The same status and the same headers but the length."""
    for path in ("/runs", "/", "/viewer/about"):
        got, headed = client.get(path), client.request("HEAD", path)
        assert (headed.status_code, headed.content, headed.headers["etag"]) == (200, b"", got.headers["etag"])


def test_a_store_that_is_down_says_so_and_recovers(client: Client, store: Store) -> None:
    """While the store fails every answer is 503, which says no more; afterwards it serves again."""
    store.down = True
    for path in ("/healthz", "/runs", "/runs/o1", "/viewer/chart.svg", "/viewer/runs/o1/timeline.svg"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "STORE_ERROR"), path
        assert "holiday" not in answer.text
    store.down = False
    assert client.get("/healthz").json() == {"status": "ok"}


def test_tokens_have_roles() -> None:
    """Who reads may not act; who has no token may do nothing, on this computer neither."""
    with Client(flux_web.asgi(shop(), tokens=TOKENS), host="flux.example.com", client="192.0.2.7") as client:
        statuses = {
            token: (
                client.get("/runs", headers={"Authorization": f"Bearer {token}"}).status_code,
                client.post(
                    "/workflows/order/runs", json={}, headers={"Authorization": f"Bearer {token}"}
                ).status_code,
                client.get("/viewer/chart.svg", headers={"Authorization": f"Bearer {token}"}).status_code,
            )
            for token in (READ, OPERATE, "another-token-0123456789")
        }
    assert statuses == {
        READ: (200, 403, 200),
        OPERATE: (200, 200, 200),
        "another-token-0123456789": (401, 401, 401),
    }


def test_runs_that_are_only_looked_at_cannot_be_acted_on() -> None:
    """Without an app every act is refused, in words."""
    with Client(flux_web.asgi(None, runs=shop())) as client:
        refused = client.post("/runs/o1/pause")
        assert (refused.status_code, refused.json()["code"]) == (403, "READ_ONLY")
        assert client.get("/viewer/about").json()["acts"] is False
        assert client.get("/runs").json()["runs"] == []


def test_an_app_may_be_served_to_look_at() -> None:
    """`acts=False` refuses acts on an app that could."""
    with Client(flux_web.asgi(shop(), acts=False)) as client:
        assert client.post("/workflows/order/runs", json={}).json()["code"] == "READ_ONLY"


def test_the_key_names_runs_by_their_input() -> None:
    """`key=` makes one run of two orders of the same number."""
    with Client(flux_web.asgi(shop(), key=lambda order: order["number"])) as client:
        ids = {client.post("/workflows/order/runs", json={"number": "n-1"}).json()["id"] for _ in range(2)}
    assert ids == {"n-1"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tick_every": 0}, "tick_every: expected a number of seconds above 0"),
        ({"tick_every": "1"}, "tick_every: .* got '1'"),
        ({"tick_every": True}, "tick_every: .* got True"),
        ({"tick_every": float("inf")}, "tick_every: .* got inf"),
        ({"workers": 0}, "workers: expected a number of threads"),
        ({"workers": "4"}, "workers: .* got '4'"),
        ({"workers": 1.5}, r"workers: .* got 1\.5"),
        ({"max_body": 0}, "max_body: expected a number of bytes"),
        ({"max_body": "x"}, "max_body: .* got 'x'"),
        ({"tokens": {"short": "read"}}, "tokens: a token has 16 characters"),
        ({"hosts": ["https://flux.example.com"]}, "hosts: .* is no host"),
        ({"hosts": ["flux.example.com:8080"]}, "hosts: .* is no host"),
        ({"hosts": "flux.example.com"}, "hosts: expected names in a list"),
        ({"hosts": 7}, "hosts: expected names in a list"),
        ({"hosts": ["*"]}, "hosts: .* is no host"),
        ({"hosts": [1]}, "hosts: 1 is no host"),
    ],
)
def test_an_option_that_cannot_be_is_an_error(options: dict[str, object], said: str) -> None:
    """It is said when the application is made, with the option's name."""
    with pytest.raises(InvalidInput, match=said):
        flux_web.asgi(shop(), **options)  # type: ignore[arg-type]  # each of them in turn


def test_nothing_to_serve_is_an_error() -> None:
    """Neither an app nor runs."""
    with pytest.raises(InvalidInput, match="app: there is nothing to serve"):
        flux_web.asgi(None)


def test_a_mount_and_its_ticking_have_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app without a store is served and ticked over the same one, whichever of the two opens it."""
    monkeypatch.setenv("FLUX_STORE", "memory://")
    app = App(shop().workflows)
    served = flux_web.asgi(app, tick_every=None)
    stored(app).start("order", {}, id="o1")

    async def live() -> None:
        async with flux_web.ticking(app, every=0.01):
            await anyio.to_thread.run_sync(look)

    def look() -> None:
        client = Client(served)
        until(lambda: client.get("/runs/o1").json()["status"] == "completed")

    anyio.run(live)


def test_an_app_without_a_store_has_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`FLUX_STORE` names it; it is opened once for what serves and what ticks, and closed at the end."""
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{tmp_path}/runs.db")
    app = App(shop().workflows)
    with Client(flux_web.asgi(app)) as client:
        started = client.post("/workflows/order/runs", json={}, headers={"Prefer": "respond-async"}).json()
        until(lambda: client.get(f"/runs/{started['id']}").json()["status"] == "completed")
    assert (tmp_path / "runs.db").exists()
    assert not (tmp_path / "runs.db-wal").exists()  # the last connection is closed


def test_an_application_may_live_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it closes at the end of a life it opens at the beginning of the next."""
    monkeypatch.setenv("FLUX_STORE", f"sqlite:///{tmp_path}/runs.db")
    served = flux_web.asgi(App(shop().workflows))
    counts = []
    for _ in range(2):
        with Client(served) as client:
            client.post("/workflows/order/runs", json={})
            counts.append(len(client.get("/runs").json()["runs"]))
    assert counts == [1, 2]


def test_a_run_belongs_to_the_trace_of_who_starts_it(client: Client) -> None:
    """The header `traceparent` is saved with the run."""
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.post("/workflows/order/runs", json={}, headers={"Traceparent": sent, "Idempotency-Key": "o1"})
    assert client.get("/runs/o1").json()["traceparent"] == sent

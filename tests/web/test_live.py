"""Server-sent events held open, over a real connection."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from web.shop import PATIENCE, TOKENS, Store, listening, shop, until

import flux_web
from flux_core import StoreError
from flux_core._http.events import UNCHANGED
from flux_web import _live, _watch
from flux_web._answers import GUARDS
from flux_web._threads import Threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import App
    from flux_core.storage import Record


@pytest.fixture(scope="module")
def store() -> Store:
    """The store that the served runs are in."""
    return Store()


@pytest.fixture(scope="module")
def app(store: Store) -> App:
    """The app that is served."""
    return shop(store)


@pytest.fixture(scope="module")
def url(app: App) -> Iterator[str]:
    """Where it is served, looking for changes often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_watch, "PAUSE", 0.01)
        with listening(flux_web.asgi(app, tick_every=None)) as url:
            yield url


@pytest.fixture
def waiting(app: App, store: Store, request: pytest.FixtureRequest) -> Iterator[str]:
    """The id of a run that waits for a signal; the store is up again afterwards."""
    run_id = f"run-{request.node.name}"[:100]
    app.execute("approval", {}, id=run_id)
    yield run_id
    store.down = False


class Stream:
    """Reads events as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def message(self) -> dict[str, str]:
        """Return the next message, its fields by their names; a comment has none."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                break
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields

    def ended(self) -> bool:
        """Return whether nothing more comes; wait for it."""
        return [*self._lines] == []


def watch(url: str, run_id: str, **headers: str) -> Any:
    """Return the open answer, as a context."""
    return httpx.stream("GET", f"{url}/events", params={"run": run_id}, headers=headers, timeout=PATIENCE)


def test_a_run_is_seen_as_it_changes_until_it_ends(url: str, app: App, waiting: str) -> None:
    """One answer: the run as it stands, each change as it comes, and that it has ended."""
    with watch(url, waiting) as response:
        stream = Stream(response)
        first = stream.message()
        assert (first["retry"], first["event"]) == ("1000", "run")
        assert '"status": "suspended"' in first["data"]
        app.signal("approval", waiting, "approved")
        seen = [stream.message()]
        while seen[-1]["event"] != "end":
            seen.append(stream.message())
        assert '"status": "completed"' in seen[-2]["data"]
        assert seen[-2]["id"] != first["id"]
        assert stream.ended()


def test_the_answer_is_not_kept_and_not_guessed(url: str, waiting: str) -> None:
    """It carries the guards, and what has proxies pass it on as it comes."""
    with watch(url, waiting) as response:
        assert {name: response.headers[name] for name in GUARDS} == GUARDS
        assert response.headers["content-type"] == "text/event-stream"
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == (
            "no-cache",
            "no",
        )


def test_a_client_that_comes_again_is_told_what_it_has_not_seen(url: str, app: App, waiting: str) -> None:
    """`Last-Event-ID` names what it has: nothing comes until that has changed."""
    with watch(url, waiting) as response:
        seen = Stream(response).message()["id"]
    with watch(url, waiting, **{"Last-Event-ID": seen}) as response:
        stream = Stream(response)
        app.signal("approval", waiting, "approved")
        assert stream.message()["id"] != seen


def test_an_empty_id_of_an_event_is_none(url: str, waiting: str) -> None:
    """A client that has seen nothing is told how the run stands."""
    with watch(url, waiting, **{"Last-Event-ID": ""}) as response:
        assert Stream(response).message()["event"] == "run"


def test_a_run_made_again_by_its_id_is_another(url: str, app: App, waiting: str) -> None:
    """Although it has been saved as often as that which the client has seen."""
    with watch(url, waiting) as response:
        seen = Stream(response).message()["id"]
    app.delete(waiting)
    app.execute("approval", {}, id=waiting)
    with watch(url, waiting, **{"Last-Event-ID": seen}) as response:
        assert Stream(response).message()["event"] == "run"


def test_those_who_watch_one_run_share_the_looks_at_it(
    url: str, app: App, store: Store, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with many viewers is looked at as often as one with a single viewer, and all of them see it change."""
    monkeypatch.setattr(_watch, "PAUSE", 0.2)
    with ExitStack() as stack:
        streams = [Stream(stack.enter_context(watch(url, waiting))) for _ in range(8)]
        assert {stream.message()["event"] for stream in streams} == {"run"}
        before = store.looks
        until(lambda: store.looks > before)
        before, begun = store.looks, time.monotonic()
        until(lambda: store.looks >= before + 3)
        assert time.monotonic() - begun > 0.3  # 8 of them would have needed a single pause
        app.signal("approval", waiting, "approved")
        assert {stream.message()["event"] for stream in streams} == {"run"}


def test_those_who_wait_for_a_look_that_fails_are_told_at_once(store: Store, app: App, waiting: str) -> None:
    """Whatever they have seen; each would else wait for a store that fails late, one after the other."""
    go = threading.Event()

    def load(run_id: str) -> Record | None:
        store.looks += 1
        go.wait(PATIENCE)
        raise StoreError(f"no answer about {run_id}")

    failed: list[str] = []

    async def ask(watch: _watch.Watch, seen: str | None) -> None:
        with pytest.raises(StoreError) as raised:
            await watch.news(seen, after=0)
        failed.append(str(raised.value))

    async def wait() -> None:
        watch = _watch.Watch(app, waiting, Threads(1))
        async with anyio.create_task_group() as tasks:
            for seen in (None, None, "1", "1", "2"):
                tasks.start_soon(ask, watch, seen)
            await anyio.wait_all_tasks_blocked()
            go.set()

    before = store.looks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "load", load)
        anyio.run(wait)
    assert (failed, store.looks - before) == ([f"no answer about {waiting}"] * 5, 1)


def test_one_look_tells_all_whatever_they_have_seen(store: Store, app: App, waiting: str) -> None:
    """The store is asked no more than for one of them; each is told what it has not seen, and the end."""

    async def ask() -> None:
        watch = _watch.Watch(app, waiting, Threads(1))
        first = await watch.news(None, after=0)
        looks = store.looks
        rest = [await watch.news(seen, after=0) for seen in (None, "1-long ago", first.seen)]
        assert rest == [first, first, (UNCHANGED, first.seen, False, False)]
        assert store.looks == looks
        again = [await watch.news(seen, after=1) for seen in (first.seen, "1-long ago")]
        assert again == [rest[2], first]
        assert store.looks == looks + 1
        await anyio.to_thread.run_sync(app.cancel, "approval", waiting)
        last = await watch.news(first.seen, after=2)
        assert (last.text.count("event: run"), last.text.count("event: end")) == (1, 1)
        end = 'event: end\ndata: {"status": "cancelled"}\n\n'
        assert await watch.news(last.seen, after=2) == (UNCHANGED + end, last.seen, False, True)
        await anyio.to_thread.run_sync(app.delete, waiting)
        gone = [await watch.news(seen, after=3) for seen in (None, last.seen)]
        assert [(one.text[:11], one.over) for one in gone] == [("event: gone", True)] * 2

    anyio.run(ask)


def test_a_client_that_goes_is_not_served_on(url: str, store: Store, waiting: str) -> None:
    """When nobody listens any more, nothing is looked at any more."""
    with watch(url, waiting) as response:
        stream = Stream(response)
        stream.message()
        looks = store.looks
        until(lambda: store.looks > looks + 2)

    def is_still() -> bool:
        before = store.looks
        httpx.get(f"{url}/viewer/about")  # takes longer than several looks would
        httpx.get(f"{url}/viewer/about")
        return store.looks == before

    until(is_still)


def test_a_long_silence_is_broken_by_a_comment(
    url: str, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no proxy takes the connection for dead."""
    monkeypatch.setattr(_live, "SILENCE", 0.05)
    with watch(url, waiting) as response:
        stream = Stream(response)
        stream.message()
        assert [stream.message(), stream.message()] == [{"": "unchanged"}] * 2


def test_a_run_that_vanishes_is_told_to_be_gone(url: str, app: App, waiting: str) -> None:
    """Deleted while it is watched; nothing comes after that."""
    with watch(url, waiting) as response:
        stream = Stream(response)
        stream.message()
        app.delete(waiting)
        assert stream.message()["event"] == "gone"
        assert stream.ended()


def test_a_store_that_goes_down_ends_the_answer(url: str, store: Store, waiting: str) -> None:
    """The client comes again, is told by 503 how it stands, and is served when the store is back."""
    with watch(url, waiting) as response:
        stream = Stream(response)
        seen = stream.message()["id"]
        store.down = True
        assert stream.ended()
    with watch(url, waiting, **{"Last-Event-ID": seen}) as response:
        assert response.status_code == 503
    store.down = False
    with watch(url, waiting) as response:
        assert Stream(response).message()["id"] == seen


@pytest.mark.parametrize(
    ("query", "status"),
    [("run=nothing", 404), ("run=%20", 400), ("", 422), ("run=a&run=b", 422), ("run=a&colour=blue", 422)],
)
def test_what_cannot_be_watched_is_a_problem(url: str, query: str, status: int) -> None:
    """Refused as the API does, with a status of its own."""
    answer = httpx.get(f"{url}/events?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_head_opens_nothing(url: str, waiting: str) -> None:
    """It is answered at once."""
    answer = httpx.head(f"{url}/events", params={"run": waiting})
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_mounted_application_finds_its_paths_below_the_prefix() -> None:
    """Page, API, pictures and streams, with slashes in names as they were sent; without the last slash it redirects."""
    app = shop()
    outer = Starlette(routes=[Mount("/in a/{tenant}", flux_web.asgi(app, tokens=TOKENS, tick_every=None))])
    with listening(outer) as url:
        below = f"{url}/in%20a/b"
        headers = {"Authorization": f"Bearer {[*TOKENS][1]}"}
        app.execute("order", {}, id="o1")
        assert httpx.get(f"{below}/").text.startswith("<!")
        assert httpx.get(below, follow_redirects=True).url.raw_path == b"/in%20a/b/"
        assert httpx.get(f"{below}/runs/o1", headers=headers).json()["id"] == "o1"
        assert httpx.get(f"{below}/runs/a%2Fb", headers=headers).json()["code"] == "INVALID_ID"
        assert httpx.get(f"{below}/viewer/runs/o1/graph.svg", headers=headers).status_code == 200
        assert "event: end" in httpx.get(f"{below}/events?run=o1", headers=headers).text

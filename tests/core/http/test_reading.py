"""Looking at runs: one, a page of them, how many there are, and each time that one changes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from core.http.asking import Got, Respond, Sent, by, router
from core.http.shop_of_runs import AS_OPERATOR, IDS, READ, shop

from flux_core import App, RunNotFound, RunStatus, Workflow
from flux_core._http.events import RETRY, batch
from flux_core.storage import MemoryStorage
from flux_core.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flux_core import Context
    from flux_core.storage import Query, RecordPage

AS_READER = {"Authorization": f"Bearer {READ}"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    """Give a shop with runs in every state; nothing is done to them here."""
    with shop() as made:
        yield made


@pytest.fixture(scope="module")
def respond(app: App) -> Respond:
    """Give what sends requests to its API."""
    return by(router(app))


def look(respond: Respond, path: str, query: str = "", **headers: str) -> Got:
    """Ask as one who may read."""
    return respond(Sent("GET", path, query, AS_READER | headers))


def ids(got: Got) -> list[str]:
    """Return the ids of a page of runs."""
    return [run["id"] for run in got.json["runs"]]


def test_every_state_is_there(app: App) -> None:
    """The other tests look at all that a run can be."""
    assert {run.status for run in app.list()} == set(RunStatus)


def test_the_newest_runs_come_first(app: App, respond: Respond) -> None:
    """In short, as the app lists them."""
    got = look(respond, "/runs")
    assert got.json == app.list().to_dict()
    assert sorted(ids(got)) == sorted(IDS)


def test_pages_follow_one_another(respond: Respond) -> None:
    """The cursor of one asks for the next; all runs come once."""
    seen, cursor = [], ""
    for _ in range(len(IDS)):
        got = look(respond, "/runs", urlencode({"limit": 4} | ({"cursor": cursor} if cursor else {})))
        seen += ids(got)
        cursor = got.json["cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(IDS)
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("workflow=report", {"backing-off", "interrupted"}),
        ("status=paused&status=cancelled", {"paused", "cancelled"}),
        ("status=pending", {"pending"}),
        ("tag=waiting", {"waiting"}),
        ("id=p", {"pending", "paused"}),
        ("id=", set(IDS)),
        ("id=ro&workflow=order&status=rolled_back&tag=made", {"rolled-back"}),
        ("since=2000-01-01T00:00:00Z", set(IDS)),
        ("since=2000-01-01T00:00:00%2B01:00&until=4000000000.5", set(IDS)),
        ("until=0", set()),
        ("workflow=nothing", set()),
    ],
)
def test_runs_are_filtered(respond: Respond, query: str, found: set[str]) -> None:
    """By workflow, statuses, tag, begin of the id and time of creation, in any combination."""
    assert set(ids(look(respond, "/runs", query))) == found


@pytest.mark.parametrize(
    ("query", "path", "detail"),
    [
        (
            "state=failed",
            "state",
            "unknown parameter; there are: workflow, status, tag, id, since, until, limit",
        ),
        ("status=done", "status", "expected one of pending, running, .*, got 'done'"),
        ("limit=0", "limit", "expected a whole number from 1 to 200, got '0'"),
        ("limit=201", "limit", "from 1 to 200"),
        ("limit=%D9%A3", "limit", "from 1 to 200"),
        ("limit=1e2", "limit", "from 1 to 200"),
        ("limit=1&limit=2", "limit", "it is given more than once"),
        ("since=yesterday", "since", "Unix seconds, or ISO 8601 with a time zone .*, got 'yesterday'"),
        ("since=2026-01-31T12:00:00", "since", "with a time zone"),
        ("since=2026-01-31T12:00:00+01:00", "since", "a \\+ is sent as %2B"),
        ("since=0001-01-01T00:00:00Z", "since", "from the year 1970 on"),
        ("until=9999-12-31T23:59:59-23:59", "until", "from the year 1970 on"),
        ("until=-1", "until", "from the year 1970 on"),
        ("until=nan", "until", "expected Unix seconds"),
        ("until=999999999999999", "until", "expected Unix seconds"),
        ("id=a/b", "id", "the begin of a run id: at most 128 of"),
        ("tag=", "tag", "expected a tag"),
        ("tag=%00", "tag", "expected a tag"),
        ("workflow=", "workflow", "expected 1 to 128 printable characters"),
        ("workflow=%ED%A0%80", "query", "the query cannot be read"),
        ("cursor=x", "cursor", "not the cursor of any page"),
        ("cursor=%C3%A9", "cursor", "not the cursor of any page"),
        ("&".join(["tag=a"] * 101), "query", "the query cannot be read"),
    ],
)
def test_a_parameter_that_cannot_be_taken(respond: Respond, query: str, path: str, detail: str) -> None:
    """It is said which, and what it may be."""
    got = look(respond, "/runs", query)
    assert (got.status, got.json["code"], got.json["path"]) == (422, "INVALID_INPUT", path)
    assert re.search(detail, got.json["detail"]), got.json["detail"]


def test_a_run_is_shown_whole(app: App, respond: Respond) -> None:
    """As `to_dict` gives it, without tracebacks."""
    run = app.get("compensation-failed")
    assert run is not None
    got = look(respond, "/runs/compensation-failed")
    assert got.json == run.to_dict()
    assert "Traceback" not in got.text


def test_what_is_redacted_is_masked() -> None:
    """Wherever data is shown: the run, its events, the answer to an act; nothing else is."""
    with shop(redact=("card", "order_id", "payment_id")) as masked:
        respond = by(router(masked))
        answers = [
            look(respond, "/runs/failed"),
            look(respond, "/events", "run=failed"),
            look(respond, "/runs"),
            respond(Sent("POST", "/runs/failed/retry", "", AS_OPERATOR)),
            respond(Sent("POST", "/workflows/order/runs", "", AS_OPERATOR, b'{"order_id": "o-4111"}')),
        ]
    assert all("4111" not in got.text for got in answers)
    assert answers[0].json["input"]["order_id"] == answers[0].json["data"]["card"] == "***"


def test_long_values_are_cut() -> None:
    """A run says which of its values are longer than is shown, and the app keeps them whole."""

    def fill(ctx: Context[Any, Any]) -> str:
        ctx.data["notes"] = "x" * 70_000
        return "y" * 70_000

    with App([Workflow("long").step("fill", fill)]) as app:
        app.execute("long", {}, id="x")
        got = look(by(router(app)), "/runs/x")
    assert got.json["shortened"]["data.notes"] == 70_002
    assert len(got.text) < 10_000


def test_no_run_of_that_id(respond: Respond) -> None:
    """It is a problem, with its code."""
    got = look(respond, "/runs/none")
    assert (got.status, got.json["code"], got.json["detail"]) == (
        404,
        "RUN_NOT_FOUND",
        "there is no run 'none'; GET /runs lists those there are",
    )


def test_what_a_client_has_is_not_sent_again(respond: Respond) -> None:
    """An answer has an entity tag; whoever sends it back is told that nothing has changed."""
    for path in ("/runs", "/runs/failed", "/workflows", "/healthz", "/openapi.json", "/runs/counts"):
        tag = look(respond, path).headers["ETag"]
        for known in (tag, f"W/{tag}", "*", f'"other", {tag}'):
            got = look(respond, path, **{"If-None-Match": known})
            assert (got.status, got.text, got.headers["ETag"]) == (304, "", tag)
            assert "Content-Type" not in got.headers
        assert look(respond, path, **{"If-None-Match": '"other"'}).status == 200


def test_a_run_that_changes_has_another_tag() -> None:
    """And so has the page that it is on."""
    with shop() as app:
        respond = by(router(app))
        before = {path: look(respond, path).headers["ETag"] for path in ("/runs", "/runs/pending")}
        app.pause("pending")
        for path, tag in before.items():
            assert look(respond, path, **{"If-None-Match": tag}).status == 200


def counted() -> Respond:
    """Return what asks a shop in which runs were created at 12:00:00, 12:30:00 and 13:00:00."""
    clock = FakeClock(NOON)
    app = App([Workflow("w").step("a", lambda ctx: None)], MemoryStorage(), clock=clock)
    for _ in range(3):
        app.execute("w", {}, tags=["t"])
        app.start("w", {})
        clock.advance(1800)
    return by(router(app))


def test_runs_are_counted_by_slots() -> None:
    """A slot has the runs created at its begin or later, and before the next; statuses in one order."""
    got = look(counted(), "/runs/counts", f"since=2026-01-31T12:00:00Z&until={NOON + 3600}&slots=4")
    both = {"pending": 1, "completed": 1}
    assert got.json == {
        "since": "2026-01-31T12:00:00.000000Z",
        "until": "2026-01-31T13:00:00.000000Z",
        "slots": [
            {"since": "2026-01-31T12:00:00.000000Z", "counts": both},
            {"since": "2026-01-31T12:15:00.000000Z", "counts": {}},
            {"since": "2026-01-31T12:30:00.000000Z", "counts": both},
            {"since": "2026-01-31T12:45:00.000000Z", "counts": {}},
        ],
    }


def test_counts_are_filtered() -> None:
    """By what runs are filtered by."""
    query = f"since={NOON}&until={NOON + 9000}&slots=1&tag=t&workflow=w&status=completed&id="
    got = look(counted(), "/runs/counts", query)
    assert [slot["counts"] for slot in got.json["slots"]] == [{"completed": 3}]


def test_counts_are_of_the_last_day(respond: Respond) -> None:
    """In sixty slots, up to the next full minute, so that the answer is the same until then."""
    got = look(respond, "/runs/counts").json
    since, until = (datetime.fromisoformat(got[name]) for name in ("since", "until"))
    assert ((until - since).total_seconds(), until.second, len(got["slots"])) == (86_400, 0, 60)
    assert sum(sum(slot["counts"].values()) for slot in got["slots"]) == len(IDS)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("until=1000", "1970-01-01T00:00:00", "1970-01-01T00:16:40"),
        ("until=86500", "1970-01-01T00:01:40", "1970-01-02T00:01:40"),
        ("since=4102444800", "2100-01-01T00:00:00", "2100-01-01T00:01:00"),
        ("since=253402300790", "9999-12-31T23:59:50", "9999-12-31T23:59:59"),
    ],
)
def test_a_span_may_be_said_by_half(respond: Respond, query: str, since: str, until: str) -> None:
    """It begins a day before its end, and ends now, or a minute after a begin that is still to come."""
    got = look(respond, "/runs/counts", query).json
    assert (got["since"][:19], got["until"][:19]) == (since, until)


@pytest.mark.parametrize("query", ["since=2000&until=2000", "since=2001&until=2000", "until=0"])
def test_a_span_has_a_length(respond: Respond, query: str) -> None:
    """It cannot end before it begins."""
    got = look(respond, "/runs/counts", query)
    assert (got.status, got.json["path"]) == (422, "since")


def events(got: Got) -> list[dict[str, str]]:
    """Return the events of an answer, read as the HTML standard says."""
    assert (got.status, got.headers["Content-Type"]) == (200, "text/event-stream")
    blocks = [block.split("\n") for block in got.text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block) for block in blocks]


def test_a_run_is_told_as_an_event(respond: Respond) -> None:
    """Its id is the run's revision and when it was created, its data the run as it is shown."""
    [event] = events(look(respond, "/events", "run=waiting"))
    run = look(respond, "/runs/waiting")
    assert json.loads(event.pop("data")) == run.json
    event_id = f"{run.json['revision']}-{run.json['created_at']}"
    assert event == {"retry": "1000", "id": event_id, "event": "run"}


def test_a_run_that_has_not_changed_is_not_told_again(respond: Respond) -> None:
    """A comment keeps the connection."""
    [event] = events(look(respond, "/events", "run=waiting"))
    got = look(respond, "/events", "run=waiting", **{"Last-Event-ID": event["id"]})
    assert got.text == RETRY + ": unchanged\n\n"


def test_another_run_of_the_same_id_is_told() -> None:
    """Be it as often saved as the one that was deleted; and nothing seen is nothing, also as an empty text."""
    clock = FakeClock(1_000_000.0)
    with App([Workflow("w").wait("go")], MemoryStorage(), clock=clock) as app:
        app.execute("w", {}, id="x")
        seen = batch(app, "x", "").seen
        assert not batch(app, "x", seen).changed
        app.delete("x")
        clock.advance(1)
        app.execute("w", {}, id="x")
        assert batch(app, "x", seen).changed


def test_a_run_that_has_not_changed_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who watch ask twice a second."""
    with App([Workflow("w").wait("go")], MemoryStorage()) as app:
        app.execute("w", {}, id="x")
        seen = batch(app, "x", None).seen
        monkeypatch.delattr(App, "get")
        assert batch(app, "x", seen).text == ": unchanged\n\n"


def test_a_page_is_asked_for_in_small_ones() -> None:
    """Of many long runs a few are held at a time; the cursor is that of the last."""
    limits: list[int] = []

    class Counted(MemoryStorage):
        def find(self, query: Query) -> RecordPage:
            limits.append(query.limit)
            return super().find(query)

    with App([Workflow("w").step("a", lambda ctx: None)], Counted()) as app:
        for number in range(70):
            app.execute("w", {}, id=f"r-{number}")
        respond = by(router(app))
        first = look(respond, "/runs", "limit=60").json
        assert (len(first["runs"]), limits) == (60, [25, 25, 10])
        rest = look(respond, "/runs", f"limit=60&{urlencode({'cursor': first['cursor']})}").json
        assert (len(rest["runs"]), rest["cursor"]) == (10, None)
        limits.clear()
        look(respond, "/workflows")
        look(respond, "/workflows/w", "last=30")
        assert max(limits) == 25


def test_the_end_of_a_run_is_told(respond: Respond) -> None:
    """After the run itself, or alone to who has seen that."""
    told, end = events(look(respond, "/events", "run=failed"))
    assert end == {"event": "end", "data": '{"status": "failed"}'}
    again = look(respond, "/events", "run=failed", **{"Last-Event-ID": told["id"]})
    assert again.text.endswith('\n\nevent: end\ndata: {"status": "failed"}\n\n')


def test_a_run_that_is_not_there_is_not_watched(respond: Respond) -> None:
    """Who has seen nothing of it is told that there is none, also with an empty id."""
    assert look(respond, "/events", "run=none").status == 404
    assert look(respond, "/events", "run=none", **{"Last-Event-ID": ""}).status == 404


def test_a_run_that_vanishes_is_told(respond: Respond) -> None:
    """Who has seen it is told that it is gone."""
    [event] = events(look(respond, "/events", "run=none", **{"Last-Event-ID": "3"}))
    assert event == {"retry": "1000", "event": "gone", "data": "{}"}


def test_a_run_to_watch_must_be_named(respond: Respond) -> None:
    """By an id that can be one."""
    got = look(respond, "/events")
    assert (got.status, got.json["path"]) == (422, "run")
    assert look(respond, "/events", "run=a/b").json["code"] == "INVALID_ID"


def test_batches_follow_a_run(app: App) -> None:
    """For a front that holds the answer open: what was seen is handed on."""
    first = batch(app, "waiting", None)
    assert (first.changed, first.over) == (True, False)
    assert batch(app, "waiting", first.seen)[1:] == (first.seen, False, False)
    assert batch(app, "failed", None).over
    assert batch(app, "none", "1")[1:] == ("1", True, True)
    with pytest.raises(RunNotFound):
        batch(app, "none", None)

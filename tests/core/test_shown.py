"""A run as people may see it: redacted paths masked, long values cut."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import Recorder

from flux_core import App, Context, Fatal, InvalidInput, Workflow
from flux_core._shortened import shorten_values
from flux_core.storage import MemoryStorage
from flux_core.trace import NDJSONTrace

if TYPE_CHECKING:
    from pathlib import Path

    from core.conftest import MakeEngine

Ctx = Context[Any, Any]
CARD = {"card": {"number": "4111", "expires": "12/30"}}
MASKED = {"card": {"number": "***", "expires": "12/30"}}


def pay(ctx: Ctx) -> dict[str, Any]:
    """Leave the card everywhere."""
    ctx.data.update(CARD)
    return CARD


def give_back(ctx: Ctx) -> None:
    """Leave the card once more."""
    ctx.data["again"] = 1
    ctx.data["card"] = {"number": "4222"}


def fail(ctx: Ctx) -> None:
    """Fail for good."""
    raise Fatal("no")


FLOW = Workflow("pay").commit("pay", pay, compensate=give_back).step("check", fail)


def test_what_is_redacted_is_masked_in_all_of_a_run() -> None:
    """Input, data, outputs and changes are masked, of compensations too; the stored run is as it was."""
    with App([FLOW], MemoryStorage(), redact=["card.number"]) as app:
        app.execute("pay", CARD, id="r")
        stored = app.get("r")
        assert stored is not None
        shown = app.shown(stored)
        assert (shown.input, shown.history[0].output, shown.history[0].changes) == (MASKED, MASKED, MASKED)
        assert shown.data == {"card": {"number": "***"}, "again": 1}
        assert shown.compensations[0].changes["card"] == {"number": "***"}
        assert "4111" not in json.dumps(shown.to_dict())
        assert stored.input == CARD


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"a.b.c": 1, "a": 5}, {"a.b.c": "***", "a": 5}),
        ({"a.b": {"c": 1, "d": 2}}, {"a.b": {"c": "***", "d": 2}}),
        ({"a": {"b.c": 1}, "a.b": [{"c": 1}]}, {"a": {"b.c": "***"}, "a.b": [{"c": "***"}]}),
        ({"": {"a": 1}, "a.b.c.d": 1}, {"": {"a": 1}, "a.b.c.d": 1}),
    ],
)
def test_a_key_with_dots_is_masked(value: Any, masked: Any) -> None:
    """It may be all of the rest of a path, or a part of the way."""
    assert App([FLOW], redact=["a.b.c"]).masked(value) == masked


def test_what_flux_says_itself_is_not_masked() -> None:
    """How an error is classed is not the run's own data, whatever fields are to be masked."""
    sink = Recorder()
    with App([FLOW], MemoryStorage(), redact=["type", "error"], trace=[sink]) as app:
        app.execute("pay", {})
    (told,) = [event.meta for event in sink.events if event.type == "step:error"]
    assert told is not None
    assert told["error"]["type"] == "Fatal"


def test_an_async_engine_shows_the_same(make_engine: MakeEngine) -> None:
    """Both engines mask alike, in plain data."""
    engine = make_engine(redact=["card.number"])
    engine.execute(FLOW, CARD, id="r")
    assert engine.engine.shown(engine.run("r")).input == MASKED
    assert engine.engine.masked([CARD]) == [MASKED]


def test_more_paths_may_be_masked_over_another_store() -> None:
    """`App.on` masks what the app masks, and what it is told beside it."""
    app = App([FLOW], redact=["card.number"]).on(MemoryStorage(), redact=["card.expires"])
    assert app.masked(CARD) == {"card": {"number": "***", "expires": "***"}}


def test_the_trace_of_a_masked_run_is_masked_alike() -> None:
    """What a sink is told of is masked by the same rule."""
    sink = Recorder()
    with App([FLOW], MemoryStorage(), redact=["card.number"], trace=[sink]) as app:
        app.execute("pay", CARD)
    assert "4111" not in json.dumps([event.to_dict() for event in sink.events])


def test_long_values_are_cut_and_named() -> None:
    """Values longer than the limit become their begin, and `shortened` says how many bytes each had."""
    long = "é" * 50_000

    def work(ctx: Ctx) -> str:
        ctx.data["notes"], ctx.data["few"] = long, "words"
        return long

    with App([Workflow("w").step("work", work)], MemoryStorage()) as app:
        app.execute("w", {"text": long}, id="r")
        run = app.get("r")
        assert run is not None
        document = shorten_values(run.to_dict())
    size = 100_002
    assert document["shortened"] == {
        "input": size + len('{"text": }'),
        "data.notes": size,
        "results.work": size,
        "history.work.output": size,
        "history.work.changes.notes": size,
    }
    assert document["data"] == {"notes": '"' + "é" * 999 + "…", "few": "words"}


def test_short_values_are_left_alone() -> None:
    """A run without long values says nothing of it."""
    with App([Workflow("w").step("work", lambda _: None)], MemoryStorage()) as app:
        app.execute("w", {}, id="r")
        run = app.get("r")
        assert run is not None
        assert shorten_values(run.to_dict()) == run.to_dict()


def test_a_trace_file_cuts_what_makes_a_line_too_long(make_engine: MakeEngine, tmp_path: Path) -> None:
    """An event of more than a million bytes is cut, and says so; the line stays JSON."""
    path = tmp_path / "trace.ndjson"
    engine = make_engine(trace=[NDJSONTrace(path)])
    engine.execute(Workflow("w").step("work", lambda _: None), {"text": "x" * 2_000_000}, id="r")
    first, *_ = map(json.loads, path.read_text().splitlines())
    assert first["shortened"] == {"input": 2_000_011}
    assert len(first["input"]) == 1001


def test_all_values_together_are_not_too_long_either() -> None:
    """A run of many values, none of them long, is cut until it can be answered; the longest of them first."""

    def work(ctx: Ctx) -> None:
        for number in range(40):
            ctx.data[f"n{number}"] = "x" * (20_000 + number)

    with App([Workflow("w").step("work", work)], MemoryStorage()) as app:
        app.execute("w", {}, id="r")
        run = app.get("r")
        assert run is not None
        document = shorten_values(run.to_dict())
    assert len(json.dumps(document)) < 1_100_000
    assert "data.n39" in document["shortened"]
    assert "data.n0" not in document["shortened"]


@pytest.mark.parametrize("redact", ["card.number", 5, [5], [("card", "number")]])
def test_paths_that_are_none_are_refused(redact: Any) -> None:
    """One string would be taken for its letters, and nothing be masked: it is refused, by the app and by `on`."""
    with pytest.raises(InvalidInput, match="redact"):
        App([FLOW], redact=redact)
    with pytest.raises(InvalidInput, match="redact"):
        App([FLOW]).on(MemoryStorage(), redact=redact)


def test_paths_may_be_given_once() -> None:
    """A generator of paths masks in every app that is made of the first."""
    app = App([FLOW], redact=(path for path in ["card.number"]))
    assert app.on(MemoryStorage()).on(MemoryStorage()).masked(CARD) == MASKED


def test_all_of_a_run_may_be_cut() -> None:
    """A run of nothing but a long value has that cut, and nothing else."""
    lists: dict[str, list[Any]] = {"history": [], "compensations": []}
    document = {"input": "x" * 70_000, "initial": {}, "data": {}, "results": {}, **lists}
    assert shorten_values(document)["shortened"] == {"input": 70_002}

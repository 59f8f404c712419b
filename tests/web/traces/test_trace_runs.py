"""The runs of a trace file, whatever becomes of the file while it is watched."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from web.shop import PATIENCE, until
from web.traces.writing import AT, line, lines_of, write_runs

from flux_core import Engine, FluxError, InvalidInput, RunStatus, Workflow
from flux_core._retold import Outline
from flux_core.storage import MemoryStorage
from flux_core.trace import NDJSONTrace
from flux_web._traces import TraceRuns, _runs, open_trace
from flux_web._traces._file import File
from flux_web._traces._index import Known

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A trace file of ten runs that completed."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"".join(map(lines_of, range(10))))
    return path


@pytest.fixture
def runs(file: Path) -> Iterator[TraceRuns]:
    """The runs of the file."""
    with open_trace(file) as opened:
        yield opened


def ids(runs: TraceRuns) -> list[str]:
    """Return the ids of the newest runs."""
    return [run.id for run in runs.list()]


def test_the_newest_runs_come_first_page_by_page(runs: TraceRuns) -> None:
    """Each run once, and the cursor of the last page is None."""
    found, cursor = [], None
    while True:
        page = runs.list(limit=4, cursor=cursor)
        found += [run.id for run in page]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [f"run-{number:07}" for number in reversed(range(10))]


def test_runs_are_filtered_as_those_of_a_store(runs: TraceRuns) -> None:
    """By workflow, status, time and the beginning of the id; a trace has no tags."""
    assert len(runs.list(workflow="order", status=["completed", "failed"])) == 10
    assert len(runs.list(workflow="other")) == len(runs.list(status=RunStatus.FAILED)) == 0
    at = AT / 1000
    assert [run.id for run in runs.list(since=at + 3, until=at + 5)] == ["run-0000004", "run-0000003"]
    assert len(runs.list(since=datetime.fromtimestamp(at + 8, UTC))) == 2
    assert [run.id for run in runs.list(id_prefix="run-0000007")] == ["run-0000007"]
    assert len(runs.list(tag="urgent")) == 0


def test_runs_are_counted_by_status_and_time(runs: TraceRuns) -> None:
    """Each run counts in the slot in which it was created."""
    at = AT / 1000
    assert runs.tally([at, at + 4, at + 100, at + 200]) == [{"completed": 4}, {"completed": 6}, {}]
    assert runs.tally([at, at + 100], status="failed") == [{}]
    assert runs.tally([at, at + 100], tag="urgent") == [{}]


@pytest.mark.parametrize("limit", [0, 10_001, True])
def test_a_limit_that_is_none_is_refused(runs: TraceRuns, limit: int) -> None:
    """As by a store."""
    with pytest.raises(InvalidInput, match="expected 1 to 10000"):
        runs.list(limit=limit)


def test_a_run_is_what_its_engine_stored(tmp_path: Path) -> None:
    """Its status, nodes, data and times are those of the store."""
    workflow = Workflow("order").step("bake", lambda ctx: "bread").wait("approved")
    path = tmp_path / "trace.ndjson"
    with Engine(MemoryStorage(), trace=[NDJSONTrace(path)]) as engine, open_trace(path) as runs:
        engine.execute(workflow, {"order_id": 1}, id="r1")
        stored, told = engine.get("r1"), runs.get("r1")
        assert stored is not None
        assert told is not None
        assert (told.status, told.input, told.waits_for) == (stored.status, stored.input, "approved")
        assert [step.output for step in told.history] == [step.output for step in stored.history]
        engine.signal(workflow, "r1", "approved", "yes")
        again = runs.get("r1")
        assert again is not None
        assert (again.status, again.history[1].output) == ("completed", "yes")
        assert again.revision > told.revision


def test_a_run_that_is_not_there_is_none(runs: TraceRuns) -> None:
    """As in a store."""
    assert runs.get("nope") is None


def test_a_line_that_is_cut_off_is_read_when_the_rest_has_come(runs: TraceRuns, file: Path) -> None:
    """Half an event is nothing yet, and no foreign line."""
    text = line("late", timestamp=AT * 2)
    with file.open("ab", buffering=0) as out:
        out.write(text[:30])
        assert "late" not in ids(runs)
        out.write(text[30:-1])  # all but the end of the line
        assert ids(runs)[0] == "late"
        out.write(b"\n" + line("later", timestamp=AT * 3))
    assert (ids(runs)[:2], runs.skipped) == (["later", "late"], 0)


def test_foreign_lines_are_counted_and_passed_over(runs: TraceRuns, file: Path) -> None:
    """Text, other JSON, bytes that are no text, NULs, half a character in an id: none keeps the next event away."""
    foreign = [b"text", b"[1, 2]", b'{"type": 1}', b"\xff\xfe\x00{", b"\0" * 5000, line("\ud800").rstrip()]
    with file.open("ab") as out:
        out.write(b"\n".join([*foreign, b"", b"  \r", b"\0\0\0" + line("next", timestamp=AT * 2)]))
    assert ids(runs)[0] == "next"
    assert (runs.skipped, runs.note) == (6, "6 lines are no events of a trace")


def test_a_file_that_was_cut_off_is_begun_anew(runs: TraceRuns, file: Path) -> None:
    """What it holds now is shown, and people are told."""
    assert len(ids(runs)) == 10
    file.write_bytes(line("new"))
    assert ids(runs) == ["new"]
    assert "begun anew" in str(runs.note)


def test_a_file_in_its_place_is_begun_anew(runs: TraceRuns, file: Path) -> None:
    """Also one that is longer than the one before, and has the same name and other runs."""
    assert len(ids(runs)) == 10
    os.rename(file, f"{file}.1")  # noqa: PTH104 (as logrotate does)
    file.write_bytes(b"".join(map(lines_of, range(100, 120))))
    assert ids(runs)[-1] == "run-0000100"
    with file.open("r+b") as out:  # other bytes in the same file
        out.write(b"".join(map(lines_of, range(200, 230))))
    assert ids(runs)[-1] == "run-0000200"


def test_a_file_that_is_deleted_is_awaited(runs: TraceRuns, file: Path) -> None:
    """What it held is still shown, people are told, and it is read when it is back."""
    file.unlink()
    assert len(ids(runs)) == 10
    assert "is gone" in str(runs.note)
    file.write_bytes(line("new"))
    assert ids(runs) == ["new"]


def test_a_file_may_come_later(tmp_path: Path) -> None:
    """Until then there are no runs, and people are told."""
    path = tmp_path / "trace.ndjson"
    with open_trace(path) as runs:
        assert (ids(runs), runs.progress) == ([], 1.0)
        assert runs.note == f"there is no trace file {path} yet"
        path.write_bytes(line("r1"))
        assert ids(runs) == ["r1"]
        notes = [runs.note]
        assert notes == [None]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, and a device: at once, not after a wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero", tmp_path / "pipe" / "below"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            open_trace(path)


def test_a_file_that_becomes_a_folder_is_told(runs: TraceRuns, file: Path) -> None:
    """What was read stays, and the error is for people."""
    file.unlink()
    file.mkdir()
    assert len(ids(runs)) == 10
    assert "it is a folder" in str(runs.note)


def test_what_is_redacted_is_masked(file: Path) -> None:
    """In what is shown of a run; the run of an id anew is another one."""
    with open_trace(file, redact=["notes", "order_id"]) as runs:
        run = runs.get("run-0000001")
        assert run is not None
        shown = runs.shown(run)
        assert (shown.input, shown.data["notes"]) == ({"order_id": "***"}, "***")
        assert shown.history[0].changes["notes"] == "***"
        assert runs.masked({"notes": 1}) == {"notes": "***"}


def test_an_id_that_begins_anew_is_the_newer_run(runs: TraceRuns, file: Path) -> None:
    """What came before its last start is no longer told of."""
    with file.open("ab") as out:
        out.write(line("run-0000003", timestamp=AT * 2))
    run = runs.get("run-0000003")
    assert run is not None
    assert (run.status, run.history, run.created_at) == ("running", (), AT * 2 / 1000)


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What is more than a block is read in the background, and not before this is set."""
    let = threading.Event()

    class Held(threading.Thread):
        def run(self) -> None:
            let.wait(PATIENCE)
            super().run()

    monkeypatch.setattr(_runs, "PATIENCE", 0.0)
    monkeypatch.setattr(_runs, "Thread", Held)
    yield let
    let.set()


def test_a_large_file_is_read_in_the_background(tmp_path: Path, go: threading.Event) -> None:
    """What has been read is served at once, and the rest when it has been read; nothing runs after that."""
    path = tmp_path / "trace.ndjson"
    number = write_runs(path, 3 << 20, filler=100)
    with open_trace(path) as runs:
        assert runs.progress < 1
        assert 0 < len(runs.list(limit=10_000)) < number
        go.set()
        until(lambda: runs.progress == 1)
        assert runs.list().runs[0].id == f"run-{number - 1:07}"
        until(lambda: "flux-trace" not in {thread.name for thread in threading.enumerate()})


def test_a_run_whose_events_were_just_cut_off_is_known_by_its_outline(file: Path) -> None:
    """Until the file is looked at again, there is nothing to tell it by."""
    source = File(file)
    with TraceRuns(source, "trace", ordered=True, redact=()) as runs:
        file.write_bytes(b"")
        run = runs._telling.run(Known(99, Outline("r1", "order", RunStatus.RUNNING, 1, 1, began=True), 1))
        assert (run.id, run.history) == ("r1", ())


def test_a_background_pass_that_fails_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By the log, and to whoever asks next; nobody waits for the rest for ever."""
    monkeypatch.setattr(_runs, "PATIENCE", 0.0)

    class Broken(File):
        looks = 0

        def look(self) -> bool:
            self.looks += 1
            if self.looks > 2:  # one as it is opened, and one for the first block
                raise OSError("a bad sector")
            return True

    with TraceRuns(Broken(file), "trace", ordered=True, redact=()) as runs:
        until(lambda: runs._background is None)
        assert "trace cannot be read on" in caplog.text
        with pytest.raises(OSError, match="a bad sector"):
            runs.list()


def test_who_asks_behind_the_last_block_of_a_background_pass_reads_on(
    file: Path, go: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the pass lets go of the runs: a line that is there is shown."""
    with open_trace(file) as runs:
        lock, asked = runs._lock, list[bool]()

        class Asking:
            def __enter__(self) -> None:
                lock.acquire()

            def __exit__(self, *exception: object) -> None:
                lock.release()
                if threading.current_thread().name == "flux-trace" and not runs._from.look() and not asked:
                    with file.open("ab") as out:
                        out.write(line("late", timestamp=AT * 2))
                    asked.append(False)
                    asked.append("late" in ids(runs))

        monkeypatch.setattr(_runs, "PATIENCE", PATIENCE)
        monkeypatch.setattr(runs, "_lock", Asking())
        go.set()
        until(lambda: len(asked) == 2)
        assert asked[-1]


def test_a_background_pass_ends_with_its_runs(tmp_path: Path, go: threading.Event) -> None:
    """Nothing is left running, and nothing can be asked any more."""
    path = tmp_path / "trace.ndjson"
    write_runs(path, 3 << 20, filler=100)
    runs = open_trace(path)
    assert runs.progress < 1
    go.set()
    runs.close()
    with pytest.raises((FluxError, Exception)):
        runs.list()

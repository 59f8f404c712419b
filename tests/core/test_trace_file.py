"""A trace file while it changes: each of its lines once, and never one that is not whole."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flux_core import InvalidInput
from flux_core._trace_file import DATABASE, TraceFile
from flux_core._trace_line import event_of
from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from pathlib import Path

EVENT = {"type": "workflow:start", "timestamp": 1, "workflowId": "r1", "workflowName": "order"}


def read(file: TraceFile) -> list[bytes]:
    """Return the lines that have come."""
    lines: list[bytes] = []
    while file.look():
        lines += [line for _, line in file.lines()]
    return lines


@given(
    st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"")), max_size=12),
    st.lists(st.integers(1, 30), max_size=8),
    st.integers(1, 40),
)
def test_however_it_grows_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int], block: int
) -> None:
    """Whatever the pieces in which it was written, and the blocks in which it is read; each at its place."""
    path = tmp_path_factory.mktemp("trace") / "trace.ndjson"
    text = b"".join(line + b"\n" for line in lines)
    assume(not text.startswith(DATABASE))
    file, found = TraceFile(path, block=block), []
    with path.open("wb", buffering=0) as out:
        for cut in [*cuts, len(text)]:
            out.write(text[:cut])
            text = text[cut:]
            while file.look():
                found += [*file.lines()]
    assert [line for _, line in found if line] == [line for line in lines if line]
    whole = path.read_bytes()
    assert all(whole[at : at + len(line) + 1] == line + b"\n" for at, line in found)
    file.close()


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    """It is counted once, however it comes; the next line is read."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"first\n" + b"x" * 90)
    file = TraceFile(path, block=16, longest=64)
    assert read(file) == [b"first"]
    with path.open("ab") as out:
        out.write(b"y" * 90)
    assert read(file) == []
    with path.open("ab") as out:
        out.write(b"y\nnext\n" + b"z" * 70 + b"\nlast\n")
    assert (read(file), file.too_long) == ([b"next", b"last"], 2)
    file.close()


@pytest.mark.parametrize(
    ("rest", "lines"), [(b'{"a": 1}', 1), (b'{"a": {}', 0), (b"\xff{}", 0), (b"text", 0)]
)
def test_the_last_line_need_not_end(tmp_path: Path, rest: bytes, lines: int) -> None:
    """It is given if it is a whole object, to which no more can come."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(rest)
    file = TraceFile(path)
    assert len(read(file)) == lines
    assert not file.look()
    file.close()


def test_the_end_of_a_file_that_is_replaced_is_read_first(tmp_path: Path) -> None:
    """What was written to it after the last look comes before what the new one holds."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"first\n")
    file = TraceFile(path)
    assert read(file) == [b"first"]
    with path.open("ab") as out:
        out.write(b"second\n")
    os.rename(path, f"{path}.1")  # noqa: PTH104 (as logrotate does)
    path.write_bytes(b"third\n")
    assert (read(file), file.beginnings) == ([b"second", b"third"], 2)
    file.close()
    assert file.bytes_at(0, 5) == b""
    assert read(file) == [b"third"]
    file.close()


def test_a_file_that_becomes_a_folder_is_an_error(tmp_path: Path) -> None:
    """What is no file is not read."""
    path = tmp_path / "trace.ndjson"
    path.mkdir()
    with pytest.raises(InvalidInput, match="it is a folder, a pipe or a device"):
        TraceFile(path)


def test_a_store_is_no_trace(tmp_path: Path) -> None:
    """Whoever gives the file of one is told so."""
    path = tmp_path / "flux.db"
    SQLiteStorage(path).close()
    with pytest.raises(
        InvalidInput, match=r"flux\.db cannot be read: it is an SQLite database, as stores are"
    ):
        TraceFile(path)


def test_a_file_that_goes_while_it_is_looked_at_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is rotated between being seen and being opened."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"first\n")
    file = TraceFile(path)
    assert read(file) == [b"first"]
    path.unlink()
    path.write_bytes(b"second\n")

    def miss(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", miss)
        assert (file.look(), file.there) == (False, False)
    assert (read(file), file.beginnings) == ([b"second"], 2)
    file.close()


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the reason."""
    path = tmp_path / "trace.ndjson"
    path.write_bytes(b"first\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InvalidInput, match=r"trace\.ndjson cannot be read: Permission denied"):
        TraceFile(path)


def test_a_path_below_a_file_is_an_error(tmp_path: Path) -> None:
    """It is no file that may come later."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="Not a directory"):
        TraceFile(tmp_path / "file" / "trace.ndjson")


def test_a_line_may_be_bytes() -> None:
    """Also such as are no text; a number may have a point, as JavaScript does not care."""
    line = json.dumps(EVENT | {"timestamp": 5.0, "error": "?", "stepIndex": 1.5, "commit": 1}).encode()
    event = event_of(line.replace(b"?", b"\xff"))
    assert event is not None
    assert (event.timestamp, event.error, event.step_index, event.commit) == (5, "\ufffd", None, None)

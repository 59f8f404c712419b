"""The same project gives the same bytes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from built.building import flux_build
from built.conftest import PYTHONS

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("build")


@pytest.mark.parametrize("target", PYTHONS)
def test_built_elsewhere_and_later_by_another_it_is_the_same_zip(
    target: str, built: Callable[[str], Path], tmp_path: Path
) -> None:
    """In another folder, from files with other times, under another umask: byte for byte, given the lock."""
    first = built(target)
    second = tmp_path / "elsewhere"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("build"), copy_function=shutil.copyfile)
    for file in second.rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    said = flux_build(second, target, "--python", PYTHONS[target], umask=0o077)
    assert (second / said["out"]).read_bytes() == (first / "build" / f"{target}.zip").read_bytes()


@pytest.mark.parametrize("target", PYTHONS)
def test_nothing_packed_says_when_or_where_it_was_made(target: str, built: Callable[[str], Path]) -> None:
    """One time and plain modes for all, in order; no bytecode, no installer's notes, no folder of this machine."""
    project = built(target)
    with ZipFile(project / "build" / f"{target}.zip") as archive:
        entries = archive.infolist()
        texts = [archive.read(entry) for entry in entries]
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {oct(entry.external_attr >> 16) for entry in entries} <= {"0o100644", "0o100755"}
    assert [
        name for name in names if name.endswith((".pyc", "/RECORD", "/INSTALLER", "/direct_url.json"))
    ] == []
    assert not any(str(project).encode() in text or str(Path.cwd()).encode() in text for text in texts)

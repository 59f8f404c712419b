"""The lock: what it keeps, and when it is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli.building.wheels import write_wheel

from flux_cli._build.lock import Lock, Pin
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

LOCK = "requirements.gcp.lock"


@pytest.fixture
def mugs(shop: Path, wheels: Path) -> Callable[..., str]:
    """Return the line of the lock that pins `mugs`, which the project requires, after a build."""
    write_wheel(wheels, "mugs", "1.0")
    (shop / "requirements.txt").write_text("mugs\n")

    def pinned(result: Result) -> str:
        assert result.exit_code == 0, result.stderr
        lines = (shop / LOCK).read_text().splitlines()
        return next(line for line in lines if line.startswith("mugs==")).partition(" ")[0]

    return pinned


def test_a_newer_version_waits_for_an_upgrade(
    flux: Callable[..., Result], mugs: Callable[..., str], wheels: Path
) -> None:
    """What was built once is built again, until `--upgrade` asks for the newest."""
    assert mugs(flux("build", "--target", "gcp")) == "mugs==1.0"
    write_wheel(wheels, "mugs", "2.0")
    again = flux("build", "--target", "gcp")
    assert mugs(again) == "mugs==1.0"
    assert "pinned in requirements.gcp.lock (as it was)\n" in again.stdout
    assert mugs(flux("build", "--target", "gcp", "--upgrade")) == "mugs==2.0"


@pytest.mark.parametrize("change", ["requirements", "python"])
def test_other_inputs_make_it_anew(
    change: str, flux: Callable[..., Result], mugs: Callable[..., str], wheels: Path, shop: Path
) -> None:
    """Other requirements, or another Python, are not what it was made from."""
    mugs(flux("build", "--target", "gcp"))
    write_wheel(wheels, "mugs", "2.0")
    options = ["--python", "3.12"] if change == "python" else []
    if change == "requirements":
        (shop / "requirements.txt").write_text("mugs>=1\n")
    again = flux("build", "--target", "gcp", *options)
    assert mugs(again) == "mugs==2.0"
    assert "(new: commit it)" in again.stdout


def test_a_nested_file_counts_and_a_comment_does_not(
    flux: Callable[..., Result], mugs: Callable[..., str], wheels: Path, shop: Path
) -> None:
    """What is asked for decides, in whatever file it stands."""
    (shop / "deps").mkdir()
    (shop / "deps" / "base.txt").write_text("mugs\n")
    (shop / "requirements.txt").write_text("-r deps/base.txt\n")
    mugs(flux("build", "--target", "gcp"))
    write_wheel(wheels, "mugs", "2.0")
    (shop / "requirements.txt").write_text("-r deps/base.txt  # the shop's\n")
    assert mugs(flux("build", "--target", "gcp")) == "mugs==1.0"
    (shop / "deps" / "base.txt").write_text("mugs==2.*\n")
    assert mugs(flux("build", "--target", "gcp")) == "mugs==2.0"


def test_a_constraint_binds_and_installs_nothing(
    flux: Callable[..., Result], mugs: Callable[..., str], wheels: Path, shop: Path
) -> None:
    """It says which version, should something require one."""
    write_wheel(wheels, "mugs", "2.0")
    (shop / "requirements.txt").write_text("mugs\n-c pins.txt\n")
    (shop / "pins.txt").write_text("mugs<2\ntees<2\n")
    assert mugs(flux("build", "--target", "gcp")) == "mugs==1.0"


def test_a_wheel_that_was_exchanged_is_not_installed(
    flux: Callable[..., Result], shop: Path, wheels: Path
) -> None:
    """Under the same name and version, but with another digest, it may be anything."""
    write_wheel(wheels, "mugs")
    (shop / "requirements.txt").write_text("mugs\n")
    assert flux("build", "--target", "aws").exit_code == 0
    write_wheel(wheels, "mugs", files={"mugs/surprise.py": ""})
    result = flux("build", "--target", "aws")
    assert (result.exit_code, "DO NOT MATCH THE HASHES" in result.stderr) == (2, True)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Pins, extras and the digest of the inputs come back."""
    pins = (Pin("mugs", "1.0", "0" * 64, for_flux=False), Pin("tees", "2!1.0+x", "f" * 64, for_flux=True))
    lock = Lock("aws", "abc", ("aws", "postgres"), pins)
    lock.write(tmp_path / "lock")
    assert Lock.read(tmp_path / "lock", "aws") == lock


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    """A lock that somebody has edited is told with its line."""
    (tmp_path / "lock").write_text("# a comment\n\nmugs>=1\n")
    with pytest.raises(InvalidInput, match=r"lock:3 is no line of a lock; --upgrade makes it anew: mugs>=1"):
        Lock.read(tmp_path / "lock", "aws")


def test_a_lock_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        Lock.read(tmp_path, "aws")

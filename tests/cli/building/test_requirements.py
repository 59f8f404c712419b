"""What requirements come to on another platform than the one that asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flux_cli._build.pip import Pip
from flux_cli._build.platform import Platform
from flux_cli._build.project import Project
from flux_cli._build.requirement_lines import lines_for
from flux_cli._build.requirements import Resolved, resolve
from flux_cli._build.target import AWS
from flux_core import InvalidInput, __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

FLUX = f"flux-serverless[aws]=={__version__}"


def item(
    name: str, *requires: str, asked: bool = False, extras: Sequence[str] = (), archive: bool = True
) -> dict[str, Any]:
    """Return one line of pip's report."""
    info = {"archive_info": {"hashes": {"sha256": "0" * 64}}} if archive else {"dir_info": {}}
    return {
        "metadata": {"name": name, "version": "1.0", "requires_dist": list(requires)},
        "requested": asked,
        "requested_extras": list(extras),
        "download_info": {"url": f"file:///{name}", **info},
    }


class Answers(Pip):
    """Pip with its answers given: a report for each time that it is asked."""

    def __init__(self, *reports: list[dict[str, Any]]) -> None:
        self.reports = list(reports)
        self.asked: list[list[str]] = []

    def resolve(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        """Return the next report."""
        self.asked.append(list(arguments[4:]))  # behind --find-links and --requirement
        return self.reports.pop(0)


def resolved(pip: Pip, python: str = "3.12") -> Resolved:
    """Return what it comes to on Lambda."""
    project = Project(Path(), (), (), ("shop",))
    return resolve(pip, project, AWS, Platform(python, "arm64", 34), AWS.provided)


def names(found: Resolved) -> list[str]:
    """Return the names of what is pinned."""
    return [pin.name for pin in found.pins]


def test_what_only_this_machine_needs_is_left_out() -> None:
    """Another system, another Python, another machine, an extra that nobody asked for."""
    markers = (
        "sys_platform == 'win32'",
        "python_version < '3.12'",
        "platform_machine == 'x86_64'",
        "extra == 'all'",
    )
    needs = [f"other{number}; {marker}" for number, marker in enumerate(markers)]
    others = [item(f"other{number}") for number in range(len(markers))]
    report = [item("flux-serverless", asked=True, extras=["aws"]), item("shop", *needs, asked=True), *others]
    assert names(resolved(Answers(report))) == ["shop"]


def test_what_only_the_platform_needs_is_asked_for() -> None:
    """Pip goes by its own Python's markers: what it leaves out is asked for by name, until nothing is missing."""
    flux = item("flux-serverless", asked=True, extras=["aws"])
    shop = item("shop", "late[x]>=1,<2; python_version >= '3.12'", asked=True)
    late = item("late", "later; extra == 'x' and platform_machine == 'aarch64'", asked=True, extras=["x"])
    pip = Answers([flux, shop], [flux, shop, late], [flux, shop, late, item("later", asked=True)])
    assert names(resolved(pip)) == ["late", "later", "shop"]
    assert pip.asked == [
        [FLUX],
        [FLUX, "late[x]<2,>=1"],
        [FLUX, "late[x]<2,>=1", "later"],
    ]


def test_what_the_runtime_has_is_left_out_with_what_only_that_needs() -> None:
    """What something else needs too stays."""
    flux = item("flux-serverless", "boto3; extra == 'aws'", asked=True, extras=["aws"])
    report = [
        flux,
        item("shop", "urllib3", asked=True),
        item("boto3", "Botocore"),
        item("botocore", "urllib3", "six"),
    ]
    assert names(resolved(Answers([*report, item("urllib3"), item("six")]))) == ["shop", "urllib3"]


def test_flux_is_not_pinned_and_its_other_extras_not_followed() -> None:
    """The command line and the other clouds' parts stay at home; a database's part goes along."""
    needs = [f"{extra}-sdk; extra == '{extra}'" for extra in ("aws", "gcp", "cli", "postgres")]
    flux = item("flux-serverless", *needs, asked=True, extras=["gcp", "postgres", "cli", "aws"])
    sdks = [item(f"{extra}-sdk") for extra in ("aws", "gcp", "cli", "postgres")]
    found = resolved(Answers([flux, *sdks]))
    assert (found.extras, names(found)) == (("aws", "postgres"), ["aws-sdk", "postgres-sdk"])


def test_who_needs_a_package_is_known() -> None:
    """Only what nothing but Flux needs may be cut down to what Flux uses of it."""
    flux = item("flux-serverless", "one; extra == 'aws'", "two; extra == 'aws'", asked=True, extras=["aws"])
    found = resolved(Answers([flux, item("shop", "two", asked=True), item("one"), item("two")]))
    assert {pin.name: pin.for_flux for pin in found.pins} == {"one": True, "two": False, "shop": False}


def test_what_has_no_digest_is_refused() -> None:
    """A folder or a repository is another one tomorrow."""
    flux = item("flux-serverless", asked=True, extras=["aws"])
    with pytest.raises(InvalidInput, match="shop comes from file:///shop, which has no digest to pin"):
        resolved(Answers([flux, item("shop", asked=True, archive=False)]))


def test_pip_takes_the_newest_wheels_that_the_platform_runs() -> None:
    """From its own glibc down to the oldest; never a source."""
    options = Platform("3.11", "arm64", 26).pip_options()
    platforms = options[options.index("--platform") + 1 :: 2]
    assert options[:3] == ["--only-binary=:all:", "--python-version", "3.11"]
    assert platforms[0] == "manylinux_2_26_aarch64"
    assert platforms[-2:] == ["manylinux_2_5_aarch64", "manylinux2014_aarch64"]


def test_a_requirement_holds_by_the_platforms_own_markers() -> None:
    """Whatever this machine is; what holds loses its marker, so that pip does not judge it by this Python."""
    text = """
mugs  # the best
loop; sys_platform == "linux"
wine; sys_platform == "win32"
tees[blue]>=1; python_version >= "3.12" \\
    --hash=sha256:abc
"""
    markers = Platform("3.12", "x86_64", 34).markers()
    assert lines_for(text, Path("/shop"), markers) == ["mugs", "loop", "tees[blue]>=1 --hash=sha256:abc"]


def test_other_files_are_found_from_their_own_folder() -> None:
    """Those on the network stay where they are; options and paths are left to pip."""
    text = (
        "-r more.txt\n--constraint=c/pins.txt\n-r https://shop.example/r.txt\n--index-url https://x\n./lib\n"
    )
    assert lines_for(text, Path("/shop"), {}) == [
        "-r /shop/more.txt",
        "--constraint /shop/c/pins.txt",
        "-r https://shop.example/r.txt",
        "--index-url https://x",
        "./lib",
    ]

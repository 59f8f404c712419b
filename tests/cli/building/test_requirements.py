"""What requirements come to on another platform than the one that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flux_cli._build.pip import Pip
from flux_cli._build.platform import Platform
from flux_cli._build.requirement_lines import Asked, asked_in, lines_for
from flux_cli._build.requirements import Resolved, resolve
from flux_cli._build.target import AWS
from flux_core import InvalidInput, __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

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
        self.asked.append(list(arguments[6:]))  # behind --find-links, --requirement and --constraint
        return self.reports.pop(0)


def resolved(pip: Pip, python: str = "3.12") -> Resolved:
    """Return what it comes to on Lambda."""
    return resolve(pip, Asked(("shop",), ()), AWS, Platform(python, "arm64", 34), AWS.provided)


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
    """Only what nothing but Flux needs may be cut down to what it uses."""
    flux = item("flux-serverless", "one; extra == 'aws'", "two; extra == 'aws'", asked=True, extras=["aws"])
    found = resolved(Answers([flux, item("shop", "two", asked=True), item("one"), item("two")]))
    assert {pin.name: pin.for_flux for pin in found.pins} == {"one": True, "two": False, "shop": False}


def test_what_a_package_for_flux_needs_is_for_flux_too() -> None:
    """Unless the project comes to it by another way, however long."""
    flux = item("flux-serverless", "one; extra == 'aws'", asked=True, extras=["aws"])
    one, shop = item("one", "inner", "shared"), item("shop", "mugs", asked=True)
    found = resolved(Answers([flux, one, item("inner"), item("shared"), shop, item("mugs", "shared")]))
    assert [pin.name for pin in found.pins if pin.for_flux] == ["inner", "one"]


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
    assert lines_for(text, markers) == ["mugs", "loop", "tees[blue]>=1 --hash=sha256:abc"]


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Asked]:
    """Write requirements files, by name, and return what `requirements.txt` asks for on Lambda's Python 3.13."""

    def read(**texts: str | bytes) -> Asked:
        for name, text in texts.items():
            file = tmp_path / name.replace("__", "/")
            file = file.with_name(f"{file.name}.txt")
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return asked_in(tmp_path / "requirements.txt", tmp_path, Platform("3.13", "x86_64", 34).markers())

    return read


def test_a_comment_ends_with_its_line() -> None:
    """A backslash at its end is part of it, as pip has it: it takes no requirement away."""
    assert lines_for("# mugs \\\ntees==1\n  # \\\nloop \\\n  >=2\n", {}) == ["tees==1", "loop    >=2"]


def test_other_files_are_read_from_their_own_folder(asked: Callable[..., Asked]) -> None:
    """Their lines stand in their place, by the platform's markers; constraints bind and are not installed."""
    assert asked(
        requirements="-r deps/base.txt\nlast\n-r https://shop.example/r.txt\n--index-url https://x\n",
        deps__base='first; python_version >= "3.13"\nold; python_version < "3.13"\n--constraint=pins.txt\n-rmore.txt\n',
        deps__pins="first<2\n",
        deps__more="more\n",
    ) == (("first", "more", "last", "-r https://shop.example/r.txt", "--index-url https://x"), ("first<2",))


def test_a_folder_of_wheels_is_found_from_the_file_that_names_it(
    asked: Callable[..., Asked], tmp_path: Path
) -> None:
    """As pip does it; one that is not there is left as it is."""
    (tmp_path / "deps" / "wheels").mkdir(parents=True)
    found = asked(requirements="-r deps/base.txt\n-f elsewhere", deps__base="--find-links wheels\n")
    assert found.requirements == ("--find-links deps/wheels", "-f elsewhere")


def test_a_file_may_be_as_powershell_writes_it(asked: Callable[..., Asked]) -> None:
    """In UTF-16, or with a mark at its start."""
    assert asked(requirements="six\r\n".encode("utf-16")).requirements == ("six",)
    assert asked(requirements="six\n".encode("utf-8-sig")).requirements == ("six",)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            {"requirements": "-r more.txt", "more": "-c ./requirements.txt"},
            "requirements.txt names itself, by way of",
        ),
        ({"requirements": "-r gone.txt"}, "gone.txt cannot be read: "),
        ({"requirements": b"six\n# caf\xe9\n"}, "requirements.txt cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    texts: dict[str, str | bytes], said: str, asked: Callable[..., Asked]
) -> None:
    """One that is missing, in another encoding, or in a circle."""
    with pytest.raises(InvalidInput, match=said):
        asked(**texts)

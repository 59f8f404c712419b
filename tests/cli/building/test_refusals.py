"""What `flux build` refuses, and how it says so: exit code 2, and nothing new in the project."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from cli.building.wheels import write_wheel

from flux_cli._build import flux as own
from flux_cli._build import pip
from flux_cli._build.package import Package
from flux_cli._build.target import AWS, TARGETS, Limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Flux = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def refused(flux: Flux, shop: Path) -> Callable[..., str]:
    """Run `flux build --target`; return what it says as it refuses."""

    def build(*arguments: str) -> str:
        before = sorted(shop.rglob("*"))
        result = flux("build", "--target", *arguments)
        assert (result.exit_code, result.stdout) == (2, ""), result.stderr
        assert sorted(shop.rglob("*")) == before
        return result.stderr

    return build


@pytest.mark.parametrize(
    ("target", "front", "line"),
    [
        ("aws", "app.py", "handler = flux_aws.handler(order)"),
        ("gcp", "main.py", "orders = flux_gcp.http(order)"),
        ("azure", "function_app.py", 'app.register_functions(flux_azure.blueprint(order, http="orders"))'),
        ("azure", "host.json", '{"version": "2.0"'),
    ],
)
def test_a_missing_front_is_named_with_the_lines_that_it_needs(
    target: str, front: str, line: str, shop: Path, refused: Callable[..., str]
) -> None:
    """What the cloud would start is not there: the message has the least that serves."""
    (shop / front).unlink()
    said = refused(target)
    assert "from which" in said
    assert f"{front}:\n" in said
    assert line in said


def test_a_folder_that_is_not_there(refused: Callable[..., str]) -> None:
    """The project's folder must exist."""
    assert "there is no folder nowhere" in refused("aws", "nowhere")


def test_a_requirement_without_a_wheel_is_named(
    refused: Callable[..., str], shop: Path, wheels: Path
) -> None:
    """One that there is for other machines only does not serve."""
    write_wheel(wheels, "fast", tag="cp313-cp313-macosx_11_0_arm64")
    (shop / "requirements.txt").write_text("fast\n")
    said = refused("aws")
    assert "requirements: fast has no wheel for Linux, Python 3.13, x86_64" in said


def test_requirements_that_contradict_each_other(refused: Callable[..., str], shop: Path) -> None:
    """What pip says of them is passed on."""
    (shop / "requirements.txt").write_text("flux-serverless[aws]==99\n")
    said = refused("aws")
    assert "pip cannot install what the project requires: Cannot install" in said
    assert "==99" in said


def test_a_requirement_that_is_no_line_of_pips(refused: Callable[..., str], shop: Path) -> None:
    """The same for what pip cannot read."""
    (shop / "requirements.txt").write_text("a b c\n")
    assert "Invalid requirement: 'a b c'" in refused("aws")


def test_an_index_out_of_reach(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the index that is told of and what is wrong with it, and not a requirement."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    said = refused("aws")
    assert "the package index cannot be reached: " in said
    assert "Connection refused" in said


def test_pip_that_is_missing(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pip and without uv the message says how to get one."""
    monkeypatch.setattr(pip, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    assert "-m ensurepip" in refused("aws")


def test_flux_that_is_not_installed(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Flux runs from its sources alone, nobody knows what it requires."""
    monkeypatch.setattr(own, "DISTRIBUTION", "flux-elsewhere")
    assert "Flux runs here without being installed" in refused("aws")


def test_a_flux_without_that_cloud(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is older than the part for the cloud must be installed anew."""
    monkeypatch.setattr(own, "find_spec", lambda name: None)
    assert "has no flux_gcp" in refused("gcp")


def test_a_folder_with_something_in_it_is_not_written_into(refused: Callable[..., str], shop: Path) -> None:
    """It may be anybody's."""
    (shop / "made").mkdir()
    (shop / "made" / "thesis.txt").touch()
    assert "--out: made is no empty folder" in refused("aws", "--out", "made")


def test_a_zip_of_somebody_elses_is_not_replaced(refused: Callable[..., str], shop: Path) -> None:
    """Nor is what is only called one."""
    (shop / "orders.zip").write_text("my notes")
    with ZipFile(shop / "photos.zip", "w") as photos:
        photos.writestr("me.png", "")
    for name in ("orders.zip", "photos.zip"):
        assert f"--out: {name} is there, and flux build did not make it" in refused("aws", "--out", name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("flux_core/_ids.py", "flux_core has a name that Flux has in the package"),
        ("pynamodb", "pynamodb has a name that pynamodb 6.0.2 has in the package"),
    ],
)
def test_a_name_that_two_have_is_refused(
    name: str, said: str, refused: Callable[..., str], shop: Path
) -> None:
    """A file among a package's, or in its place, would hide it or be hidden."""
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / name).write_text("")
    assert said in refused("aws", "--out", "made")


def test_requirements_that_would_hide_the_pinned_ones_are_refused(
    refused: Callable[..., str], shop: Path
) -> None:
    """On Google Cloud the root's `requirements.txt` is what Cloud Build installs."""
    (shop / "pyproject.toml").write_text('[tool.flux.build]\ninclude = ["requirements.txt"]\n')
    assert "requirements.txt has a name that Flux has in the package" in refused("gcp")


def test_a_folder_that_cannot_be_finished_is_not_begun(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written beside its place, and what was written is removed."""

    def fail(package: Package, folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Package, "write_folder", fail)
    assert "--out: made cannot be written: No space left" in refused("gcp", "--out", "made")


def test_a_zip_that_cannot_be_finished_is_not_begun(
    refused: Callable[..., str], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""

    def fail(source: Path, destination: Path) -> None:
        destination.write_text("half")
        raise OSError(28, "No space left on device")

    (shop / "build").mkdir()
    monkeypatch.setattr("shutil.copyfile", fail)
    assert "gcp.zip cannot be written: No space left" in refused("gcp")


def test_a_place_that_cannot_be_written(flux: Flux, shop: Path) -> None:
    """A file where a folder should be is told of."""
    result = flux("build", "--target", "gcp", "--out", "app.py/gcp.zip")
    assert result.exit_code == 2
    assert "--out: app.py/gcp.zip cannot be written: " in result.stderr


def test_a_lock_that_cannot_be_written(flux: Flux, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link into nowhere stands where the lock should."""
    (shop / "requirements.gcp.lock").symlink_to(shop / "nowhere" / "lock")
    result = flux("build", "--target", "gcp")
    assert result.exit_code == 2
    assert "requirements.gcp.lock cannot be written: " in result.stderr


def test_a_package_that_is_too_large(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cloud would refuse is not built."""
    monkeypatch.setitem(TARGETS, "aws", replace(AWS, limit=Limit(None, 1)))
    assert "AWS Lambda takes 0: require less" in refused("aws")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("azure", "--python", "3.14"), "--python: Azure Functions has 3.11, 3.12, 3.13, and not 3.14"),
        (("gcp", "--architecture", "arm64"), "--architecture: Cloud Run functions has x86_64, and not arm64"),
        (("gcp", "--with-boto3"), "--with-boto3 is for --target aws"),
    ],
)
def test_options_that_the_cloud_does_not_have(
    arguments: tuple[str, ...], said: str, refused: Callable[..., str]
) -> None:
    """A Python, an architecture or a package of another cloud is refused before anything is done."""
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[tool.flux.build]\nexclud = []\n", "[tool.flux.build] knows no 'exclud'"),
        ('[tool.flux.build]\nexclude = "demo.py"\n', "exclude is a list of strings, not 'demo.py'"),
        ("[project]\ndependencies = [1]\n", "dependencies is a list of strings, not [1]"),
        ("[tool", "pyproject.toml cannot be read: "),
        ('[tool]\nflux = "x"\n', "pyproject.toml: flux in [tool.flux.build] is a table, not 'x'"),
        ("[tool.flux]\nbuild = []\n", "pyproject.toml: build in [tool.flux.build] is a table, not []"),
    ],
)
def test_settings_that_cannot_be_taken(
    settings: str, said: str, refused: Callable[..., str], shop: Path
) -> None:
    """What `pyproject.toml` says wrongly is named."""
    (shop / "pyproject.toml").write_text(settings)
    assert said in refused("aws")


def test_a_link_to_a_folder_is_not_followed(refused: Callable[..., str], shop: Path) -> None:
    """It may lead out of the project, or round in a circle."""
    (shop / "loop").symlink_to(shop)
    assert "loop is a link to a folder" in refused("aws")


def test_a_link_to_itself_is_told_of(refused: Callable[..., str], shop: Path) -> None:
    """It leads nowhere."""
    (shop / "loop").symlink_to("loop")
    assert "loop is a link to a folder, or to nothing" in refused("aws")


def test_a_failure_is_told_to_machines_too(flux: Flux, shop: Path) -> None:
    """With `--json` it is an object with a stable code."""
    (shop / "main.py").unlink()
    result = flux("build", "--target", "gcp", "--json")
    assert json.loads(result.stderr)["error"]["code"] == "FRONT_MISSING"

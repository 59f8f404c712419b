"""`flux build`: what is in the package, and what is told of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from cli.building.conftest import unpacked
from cli.building.wheels import write_wheel

from flux_cli._build.clash import clash
from flux_cli._build.target import AWS, TARGETS, Limit
from flux_cli._building import Doing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.building.conftest import Package
    from click.testing import Result

pytestmark = pytest.mark.xdist_group("flux-build")  # one worker builds what several tests look at
PROJECT = {"workflow.py", "prices/mug.json", ".flux-build"}
SITE = ".python_packages/lib/site-packages/"


def test_for_aws_everything_lies_at_the_root(aws: Package) -> None:
    """The front and what it needs, without the runtime's own packages, and what Flux does not use of Powertools."""
    assert aws.names() == PROJECT | {
        "app.py",
        "pynamodb/__init__.py",
        "aws_lambda_powertools/__init__.py",
        "aws_lambda_powertools/utilities/__init__.py",
        "aws_lambda_powertools/utilities/jmespath_utils/__init__.py",
    }


def test_flux_is_packed_without_its_command_line(aws: Package) -> None:
    """The engine and the cloud's part of Flux, and nothing that only a type checker reads."""
    own = [name for name in aws.files if name.startswith("flux_") and ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in own} == {"flux_core", "flux_aws"}
    assert {name.rpartition(".")[2] for name in own} == {"py"}


def test_the_stores_of_the_package_are_known_by_their_schemes(aws: Package) -> None:
    """Flux's metadata is packed, with the entry points of the parts that are."""
    [stores] = [text for name, text in aws.files.items() if name.endswith("/entry_points.txt")]
    assert stores == b"[flux.storage]\ndynamodb = flux_aws._dynamodb.url:open_dynamodb\n"


def test_of_metadata_only_the_headers_are_packed(aws: Package) -> None:
    """What installers note, and the page for the index, is left out."""
    [(name, text)] = [(name, text) for name, text in aws.files.items() if name.startswith("pynamodb-")]
    assert name.endswith(".dist-info/METADATA")
    assert text.endswith(b"python_version < '3.13'\n")


def test_boto3_is_packed_on_request(flux: Callable[..., Result], shop: Path) -> None:
    """With `--with-boto3` it and what it needs are packed."""
    flux("build", "--target", "aws", "--with-boto3")
    more = {"boto3/__init__.py", "botocore/__init__.py", "jmespath/__init__.py"}
    assert more <= unpacked(shop / "build" / "aws.zip").keys()


def test_what_the_project_itself_requires_is_packed_whole(flux: Callable[..., Result], shop: Path) -> None:
    """A project that requires Powertools for itself gets all of it."""
    (shop / "requirements.txt").write_text("aws-lambda-powertools\n")
    flux("build", "--target", "aws")
    assert "aws_lambda_powertools/event_handler/__init__.py" in unpacked(shop / "build" / "aws.zip")


def test_for_google_requirements_are_left_to_cloud_build(gcp: Package) -> None:
    """The package has the sources and `requirements.txt`, where each wheel is pinned to its digest."""
    assert gcp.names() == PROJECT | {"main.py", "requirements.txt"}
    pinned = re.compile(r"([a-z-]+)==[0-9.]+ --hash=sha256:[0-9a-f]{64}")
    lines = gcp.files["requirements.txt"].decode().splitlines()
    assert [match[1] for match in map(pinned.fullmatch, lines) if match] == [
        "functions-framework",
        "google-cloud-firestore",
        "google-cloud-storage",
        "google-cloud-tasks",
    ]
    assert len(lines) == 4


def test_for_azure_packages_lie_where_the_worker_looks(azure: Package) -> None:
    """Flux and the requirements are in `.python_packages/lib/site-packages`, `host.json` is at the root."""
    assert {name for name in azure.names() if not name.startswith(SITE)} == PROJECT | {
        "function_app.py",
        "host.json",
    }
    assert {f"{SITE}flux_core/__init__.py", f"{SITE}azure_functions/__init__.py"} <= azure.files.keys()


def test_a_folder_has_the_files_of_the_zip(flux: Callable[..., Result], shop: Path) -> None:
    """Without `.zip` at its end, `--out` is a folder; its files have the zip's modes and time."""
    (shop / "prices" / "mug.json").chmod(0o700)
    flux("build", "--target", "gcp")
    assert flux("build", "--target", "gcp", "--out", "made").exit_code == 0
    files = [path for path in (shop / "made").rglob("*") if path.is_file()]
    with ZipFile(shop / "build" / "gcp.zip") as archive:
        entries = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert {path.relative_to(shop / "made").as_posix(): path.stat().st_mode for path in files} == entries
    assert oct(entries["prices/mug.json"]) == "0o100755"
    assert {path.stat().st_mtime for path in files} == {315_532_800.0}


def test_the_project_may_be_elsewhere(
    flux: Callable[..., Result], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument names its folder, where the lock and, by default, the zip go."""
    for other in ("app.py", "function_app.py"):
        (shop / other).unlink()
    monkeypatch.chdir(shop.parent)
    result = flux("build", "--target", "gcp", shop.name)
    assert result.stdout.startswith(
        f"{shop.name}/build/gcp.zip: for Cloud Run functions, Python 3.13, x86_64\n"
    )
    assert (shop / "requirements.gcp.lock").exists()
    assert "left out" not in result.stdout


def test_sizes_are_told_beside_the_limits(aws: Package) -> None:
    """The zip, the files, the largest parts of them, what is left to the runtime, and what to type next."""
    assert re.search(r"^zipped +\d+ KB  of 50 MB$", aws.told, re.MULTILINE)
    assert re.search(r"^unpacked +\d+ KB  of 250 MB\n  Flux +\d+ KB$", aws.told, re.MULTILINE)
    assert "2 packages, packed, pinned in requirements.aws.lock (new: commit it)\n" in aws.told
    assert "left to the runtime: boto3, botocore, jmespath, s3transfer\n" in aws.told
    assert re.search(r"^next: aws lambda .+ fileb://.+/build/aws.zip$", aws.told, re.MULTILINE)


def test_many_parts_are_told_in_sum(flux: Callable[..., Result], shop: Path, wheels: Path) -> None:
    """The eight largest have a line each, the others one together."""
    names = [f"part-{number}" for number in range(8)]
    for name in names:
        write_wheel(wheels, name)
    (shop / "requirements.txt").write_text("\n".join(names))
    assert re.search(r"^  4 more +\d+ KB", flux("build", "--target", "aws").stdout, re.MULTILINE)


def test_json_says_the_same_to_machines(flux: Callable[..., Result], shop: Path) -> None:
    """Target, platform, path, sizes in bytes, versions."""
    told = json.loads(flux("build", "--target", "gcp", "--json").stdout)
    assert (told["target"], told["python"], told["architecture"]) == ("gcp", "3.13", "x86_64")
    assert Path(told["out"]).stat().st_size == told["zipped"]
    assert told["zipped"] < told["unpacked"] == sum(told["sizes"].values())
    assert "google-cloud-firestore" in " ".join(told["requirements"])


def test_a_zip_too_large_to_upload_is_told(
    flux: Callable[..., Result], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is built, and must take another way."""
    monkeypatch.setitem(TARGETS, "aws", replace(AWS, limit=Limit(1024, None)))
    assert "over 1 KB zipped: it must go through a bucket" in flux("build", "--target", "aws").stdout


def test_wheels_are_those_of_the_platform(flux: Callable[..., Result], shop: Path, wheels: Path) -> None:
    """For arm64 and Python 3.12, on whatever machine, and with what only that Python needs."""
    for machine in ("x86_64", "aarch64"):
        files = {"fast/machine": machine}
        write_wheel(wheels, "fast", files=files, tag=f"cp312-cp312-manylinux_2_28_{machine}")
    (shop / "requirements.txt").write_text("fast\n")
    result = flux("build", "--target", "aws", "--architecture", "arm64", "--python", "3.12")
    assert result.exit_code == 0, result.stderr
    files_of_it = unpacked(shop / "build" / "aws.zip")
    assert files_of_it["fast/machine"] == b"aarch64"
    assert "typing_extensions/__init__.py" in files_of_it


def test_the_project_table_may_say_what_is_required(
    flux: Callable[..., Result], shop: Path, wheels: Path
) -> None:
    """Without `requirements.txt`, `[project]` of `pyproject.toml` counts."""
    write_wheel(wheels, "mugs")
    (shop / "requirements.txt").unlink()
    (shop / "pyproject.toml").write_text('[project]\ndependencies = ["mugs"]\n')
    flux("build", "--target", "aws")
    files = unpacked(shop / "build" / "aws.zip")
    assert [name for name in files if name.startswith("mugs/")] == ["mugs/__init__.py"]


def test_tests_and_stubs_are_kept_of_what_the_project_requires(
    flux: Callable[..., Result], shop: Path, wheels: Path
) -> None:
    """Some packages import them; of what Flux alone requires they are known to be idle, and left out."""
    files = {"mugs/tests/runner.py": "", "mugs/__init__.pyi": "", "tests/any.py": ""}
    write_wheel(wheels, "mugs", files=files)
    (shop / "requirements.txt").write_text("mugs\n")
    flux("build", "--target", "aws")
    assert files.keys() <= unpacked(shop / "build" / "aws.zip").keys()


def test_of_what_only_flux_requires_tests_and_stubs_are_left_out(aws: Package) -> None:
    """Its stand-in of pynamodb has both."""
    assert {name for name in aws.files if name.startswith("pynamodb/")} == {"pynamodb/__init__.py"}


def test_what_was_built_is_not_packed_again(flux: Callable[..., Result], shop: Path) -> None:
    """A folder in the project, for whichever cloud, changes nothing: the same bytes come again."""
    flux("build", "--target", "gcp")
    first = (shop / "build" / "gcp.zip").read_bytes()
    assert flux("build", "--target", "azure", "--out", "made").exit_code == 0
    assert flux("build", "--target", "gcp").exit_code == 0
    assert (shop / "build" / "gcp.zip").read_bytes() == first


def test_an_empty_folder_is_filled(flux: Callable[..., Result], shop: Path) -> None:
    """As `sam build` gives one."""
    (shop / "made").mkdir()
    assert flux("build", "--target", "gcp", "--out", "made").exit_code == 0
    assert (shop / "made" / "main.py").exists()


def test_folders_without_an_init_may_be_shared() -> None:
    """A namespace package has parts of several owners."""
    assert clash(["shop/orders/__init__.py"], {"shop/prices/__init__.py": "prices"}) is None
    assert clash(["six/__init__.py"], {"six.py": "six"}) == ("six", "six")


def test_what_was_left_out_is_told(flux: Callable[..., Result], shop: Path) -> None:
    """How many files are packed, which may hold secrets, and which are other clouds'."""
    (shop / "server.pem").touch()
    told = flux("build", "--target", "gcp").stdout
    assert "3 files of the project\n" in told
    assert "cloud's part of Flux: app.py, function_app.py\n" in told
    assert "left out as secrets: server.pem; include under [tool.flux.build] takes them\n" in told
    document = json.loads(flux("build", "--target", "gcp", "--json").stdout)
    assert document["files"] == ["main.py", "prices/mug.json", "workflow.py"]
    assert document["left_out"] == {"secrets": ["server.pem"], "other_clouds": ["app.py", "function_app.py"]}


def test_a_line_says_what_is_being_done() -> None:
    """On a terminal it stands there while it takes its time."""
    doing = Doing()
    doing("packs")
    assert str(doing.__rich__()) == "flux build packs …"

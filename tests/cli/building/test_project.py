"""Which of a project's files a function is given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from cli.conftest import ROOT

from flux_cli._build.files import FrontMissing, files_for
from flux_cli._build.patterns import matches
from flux_cli._build.project import Project
from flux_cli._build.target import AWS, AZURE, GCP, TARGETS, Target
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Write files into the project, each with the same text."""

    def files(*names: str, text: str = "") -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return files


def taken(folder: Path, target: Target = AWS, *, beside: str = "app.py") -> set[str]:
    """Return what is taken, beside the front."""
    return set(files_for(target, Project.read(folder)).taken) - {beside}


def test_code_and_data_are_taken(tmp_path: Path, write: Callable[..., None]) -> None:
    """In folders, too, whatever they are called."""
    write("app.py", text="import flux_aws")
    write("shop/__init__.py", "shop/prices.csv", "prompts/thanks.md", "contest.py")
    assert taken(tmp_path) == {"shop/__init__.py", "shop/prices.csv", "prompts/thanks.md", "contest.py"}


def test_what_no_function_needs_is_left_out(tmp_path: Path, write: Callable[..., None]) -> None:
    """Hidden files, caches, environments, tests, databases, secrets of tools, and what the project is made with."""
    write("app.py", text="import flux_aws")
    write(
        ".env",
        ".git/config",
        ".venv/x.py",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "__pycache__/app.pyc",
        "shop/x.pyc",
    )
    write(
        "tests/test_x.py",
        "shop/test_y.py",
        "shop/y_test.py",
        "conftest.py",
        "flux.db",
        "flux.db-wal",
        "x.sqlite3",
    )
    write(
        "main.tf", "terraform.tfstate", "local.settings.json", "host.json", "node_modules/x/y.js", "old.zip"
    )
    write(
        "README.md",
        "LICENSE",
        "pyproject.toml",
        "requirements.txt",
        "requirements.aws.lock",
        "Makefile",
        "build/x",
    )
    assert taken(tmp_path) == set()


def test_the_fronts_of_other_clouds_are_left_out(tmp_path: Path, write: Callable[..., None]) -> None:
    """A module that imports another cloud's part of Flux could not be imported; one that may do it later is taken."""
    write("main.py", text="import os\nfrom flux_gcp import http\n")
    write("app.py", text="import flux_aws\n")
    write("function_app.py", text="import flux_azure as flux\n")
    write("host.json")
    write("any.py", text="def lambda_handler():\n    import flux_aws\n")
    assert taken(tmp_path, GCP, beside="main.py") == {"any.py"}
    assert taken(tmp_path, AZURE, beside="function_app.py") == {"any.py", "host.json"}


def test_a_front_that_the_cloud_names_is_taken_whatever_it_imports(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    """The cloud looks for it: it is for Python to say there what is wrong."""
    write("main.py", text="import flux_gcp\nimport flux_aws\n")
    assert "main.py" in files_for(GCP, Project.read(tmp_path)).taken


def test_the_front_of_lambda_may_have_any_name(tmp_path: Path, write: Callable[..., None]) -> None:
    """The function's settings name it, so that it is known by what it imports."""
    write("shop/front.py", text="from flux_aws import handler\n")
    assert taken(tmp_path) == {"shop/front.py"}


def test_a_module_that_only_speaks_of_flux_is_no_front(tmp_path: Path, write: Callable[..., None]) -> None:
    """An import inside a function, a comment or a text makes none, nor does a module of the project's own."""
    write("app.py", text="# import flux_aws\nimport flux_awsome\nfrom .flux_aws import x\n")
    write("workflow.py", text='"""For example:\n\nimport flux_aws\n"""\n')
    with pytest.raises(FrontMissing, match="has no module that imports flux_aws"):
        taken(tmp_path)


def test_an_import_in_a_docstring_is_none(tmp_path: Path, write: Callable[..., None]) -> None:
    """The module is the function's as any other."""
    write("app.py", text="import flux_aws")
    write("workflow.py", text='"""On Google Cloud:\n\nimport flux_gcp\n"""\n')
    assert taken(tmp_path) == {"workflow.py"}


def test_a_module_in_another_pythons_syntax_is_told_by_its_lines(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    """The function's Python may be newer than the one that builds."""
    write("app.py", text="import flux_aws\nthis is tomorrow's\n")
    write("main.py", text="import flux_gcp\nthis is tomorrow's\n")
    assert taken(tmp_path) == set()
    assert files_for(AWS, Project.read(tmp_path)).foreign == ["main.py"]


def test_secrets_are_left_out_and_named(tmp_path: Path, write: Callable[..., None]) -> None:
    """Keys, settings of this machine and of Terraform, whatever folder they lie in; `include` takes one."""
    write("app.py", text="import flux_aws")
    secrets = {
        *("prod.env", ".env", "certs/server.pem", "sub/local.settings.json", "terraform.tfvars.json"),
        *("prod.auto.tfvars", "id_rsa", "my.key", "service-account-shop.json"),
    }
    write(*secrets, "keyboard.json")
    files = files_for(AWS, Project.read(tmp_path))
    assert (set(files.taken), set(files.secrets)) == ({"app.py", "keyboard.json"}, secrets)
    write("pyproject.toml", text='[tool.flux.build]\ninclude = ["certs/*.pem"]\nexclude = ["id_rsa"]')
    files = files_for(AWS, Project.read(tmp_path))
    assert set(files.taken) == {"app.py", "keyboard.json", "certs/server.pem"}
    assert set(files.secrets) == secrets - {"certs/server.pem", "id_rsa"}


def test_names_that_only_begin_as_what_is_left_out_are_taken(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    """A rule for the root, or for a file, is none for others: every segment of a path must fit."""
    write("app.py", text="import flux_aws")
    names = {
        *(
            "constraints.py",
            "requirements.py",
            "requirements_api/__init__.py",
            "license_check.py",
            "README.py",
        ),
        *("data/model.zip", "shop/build/plan.py", "shop/README.md", "shop/requirements.txt"),
    }
    write(*names, "old.zip", "requirements/base.txt", "requirements-dev.txt", "constraints.txt")
    write("runs.sqlite3-wal", "runs.sqlite-journal", "runs.db3", "deploy.tfplan")
    assert taken(tmp_path) == names


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.db", "a/b.db", True),
        ("events/", "shop/events", True),
        ("/events", "shop/events", False),
        ("a/*.py", "a/b/c.py", False),
        ("a/**/c.py", "a/c.py", True),
        ("a/**/c.py", "a/b/b/c.py", True),
        ("**/c", "a/b/c", True),
        ("a/b", "a", False),
    ],
)
def test_patterns_are_read_segment_by_segment(pattern: str, path: str, fits: bool) -> None:  # noqa: FBT001
    """As `.gitignore` has them."""
    assert matches(path, [pattern]) == fits


def test_a_front_that_is_needed_cannot_be_excluded(tmp_path: Path, write: Callable[..., None]) -> None:
    """Neither is it packed in silence, nor a package built without it; other clouds' packages do not need it."""
    write("app.py", text="import flux_aws")
    write("main.py", text="import flux_gcp")
    write("pyproject.toml", text='[tool.flux.build]\nexclude = ["main.py"]')
    with pytest.raises(
        InvalidInput, match=r"pyproject.toml excludes main.py, from which Cloud Run functions starts"
    ):
        taken(tmp_path, GCP)
    assert taken(tmp_path) == set()


def test_the_settings_exclude_and_include(tmp_path: Path, write: Callable[..., None]) -> None:
    """Patterns with a slash are paths from the root, others names anywhere; what is excluded stays out."""
    write("app.py", text="import flux_aws")
    write("demo.py", "events/order.json", "shop/events/x.json", "prices.db", "old.db", "shop/demo.py")
    write(
        "pyproject.toml",
        text='[tool.flux.build]\nexclude = ["/demo.py", "events/*", "old.*"]\ninclude = ["*.db"]\n',
    )
    assert taken(tmp_path) == {"shop/demo.py", "shop/events/x.json", "prices.db"}


def test_what_is_built_is_no_part_of_it(tmp_path: Path, write: Callable[..., None]) -> None:
    """A package that lies in the project, under whatever name, is not packed into the next."""
    write("app.py", text="import flux_aws")
    write("made/.flux-build", "made/app.py", "made/workflow.py", "deploy/broken.zip")
    with (
        ZipFile(tmp_path / "deploy" / "aws.zip", "w") as package,
        ZipFile(tmp_path / "deploy" / "own.zip", "w") as own,
    ):
        package.writestr(".flux-build", "")
        own.writestr("prices.csv", "")
    assert taken(tmp_path) == {"deploy/broken.zip", "deploy/own.zip"}


@pytest.mark.parametrize("target", TARGETS.values(), ids=[*TARGETS])
def test_the_lines_that_a_missing_front_needs_make_one(
    target: Target, tmp_path: Path, write: Callable[..., None]
) -> None:
    """As files beside a workflow they are a project that can be built, and Python can import the front."""
    parts = re.split(r"^(\S+):$", target.lines, flags=re.MULTILINE)[1:]
    files = {
        name: textwrap.dedent(text.strip("\n")) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
    for name, text in files.items():
        write(name, text=text)
    write(
        "workflow.py", text="from flux_core import Workflow\norder = Workflow('order').step('pay', print)\n"
    )
    assert {*files, "workflow.py"} == {*files_for(target, Project.read(tmp_path)).taken}
    module = next(iter(files)).removesuffix(".py")
    variables = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"}
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=tmp_path, env=variables, check=True)

"""Which of a project's files a function is given."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_cli._build.package import Content, is_package
from flux_cli._build.patterns import matches
from flux_cli._build.target import TARGETS
from flux_core import FluxError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flux_cli._build.project import Project
    from flux_cli._build.target import Target

SECRET: Final = "secret"  # noqa: S105 (the name of a rule)
LEFT_OUT: Final = {
    SECRET: (
        *("*.env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa", "id_ecdsa", "id_ed25519"),
        *(
            "service-account*.json",
            "service_account*.json",
            "local.settings.json",
            "*.tfvars",
            "*.tfvars.json",
        ),
    ),
    "hidden or made by a tool": (".*", "__pycache__", "*.py[co]", "*.egg-info", "node_modules"),
    "test": ("test", "tests", "test_*.py", "*_test.py", "conftest.py"),
    "database": tuple(f"*.{kind}{end}" for kind in ("db", "db3", "sqlite", "sqlite3") for end in ("", "-*")),
    "Terraform's": ("*.tf", "*.tfstate", "*.tfstate.*", "*.tfplan"),
    "the project's own making": (
        *(
            f"/{name}{end}"
            for name in ("README", "CHANGELOG", "LICENSE")
            for end in ("", ".md", ".rst", ".txt")
        ),
        *(
            "/Makefile",
            "/Dockerfile",
            "/pyproject.toml",
            "/uv.lock",
            "/host.json",
            "/build",
            "/dist",
            "/*.zip",
        ),
        *("/requirements*.txt", "/requirements.*.lock", "/requirements/*.txt", "/constraints*.txt"),
    ),
}
"""Patterns of what no function needs, by what it is; the first that fits counts."""
_ENVIRONMENT: Final = "pyvenv.cfg"
_ADAPTERS: Final = frozenset(f"flux_{target}" for target in TARGETS)
_IMPORT: Final = re.compile(rb"^(?:from|import)[ \t]+(\w+)", re.MULTILINE)


class FrontMissing(FluxError, LookupError):
    """The project has no front for the cloud."""

    code = "FRONT_MISSING"


class Files(NamedTuple):
    """A project's files, sorted for one cloud, by their path in the project."""

    taken: dict[str, Content]
    """Those that the function needs."""
    secrets: list[str]
    """Those that are left out because they may hold secrets."""
    foreign: list[str]
    """Modules that are left out because they import another cloud's part of Flux."""


def files_for(target: Target, project: Project) -> Files:
    """Return the project's files for a cloud.

    Left out is what `LEFT_OUT` and `exclude` name, virtual environments, what was built before, and every module that
    imports another cloud's part of Flux at its top: it could not be imported there.

    Raises:
        FrontMissing: there is no front for the cloud.
        InvalidInput: the front is excluded, or a folder is a link, which is not followed.
    """
    secrets: list[str] = []
    adapters = {name: _adapters(file) for name, file in _walk(project, project.folder, secrets)}
    fronts = {front for front in target.fronts if (project.folder / front).is_file()}
    if excluded := [front for front in sorted(fronts) if matches(front, project.exclude)]:
        raise InvalidInput(
            f"{project.folder}/pyproject.toml excludes {excluded[0]}, from which {target.platform} starts its function:"
            " take it out of exclude under [tool.flux.build]"
        )
    wanted = {name for name, imported in adapters.items() if imported <= {target.adapter}} | fronts
    missing = [front for front in target.fronts if front not in fronts]
    if not target.fronts and not any(target.adapter in adapters[name] for name in wanted):
        missing = [f"module that imports {target.adapter}"]
    if missing:
        raise FrontMissing(
            f"{project.folder.resolve()} has no {missing[0]}, from which {target.platform} could start its function;"
            f" the least that serves:\n{target.lines}"
        )
    taken = {name: Content.of(project.folder / name) for name in sorted(wanted)}
    return Files(taken, secrets, sorted(adapters.keys() - wanted))


def _walk(project: Project, folder: Path, secrets: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that no rule leaves out, by their path in the project; `secrets` gets those left out as such."""
    for path in sorted(folder.iterdir()):
        name = path.relative_to(project.folder).as_posix()
        if matches(name, project.exclude):
            continue
        rule = None if matches(name, project.include) else _rule(name)
        if rule == SECRET:
            secrets.append(name)
        if rule or is_package(path):
            continue
        if path.is_file():
            yield name, path
        elif path.is_symlink():
            raise InvalidInput(
                f"{path} is a link to a folder, or to nothing: put there what is meant, or exclude it"
            )
        elif path.is_dir() and not (path / _ENVIRONMENT).exists():
            yield from _walk(project, path, secrets)


def _rule(name: str) -> str | None:
    return next((rule for rule, patterns in LEFT_OUT.items() if matches(name, patterns)), None)


def _adapters(file: Path) -> set[str]:
    """Return the clouds' parts of Flux that the module imports at its top."""
    if file.suffix != ".py":
        return set()
    source = file.read_bytes()
    try:
        modules = {module for node in ast.parse(source).body for module in _imported(node)}
    except (SyntaxError, ValueError):  # a newer Python's, perhaps: what its lines look like must do
        modules = {name.decode() for name in _IMPORT.findall(source)}
    return modules & _ADAPTERS


def _imported(node: ast.stmt) -> set[str]:
    """Return the top-level packages that the statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {str(node.module).partition(".")[0]}
    return set()

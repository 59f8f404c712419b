"""The user's project: its settings, what it requires, and which of its files a function needs."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from flux_cli._build.package import Content
from flux_cli._build.target import TARGETS
from flux_core import FluxError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flux_cli._build.target import Target

LEFT_OUT: Final = (
    *(".*", "__pycache__", "*.py[co]", "*.egg-info", "node_modules"),
    *("test", "tests", "test_*.py", "*_test.py", "conftest.py"),
    *("*.db", "*.db-*", "*.sqlite", "*.sqlite3"),
    *("*.tf", "*.tfvars", "*.tfstate", "*.tfstate.*"),
    *("/README*", "/CHANGELOG*", "/LICENSE*", "/Makefile", "/Dockerfile", "/pyproject.toml", "/uv.lock"),
    *("/requirements*", "/constraints*", "/local.settings.json", "/host.json", "/build", "/dist", "/*.zip"),
)
"""Patterns of what no function needs: a name anywhere, or with a slash a path from the project's root."""
_ENVIRONMENT: Final = "pyvenv.cfg"
_ADAPTERS: Final = re.compile(
    rf"^(?:from|import)[ \t]+(flux_(?:{'|'.join(TARGETS)}))\b".encode(), re.MULTILINE
)


class FrontMissing(FluxError, LookupError):
    """The project has no front for the cloud."""

    code = "FRONT_MISSING"


class Project(NamedTuple):
    """A folder with a workflow and its fronts."""

    folder: Path
    exclude: tuple[str, ...]
    """Patterns of files to leave out too, from `[tool.flux.build]`."""
    include: tuple[str, ...]
    """Patterns of files to take although `LEFT_OUT` has them."""
    dependencies: tuple[str, ...]
    """What `[project]` requires."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the project in the folder, with the settings of its `pyproject.toml`, if there is one.

        Raises:
            InvalidInput: there is no such folder, or a setting cannot be taken.
        """
        if not folder.is_dir():
            raise InvalidInput(
                f"there is no folder {folder}; name the one that has the workflow and its fronts"
            )
        settings = _settings(folder / "pyproject.toml")
        build = settings.get("tool", {}).get("flux", {}).get("build", {})
        if unknown := build.keys() - {"exclude", "include"}:
            raise InvalidInput(f"{folder}/pyproject.toml: [tool.flux.build] knows no {min(unknown)!r}")
        return cls(
            folder,
            _strings(folder, build, "exclude"),
            _strings(folder, build, "include"),
            _strings(folder, settings.get("project", {}), "dependencies"),
        )

    def requirements(self) -> str:
        """Return what the project requires, as a requirements file: `requirements.txt`, else from `[project]`."""
        return self.requirement_texts().get("requirements.txt", "\n".join(self.dependencies))

    def requirement_texts(self) -> dict[str, str]:
        """Return the files that may say what is required, by name."""
        names = sorted([*self.folder.glob("requirements*.txt"), *self.folder.glob("constraints*.txt")])
        return {file.name: file.read_text(encoding="utf-8") for file in names}

    def files(self, target: Target, *, out: Path) -> dict[str, Content]:
        """Return the files that the function needs, by their path in the project.

        Left out is what `LEFT_OUT` and `exclude` name, virtual environments, what is built, and every module that
        imports another cloud's part of Flux at its top: it could not be imported there.

        Raises:
            FrontMissing: there is no front for the cloud.
            InvalidInput: a folder is a link, which is not followed.
        """
        adapters = {name: _adapters(file) for name, file in self._walk(self.folder, out.resolve())}
        found = {
            name: Content.of(self.folder / name)
            for name, imported in adapters.items()
            if imported <= {target.adapter}
        } | {front: Content.of(self.folder / front) for front in target.fronts if self._has(front)}
        missing = [front for front in target.fronts if front not in found]
        if not target.fronts and not any(target.adapter in adapters[name] for name in found):
            missing = [f"module that imports {target.adapter}"]
        if missing:
            raise FrontMissing(
                f"{self.folder.resolve()} has no {missing[0]}, from which {target.platform} could start its function;"
                f" the least that serves:\n{target.lines}"
            )
        return found

    def _has(self, front: str) -> bool:
        return (self.folder / front).is_file()

    def _walk(self, folder: Path, out: Path) -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.iterdir()):
            name = path.relative_to(self.folder).as_posix()
            if path.resolve() == out or not self._is_wanted(name):
                continue
            if path.is_file():
                yield name, path
            elif path.is_symlink():
                raise InvalidInput(
                    f"{path} is a link to a folder, or to nothing: put there what is meant, or exclude it"
                )
            elif path.is_dir() and not (path / _ENVIRONMENT).exists():
                yield from self._walk(path, out)

    def _is_wanted(self, name: str) -> bool:
        if _matches(name, self.exclude):
            return False
        return _matches(name, self.include) or not _matches(name, LEFT_OUT)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Return whether the path, or, for a pattern without a slash, its last part, has one of the patterns."""
    last = name.rpartition("/")[2]
    return any(
        fnmatchcase(f"/{name}", f"/{pattern.lstrip('/')}") if "/" in pattern else fnmatchcase(last, pattern)
        for pattern in patterns
    )


def _adapters(file: Path) -> set[str]:
    """Return the clouds' parts of Flux that the module imports at its top."""
    if file.suffix != ".py":
        return set()
    return {name.decode() for name in _ADAPTERS.findall(file.read_bytes())}


def _settings(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error


def _strings(folder: Path, table: dict[str, Any], name: str) -> tuple[str, ...]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{folder}/pyproject.toml: {name} is a list of strings, not {value!r}")
    return tuple(value)

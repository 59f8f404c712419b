"""The user's project: where it is, its settings, and what it requires."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from flux_cli._build.requirement_lines import Asked, asked_in, lines_for
from flux_core import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SETTINGS: Final = ("tool", "flux", "build")


class Project(NamedTuple):
    """A folder with a workflow and its fronts."""

    folder: Path
    exclude: tuple[str, ...]
    """Patterns of files to leave out too, from `[tool.flux.build]`."""
    include: tuple[str, ...]
    """Patterns of files to take although a rule leaves them out."""
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
        file = folder / "pyproject.toml"
        settings = _settings(file)
        build = _table(file, settings, *_SETTINGS)
        if unknown := build.keys() - {"exclude", "include"}:
            raise InvalidInput(f"{file}: [tool.flux.build] knows no {min(unknown)!r}")
        return cls(
            folder,
            _strings(file, build, "exclude"),
            _strings(file, build, "include"),
            _strings(file, _table(file, settings, "project"), "dependencies"),
        )

    def asked(self, markers: Mapping[str, str]) -> Asked:
        """Return what the project requires where the markers hold: by `requirements.txt`, else by `[project]`.

        Raises:
            InvalidInput: a file of requirements cannot be read.
        """
        file = self.folder / "requirements.txt"
        if file.exists():
            return asked_in(file, self.folder, markers)
        return Asked(tuple(lines_for("\n".join(self.dependencies), markers)), ())


def _settings(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error


def _table(file: Path, settings: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the table of that name, empty if there is none."""
    for name in names:
        settings = settings.get(name, {})
        if not isinstance(settings, dict):
            raise InvalidInput(f"{file}: {name} in [{'.'.join(names)}] is a table, not {settings!r}")
    return settings


def _strings(file: Path, table: dict[str, Any], name: str) -> tuple[str, ...]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{file}: {name} is a list of strings, not {value!r}")
    return tuple(value)

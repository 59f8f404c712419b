"""Dependencies point inward: the engine needs nothing, an adapter needs the engine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ADAPTERS = sorted(folder for folder in (ROOT / "adapters").iterdir() if (folder / "__init__.py").exists())
LATE = ["asyncio", "dataclasses", "datetime", "decimal", "hashlib", "inspect", "logging", "sqlite3", "uuid"]


def imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Give each file of a package with the top-level name of each module that it imports, anywhere in it."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield str(path.relative_to(ROOT)), alias.name.partition(".")[0]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                yield str(path.relative_to(ROOT)), (node.module or "").partition(".")[0]


def test_the_engine_imports_the_standard_library_alone() -> None:
    """No third party's package and no adapter, not even late or for types."""
    foreign = {
        (path, name)
        for path, name in imports(ROOT / "flux_core")
        if name != "flux_core" and name not in sys.stdlib_module_names
    }
    assert foreign == set()


def test_there_are_adapters() -> None:
    """The rules about them are not kept by an empty folder."""
    assert {"flux_aws", "flux_cli"} <= {adapter.name for adapter in ADAPTERS}


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_an_adapter_imports_no_other(adapter: Path) -> None:
    """What two of them need belongs in the engine; the command line loads others by name."""
    others = {folder.name for folder in ADAPTERS} - {adapter.name}
    assert {(path, name) for path, name in imports(adapter) if name in others} == set()


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after the statement."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {statement}; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(shown.stdout.split())


def test_importing_the_engine_loads_little() -> None:
    """Cold start is a feature: what not every function needs is loaded where it is used."""
    assert loaded_by("import flux_core") & set(LATE) == set()


def test_running_plain_steps_loads_little() -> None:
    """A workflow of plain handlers over dicts needs no event loop, no database and no logging."""
    program = (
        "from flux_core import Engine, Workflow;"
        "Engine().execute(Workflow('w').step('a', lambda ctx: ctx.data.update(n=1)), {'k': [1.5]})"
    )
    assert loaded_by(program) & {"asyncio", "dataclasses", "inspect", "logging", "sqlite3"} == set()

"""Names that a package gives and imports when they are first asked for: a cold start pays for what is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def importer(package: dict[str, Any], modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return what a package is to call `__getattr__`.

    Args:
        package: its `globals()`.
        modules: by name, the module below the package that has it.
    """
    title = package["__name__"]

    def __getattr__(name: str) -> Any:  # noqa: N807 (what Python calls it)
        if name not in modules:
            raise AttributeError(f"module {title!r} has no attribute {name!r}")
        package[name] = getattr(import_module(f"{title}.{modules[name]}"), name)
        return package[name]

    return __getattr__

"""What the packages export: all of it, sorted, and documented."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import flux_core

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ["flux_core", "flux_core.storage", "flux_core.trace", "flux_core.testing"]


def exported(package: str) -> dict[str, Any]:
    """Return what the package exports, by name."""
    module = import_module(package)
    return {name: getattr(module, name) for name in module.__all__}


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Give the public functions and properties that a class of ours has of its own."""
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member


@pytest.mark.parametrize("package", PACKAGES)
def test_the_exports_are_sorted(package: str) -> None:
    """A reader finds a name where the alphabet has it."""
    names = import_module(package).__all__
    assert list(names) == sorted(set(names))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_exports_are_complete(package: str) -> None:
    """Whatever of ours a package holds under a public name, or a module defines, is exported."""
    module = import_module(package)
    homes = "flux_core" if hasattr(module, "__path__") else package
    exports = exported(package)
    reachable = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and str(getattr(value, "__module__", "")).startswith(homes)
    }
    assert reachable <= exports.keys()


def test_every_error_is_exported() -> None:
    """Whatever Flux raises can be caught by its name."""
    errors = {
        name
        for name, value in vars(flux_core._errors).items()
        if isinstance(value, type) and issubclass(value, flux_core.FluxError)
    }
    assert errors <= set(flux_core.__all__)


def test_every_error_has_a_code_of_its_own() -> None:
    """The code is the name in upper snake case, so it stays as stable as the name."""
    errors = [
        value
        for value in exported("flux_core").values()
        if isinstance(value, type) and issubclass(value, flux_core.FluxError)
    ]
    codes = {
        error: "".join(f"_{c}" if c.isupper() else c.upper() for c in error.__name__)[1:] for error in errors
    }
    assert {error: error.code for error in errors} == codes


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_exported_is_documented(package: str) -> None:
    """Every exported class and function, and every public method and property, says what it is."""
    module = import_module(package)
    assert module.__doc__
    undocumented = []
    for name, value in exported(package).items():
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not value.__doc__:
            undocumented.append(name)
        if inspect.isclass(value):
            undocumented += [
                f"{name}.{member_name}" for member_name, member in public_members(value) if not member.__doc__
            ]
    assert undocumented == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    """Names that are loaded late do not make every name one."""
    with pytest.raises(AttributeError, match="nothing"):
        _ = import_module(package).nothing


def test_the_version_is_that_of_the_distribution() -> None:
    """What is installed says which it is."""
    from importlib.metadata import version

    assert version("flux-serverless") == flux_core.__version__

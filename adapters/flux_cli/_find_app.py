"""Finding the user's app: by option or environment, else by the nearest pyproject.toml."""

from __future__ import annotations

import sys
import tomllib
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import flux_core
from flux_core import App, FluxError, InvalidInput, Workflow

if TYPE_CHECKING:
    from types import ModuleType

PROJECT: Final = "pyproject.toml"
_ENGINE: Final = Path(flux_core.__file__).parent


class AppNotFound(FluxError, LookupError):
    """No app is named, or there is none of that name."""

    code = "APP_NOT_FOUND"


class AppFailed(FluxError, ImportError):
    """The app's module is there, but raised an error when it was imported."""

    code = "APP_FAILED"


def required_app(name: str | None) -> App:
    """Return the app, which must be named somewhere; see `find_app`."""
    app = find_app(name)
    if app is None:
        project = _nearest_project(Path.cwd())
        tried = (
            f"{project} names none under [tool.flux]"
            if project
            else f"there is no {PROJECT} from here upwards"
        )
        raise AppNotFound(
            f"no app is named: --app is not given, FLUX_APP is not set, and {tried};"
            " name one with --app module:name or --app path/to/file.py:name"
        )
    return app


def find_app(name: str | None) -> App | None:
    """Return the app of that name, seen from the current folder; without one, the project's, or None.

    Raises:
        AppNotFound: there is no such module, file or app.
        AppFailed: the module raised an error when it was imported.
    """
    folder = Path.cwd()
    if name is None and (project := _nearest_project(folder)):
        name, folder = _app_of(project), project.parent
    return None if name is None else load_app(name, folder)


def load_app(name: str, folder: Path) -> App:
    """Return the app `module:name` or `path/to/file.py:name`, seen from the folder, which goes on `sys.path`."""
    target, _, attribute = name.rpartition(":")
    if not target or not attribute:
        raise AppNotFound(f"the app {name!r} is not written as module:name or path/to/file.py:name")
    _add_to_path(folder)
    file = folder / target
    if file.suffix == ".py":
        if not file.is_file():
            raise AppNotFound(f"app {name!r}: there is no file {file}")
        _add_to_path(file.parent)
        target = file.stem
    module = _imported(target, folder)
    if file.suffix == ".py" and Path(module.__file__ or "").resolve() != file.resolve():
        raise AppNotFound(f"app {name!r}: Python has another module {target!r} already; rename the file")
    app = getattr(module, attribute, None)
    if not isinstance(app, App):
        apps = ", ".join(known for known, value in vars(module).items() if isinstance(value, App)) or "none"
        what = "is not an App" if hasattr(module, attribute) else "is not there"
        hint = f"; put the workflow into one: App([{attribute}])" if isinstance(app, Workflow) else ""
        raise AppNotFound(
            f"app {name!r}: {attribute!r} {what} in {module.__file__}; apps there: {apps}{hint}"
        )
    return app


def _nearest_project(folder: Path) -> Path | None:
    candidates = (above / PROJECT for above in (folder, *folder.parents))
    return next((project for project in candidates if project.is_file()), None)


def _app_of(project: Path) -> str | None:
    try:
        settings: Any = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("flux", {})
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{project} cannot be read: {error}") from error
    name = settings.get("app")
    if name is not None and not isinstance(name, str):
        raise InvalidInput(f"{project}: app under [tool.flux] is a string, 'module:name', not {name!r}")
    return name


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imported(target: str, folder: Path) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):  # standard output is the command's answer
            return import_module(target)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{target}.".startswith(f"{missing}."):
            raise AppNotFound(
                f"there is no module {target!r} in {folder}, nor is one of that name installed"
            ) from error
        message = error.msg if isinstance(error, SyntaxError) else error
        raise AppFailed(
            f"{_where(error)}: {type(error).__name__}: {message} (while importing the app's module {target!r})"
        ) from error


def _where(error: BaseException) -> str:
    """Return file and line of the error in the user's own code, or of its origin if that shows none of it."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename))]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _is_own(file: Path) -> bool:
    return (
        file.is_file()
        and "site-packages" not in file.parts
        and not file.is_relative_to(_ENGINE)
        and not file.is_relative_to(Path(__file__).parent)
        and not file.is_relative_to(sys.base_prefix)
    )

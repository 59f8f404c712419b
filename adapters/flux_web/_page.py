"""The viewer's page, its script and its stylesheet, as they lie in the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from flux_core._serving.http import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping


class File(NamedTuple):
    """A file of the viewer."""

    name: str
    media_type: str


FILES: Final[Mapping[str, File]] = {
    "/": File("index.html", "text/html; charset=utf-8"),
    "/viewer/viewer.js": File("viewer.js", "text/javascript; charset=utf-8"),
    "/viewer/viewer.css": File("viewer.css", "text/css; charset=utf-8"),
}
"""Every file that is served, by its path; what is asked for is never made a file's name."""


def page_reply(path: str) -> Reply:
    """Return the answer that is the file of a path, which is one of `FILES`."""
    file = FILES[path]
    return Reply(200, {"Content-Type": file.media_type}, _text(file.name))


@cache  # it is answered on the event loop, which is to wait for no disk
def _text(name: str) -> str:
    return (files("flux_web") / "_viewer" / name).read_text(encoding="utf-8")

"""Pictures taken apart: their elements by class, and where their texts stand."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

from flux_web._pictures.text import width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SVG = "{http://www.w3.org/2000/svg}"


class Label(NamedTuple):
    """A text of a picture, with the box that it takes at most."""

    content: str
    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: Label) -> bool:
        """Whether the two overlap by more than a hair."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 0.1 and down > 0.1


def parsed(picture: str) -> ET.Element:
    """Return the picture, which must be well-formed."""
    return ET.fromstring(picture)  # noqa: S314 (it is ours)


def classed(picture: ET.Element, *names: str) -> list[ET.Element]:
    """Return the elements that have all these classes, in their order."""
    return [element for element in picture.iter() if set(names) <= set((element.get("class") or "").split())]


def texts(element: ET.Element) -> list[str]:
    """Return the texts in an element, in their order."""
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def tips(element: ET.Element) -> list[str]:
    """Return the tooltips in an element, in their order."""
    return [title.text or "" for title in element.iter(f"{SVG}title")]


def number(element: ET.Element, name: str) -> float:
    """Return an attribute that is a number."""
    return float(str(element.get(name)))


def labels(picture: ET.Element) -> Iterator[Label]:
    """Give the texts with their boxes."""
    for text in picture.iter(f"{SVG}text"):
        content, size = text.text or "", number(text, "font-size")
        width = width_of(content, size)
        left = (
            number(text, "x") - {"start": 0, "middle": width / 2, "end": width}[str(text.get("text-anchor"))]
        )
        base = number(text, "y")
        yield Label(content, left, base - size * 0.8, left + width, base + size * 0.2)


def overlaps(picture: ET.Element) -> list[tuple[str, str]]:
    """Return the texts that are over one another, and those that reach beyond the picture."""
    found = list(labels(picture))
    width, height = number(picture, "width"), number(picture, "height")
    beyond = [
        (label.content, "beyond the picture")
        for label in found
        if label.left < -0.1 or label.right > width + 0.1 or label.top < 0 or label.bottom > height
    ]
    over = [
        (label.content, other.content)
        for index, label in enumerate(found)
        for other in found[:index]
        if label.covers(other)
    ]
    return beyond + over

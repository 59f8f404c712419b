"""SVG elements as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flux_web._pictures.text import escaped, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACE: Final = "http://www.w3.org/2000/svg"
FONT: Final = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
NAME_SIZE: Final = 13
DETAIL_SIZE: Final = 11
HATCH: Final = 7  # pixels between slanted lines


def element(name: str, *children: str, **attributes: str | float | None) -> str:
    """Return an element.

    Args:
        name: its tag.
        children: what is in it, as XML.
        attributes: text or numbers, None for one that it lacks; `class_` is `class`, `data_step` is `data-step`.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def number(value: float) -> str:
    """Return a length with a tenth of a pixel at most, without zeros behind its point."""
    return f"{value:.1f}".removesuffix(".0")


def path(class_: str, *commands: str | float) -> str:
    """Return a path of these commands and numbers."""
    drawn = " ".join(part if isinstance(part, str) else number(part) for part in commands)
    return element("path", class_=class_, d=drawn)


class Box(NamedTuple):
    """A place in the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x at which it ends."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """The y of its middle."""
        return self.y + self.height / 2


def rect(class_: str, place: Box, corner: float = 0) -> str:
    """Return a rectangle, its corners round by so much."""
    return element("rect", class_=class_, **place._asdict(), rx=corner or None)


def touch(place: Box) -> str:
    """Return what a pointer meets where there is little to see."""
    return element("rect", **place._asdict(), fill="none", pointer_events="all")


def text(class_: str, x: float, y: float, content: str, *, anchor: str = "start", size: float) -> str:
    """Return one line of text; `anchor` says whether it begins, has its middle or ends at x."""
    shown = escaped(printable(content))
    return element("text", shown, class_=class_, x=x, y=y, text_anchor=anchor, font_size=size)


def title(content: str) -> str:
    """Return the tooltip of the element that it is put in."""
    return element("title", escaped(content) or " ")


def group(class_: str, children: Iterable[str], **attributes: str | float | None) -> str:
    """Return these elements as one."""
    return element("g", *children, class_=class_, **attributes)


def pressable(class_: str, children: Iterable[str], *, label: str, **data: str | None) -> str:
    """Return elements that a pointer and a keyboard can press; `data` says what they stand for."""
    return group(class_, children, **data, tabindex=0, role="button", aria_label=label)


def picture(
    class_: str, children: Iterable[str], *, label: str, width: float, height: float, role: str
) -> str:
    """Return a whole picture of that size in pixels; a viewBox lets it shrink and grow."""
    return (
        element(
            "svg",
            "\n",
            title(label),
            "\n",
            "\n".join(children),
            "\n",
            xmlns=NAMESPACE,
            class_=class_,
            role=role,
            aria_label=printable(label),
            width=width,
            height=height,
            viewBox=f"0 0 {number(width)} {number(height)}",
            font_family=FONT,
        )
        + "\n"
    )


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else number(value)


def hatch(place: Box) -> str:
    """Return slanted lines within a rectangle."""
    lines: list[str | float] = []
    start = place.x - place.height + HATCH
    while start < place.right:
        left, right = max(start, place.x), min(start + place.height, place.right)
        bottom = place.y + place.height
        lines += ["M", left, bottom - (left - start), "L", right, bottom - (right - start)]
        start += HATCH
    return path("hatch", *lines) if lines else ""

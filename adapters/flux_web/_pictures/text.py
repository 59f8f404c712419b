"""Text in a picture: made harmless, measured without a font at hand, and cut to the room that there is."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from re import compile as pattern
from typing import Final
from unicodedata import category, combining, east_asian_width

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS: Final = "…"

# What XML 1.0 has no place for: https://www.w3.org/TR/xml/#charsets
_FORBIDDEN: Final = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACES: Final = pattern(r"\s+")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# The width of characters in em: each the widest that it is in Arial, Segoe UI, Roboto, Helvetica and DejaVu Sans.
_WIDTHS: Final = {
    character: width
    for characters, width in (
        ("ijlI|.,:;'!", 0.38),
        (' frt-()[]/\\"·`', 0.47),
        ("mwMW@%—…", 1.0),
        ("abcdeghknopqsuvxyz0123456789_*?$^~{}", 0.65),
        ("ABCDEFGHJKLNOPQRSTUVXYZ<>&#+=", 0.86),
    )
    for character in characters
}
_OTHER: Final = 0.95
_WIDE: Final = 1.3  # ideographs and pictures


def escaped(content: str) -> str:
    """Return the text as it stands in XML, between tags as well as in an attribute."""
    text = escape(_FORBIDDEN.sub(REPLACEMENT, content))
    return text.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def printable(content: str) -> str:
    """Return the text on one line; controls, and what turns the direction of a line, show as a replacement mark."""
    return "".join(
        REPLACEMENT if category(character) in _UNPRINTABLE else character
        for character in _SPACES.sub(" ", content)
    )


def width_of(content: str, size: float) -> float:
    """Return how wide the text is at most, in the unit of its font's size."""
    return sum(map(_em, content)) * size


def cut(content: str, room: float, size: float) -> str:
    """Return the text on one line as far as it fits, with an ellipsis for what is left out."""
    longest = int(room) + 1  # no character is less than a pixel wide, but for accents
    line = printable(content[:longest])
    if len(content) <= longest and width_of(line, size) <= room:
        return line
    left = room - width_of(ELLIPSIS, size)
    for index, character in enumerate(line):
        left -= _em(character) * size
        if left < 0:
            return line[:index] + ELLIPSIS
    return line + ELLIPSIS


@lru_cache(maxsize=4096)
def _em(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if combining(character):
        return 0.0
    return _WIDE if east_asian_width(character) in "WF" else _OTHER

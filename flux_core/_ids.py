"""What a run is found by: its id, one made of a key that is none, its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from flux_core._errors import InvalidId, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 128
ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-")


def check_id(run_id: object) -> str:
    """Return the id.

    Raises:
        InvalidId: it is not 1 to 128 characters of the alphabet.
    """
    if _is_id(run_id):
        return run_id
    raise InvalidId(
        f"the run id {str(run_id)[:200]!r} is not 1 to {LONGEST} characters of A-Z a-z 0-9 . _ : @ -"
    )


def run_id_from(key: object) -> str:
    """Return the run id that an event's key means: the key itself if it can be one, otherwise its SHA-256 in hex.

    The same key always means the same run.

    Raises:
        InvalidInput: the key is not a str, or is empty.
    """
    if not isinstance(key, str) or not key:
        got = "an empty one" if key == "" else type(key).__name__
        raise InvalidInput(f"expected a non-empty str, got {got}", path="key")
    if _is_id(key):
        return key
    from hashlib import sha256  # few keys are odd

    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def check_letter_id(letter_id: object) -> str:
    """Return the id that a sender gave a signal.

    Raises:
        InvalidInput: it is not a str of 1 to 128 printable characters.
    """
    if isinstance(letter_id, str) and 0 < len(letter_id) <= LONGEST and letter_id.isprintable():
        return letter_id
    raise InvalidInput(f"expected 1 to {LONGEST} printable characters, got {letter_id!r}", path="id")


def check_tags(tags: Iterable[object] | None) -> tuple[str, ...]:
    """Return the tags without repeats, in order.

    Raises:
        InvalidInput: a tag is not a non-empty str, or they are one str instead of several.
    """
    if isinstance(tags, str):
        raise InvalidInput(f"expected several strings, got the one string {tags!r}", path="tags")
    unique: dict[str, None] = {}
    for index, tag in enumerate(tags or ()):
        if not isinstance(tag, str) or not tag or not tag.isprintable():
            raise InvalidInput(
                f"expected a non-empty str of printable characters, got {tag!r}", path=f"tags[{index}]"
            )
        unique[tag] = None
    return tuple(unique)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and ALPHABET.issuperset(value)

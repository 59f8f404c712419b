"""Run ids: which there may be, and how one is made of a key that is none."""

from __future__ import annotations

from typing import Final, TypeGuard

from flux_core._errors import InvalidId, InvalidInput

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


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and ALPHABET.issuperset(value)

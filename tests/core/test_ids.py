"""Run ids, and how one is made of a key that is none."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_core import InvalidInput, run_id_from
from flux_core._ids import check_id


@pytest.mark.parametrize("key", ["o_001", "AZaz09._:@-", "x" * 128])
def test_a_key_that_can_be_an_id_is_one(key: str) -> None:
    """What is fit to be read stays readable."""
    assert run_id_from(key) == key


@pytest.mark.parametrize("key", ["a/b", "x" * 129, "näme", "a b"])
def test_any_other_key_is_hashed(key: str) -> None:
    """The id is the key's SHA-256 in hex."""
    assert run_id_from(key) == sha256(key.encode()).hexdigest()


@given(st.text(alphabet=st.characters(), min_size=1))
def test_every_key_has_one_id(key: str) -> None:
    """Whatever the text, also what UTF-8 cannot say, the id is legal, and the same each time."""
    assert check_id(run_id_from(key)) == run_id_from(key)


@pytest.mark.parametrize(
    ("key", "got"), [("", "an empty one"), (3, "int"), (None, "NoneType"), (b"k", "bytes")]
)
def test_what_is_no_key_is_refused(key: Any, got: str) -> None:
    """An event without a key must not be run under somebody else's id."""
    with pytest.raises(InvalidInput, match=f"expected a non-empty str, got {got}") as caught:
        run_id_from(key)
    assert caught.value.path == "key"

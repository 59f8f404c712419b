"""Effects as a developer sees them."""

from __future__ import annotations

from flux_core._effects import Delay, GetBlob, Now


def test_an_effect_shows_what_it_asks_for() -> None:
    """The repr names the effect and its values."""
    assert [repr(effect) for effect in (Now(), Delay(0.5), GetBlob("x", "k"))] == [
        "Now()",
        "Delay(seconds=0.5)",
        "GetBlob(key='k', run_id='x')",
    ]

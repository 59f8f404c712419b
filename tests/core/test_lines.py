"""Lines of a function's log that are too long."""

from __future__ import annotations

import json

from flux_core._serving.lines import KEPT, shortened


def test_the_longest_field_is_cut_first() -> None:
    """What is cut says how long it was; the rest is left alone."""
    line = {"message": "m", "flux": {"type": "step:complete", "data": {"a": "x" * 5000}, "input": "y" * 2000}}
    cut = json.loads(shortened(line, 4000))["flux"]
    assert len(cut["data"]) == KEPT + 1
    assert cut["shortened"] == {"data": 5008}
    assert cut["input"] == "y" * 2000


def test_what_cannot_be_cut_is_written_all_the_same() -> None:
    """A line that is long for another reason is better than none."""
    line = {"message": "m" * 5000, "flux": {"type": "step:complete", "error": "e" * 2000}}
    written = json.loads(shortened(line, 4000))
    assert len(written["message"]) == 5000
    assert written["flux"]["shortened"] == {"error": 2002}


def test_half_a_character_becomes_its_escape() -> None:
    """Any stream takes the line."""
    assert "\\udc80" in shortened({"message": "\udc80", "flux": {}}, 4000)

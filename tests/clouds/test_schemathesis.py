"""Every front keeps what the OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from core.http.conformance import check_conformance

if TYPE_CHECKING:
    from core.http.asking import Respond

pytestmark = pytest.mark.xdist_group("steered")


@pytest.mark.parametrize("front", ["Lambda", "functions-framework", "Azure", "uvicorn"])
def test_every_answer_is_as_documented(steered: dict[str, Respond], front: str) -> None:
    """No request, good or bad, is answered otherwise, nor with a server error."""
    check_conformance(steered[front], examples=2)

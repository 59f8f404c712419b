"""The router keeps what its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.http.asking import by, router
from core.http.conformance import check_conformance
from core.http.shop_of_runs import shop

from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from pathlib import Path


def test_every_answer_is_as_documented(tmp_path: Path) -> None:
    """No request, good or bad, is answered otherwise than the document says, nor with a server error."""
    with shop(SQLiteStorage(tmp_path / "shop.db")) as app:
        check_conformance(by(router(app)), examples=8)

"""A store with very many runs, made in seconds: a few real ones, copied in SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from browser.orders import app

from flux_core.storage import SQLiteStorage

if TYPE_CHECKING:
    from pathlib import Path

SPREAD: Final = 30 * 86_400
"""Seconds before now over which the runs were created."""
COPY: Final = """
    WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < :copies)
    INSERT INTO flux_runs (id, workflow, status, revision, writer, wake_at, created_at, updated_at, tags, document)
    SELECT printf('%s-%06d', id, n), workflow, status, revision, writer, NULL,
        created_at - :apart * n, updated_at - :apart * n, tags, document
    FROM flux_runs, copies
"""
TAG: Final = """
    INSERT INTO flux_tags (tag, run_id) SELECT 'vip', id FROM flux_runs WHERE id LIKE 'shop-waits-%07'
"""
MARK: Final = """
    UPDATE flux_runs SET tags = (SELECT tags FROM flux_runs WHERE id = 'shop-waits')
    WHERE id LIKE 'shop-waits-%07'
"""


def crowd(path: Path, count: int) -> None:
    """Fill a new file with about so many runs, of three workflows and in three statuses."""
    with closing(SQLiteStorage(path)) as storage:
        shop = app.on(storage)
        shop.execute("order-fulfillment", {"order_id": "o"}, id="shop-done")
        items = [{"product_id": "mug", "qty": 100}]
        shop.execute("order-fulfillment", {"order_id": "o", "items": items}, id="shop-waits", tags=["vip"])
        shop.execute("greeting", {"name": "Ada"}, id="hello")
        shop.execute("echo", {"refuse": "a bad day"}, id="echo")
        shop.signal("echo", "echo", "answer")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        copies = count // 4
        connection.execute(COPY, {"copies": copies, "apart": SPREAD / copies})
        connection.execute(TAG)
        connection.execute(MARK)

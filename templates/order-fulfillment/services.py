"""Stand-ins for the shop's inventory, payment and mail services, in an SQLite file of their own.

Each call is written down, so that what happened to the world can be counted apart from what the workflow says. Like
the real ones, the services take an idempotency key: the same key twice has its effect once.

Two products are for seeing how a run fails and comes back. While somebody orders an `outage` the inventory does not
answer; the first call that takes a `crash` out of stock ends the process on the spot.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS stock (product_id TEXT PRIMARY KEY, quantity INTEGER NOT NULL, price INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS calls (service TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS effects (
    service TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (service, key)
);
INSERT OR IGNORE INTO stock VALUES
    ('mug', 100, 1200), ('tee', 50, 2500), ('poster', 0, 900), ('outage', 100, 100), ('crash', 100, 100);
"""


class OutOfStock(Exception):
    """Less is left than is wanted; nothing was taken."""


class PaymentDeclined(Exception):
    """The card was refused; trying again will not help."""


def in_stock(product_id: str) -> int:
    """Return how many of the product can be sold.

    Raises:
        ConnectionError: the inventory is down, for as long as somebody asks for an `outage`.
    """
    if product_id == "outage":
        raise ConnectionError("the inventory service does not answer")
    with _shop() as shop:
        row = shop.execute("SELECT quantity FROM stock WHERE product_id = ?", (product_id,)).fetchone()
    return row[0] if row else 0


def price(product_id: str) -> int:
    """Return the price of one, in cents."""
    with _shop() as shop:
        row = shop.execute("SELECT price FROM stock WHERE product_id = ?", (product_id,)).fetchone()
    if row is None:
        raise LookupError(f"no product {product_id!r}")
    return int(row[0])


def charge(key: str, order_id: str, cents: int) -> str:
    """Take the money, once for each key, and return the payment's id."""
    _called("payment", key)
    if cents > 1_000_000:
        raise PaymentDeclined(f"{cents / 100:.2f} is over the card's limit")
    with _shop() as shop:
        _take_effect(shop, "payment", key, {"order_id": order_id, "cents": cents})
    return f"pay_{key.replace('/', '_')}"


def reserve(key: str, items: Iterable[tuple[str, int]]) -> None:
    """Take the items out of stock, all of them or none, once for each key.

    Raises:
        OutOfStock: less of an item is left than is wanted.
    """
    calls = _called("inventory", key)
    wanted = list(items)
    if calls == 1 and "crash" in dict(wanted):
        os._exit(1)
    with _shop() as shop:
        if _take_effect(shop, "inventory", key, wanted):
            for product_id, quantity in wanted:
                taken = shop.execute(
                    "UPDATE stock SET quantity = quantity - ?1 WHERE product_id = ?2 AND quantity >= ?1",
                    (quantity, product_id),
                )
                if not taken.rowcount:
                    raise OutOfStock(product_id)


def refund(key: str, payment_id: str | None) -> None:
    """Give the money of a payment back, once for each key."""
    _called("refund", key)
    with _shop() as shop:
        _take_effect(shop, "refund", key, {"payment_id": payment_id})


def release(key: str, items: Iterable[tuple[str, int]]) -> None:
    """Put items back into stock, once for each key."""
    _called("release", key)
    returned = list(items)
    with _shop() as shop:
        if _take_effect(shop, "release", key, returned):
            shop.executemany(
                "UPDATE stock SET quantity = quantity + ? WHERE product_id = ?",
                [(quantity, product_id) for product_id, quantity in returned],
            )


def send_mail(key: str, to: str, subject: str) -> None:
    """Send a mail, once for each key."""
    _called("mail", key)
    with _shop() as shop:
        _take_effect(shop, "mail", key, {"to": to, "subject": subject})


def count(service: str, order_id: str, *, table: str = "effects") -> int:
    """Return how often the service had an effect, or was called (`table="calls"`), for the order's run."""
    query = {
        "effects": "SELECT COUNT(*) FROM effects WHERE service = ? AND key LIKE ?",
        "calls": "SELECT COUNT(*) FROM calls WHERE service = ? AND key LIKE ?",
    }[table]
    with _shop() as shop:
        return int(shop.execute(query, (service, f"%{order_id}/%")).fetchone()[0])


@contextmanager
def _shop() -> Iterator[sqlite3.Connection]:
    """Open the shop's database in one transaction, undone by an error; `SHOP_DB` says where it is."""
    shop = sqlite3.connect(os.environ.get("SHOP_DB", "shop.db"), timeout=30, isolation_level=None)
    try:
        if not shop.execute("SELECT 1 FROM sqlite_master WHERE name = 'effects'").fetchone():
            shop.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        shop.execute("BEGIN IMMEDIATE")
        yield shop
        shop.execute("COMMIT")
    finally:
        shop.close()


def _called(service: str, key: str) -> int:
    """Write the call down, then take as long as `SHOP_LATENCY` (such as `inventory:2.5`, in seconds) says.

    Return how many calls there were with this key, this one included.
    """
    with _shop() as shop:
        shop.execute("INSERT INTO calls VALUES (?, ?)", (service, key))
        query = "SELECT COUNT(*) FROM calls WHERE service = ? AND key = ?"
        calls = int(shop.execute(query, (service, key)).fetchone()[0])
    slow, _, seconds = os.environ.get("SHOP_LATENCY", "").partition(":")
    if slow == service:
        time.sleep(float(seconds))
    return calls


def _take_effect(shop: sqlite3.Connection, service: str, key: str, body: Any) -> bool:
    """Write the effect down; return whether it is a new one."""
    row = (service, key, json.dumps(body))
    return shop.execute("INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", row).rowcount == 1

"""Makes the pictures of docs/on-call.md from the viewer as it is: `python docs/make_pictures.py`.

It fills a store with a day of orders, serves it, and takes pictures in Chromium; they go to docs/pictures/.
"""

# ruff: noqa: INP001, T201 (it is a script, and says what it has made)
from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from flux_core import App
from flux_core.storage import SQLiteStorage
from flux_core.testing import FakeClock

from services.chromium import chromium
from services.flux_web import FluxWeb

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "docs" / "pictures"
APP: Final = ROOT / "tests" / "browser" / "orders.py"
LARGEST: Final = 150_000  # bytes
DAY: Final = 86_400
LATENCY: Final = {"validate": 0.03, "charge": 0.5, "reserve": 0.2, "ship": 0.9, "notify": 0.1}
"""Seconds that the services behind the steps take, more or less."""
TROUBLE: Final = {933: "reserve-down", 981: "charge-down", 996: "reserve-down"}
"""How the world was when an order came."""
FAILED: Final = "order-o_1042"


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        world = Path(folder, "world")
        world.mkdir()
        os.environ["WORLD"] = str(world)
        store = Path(folder, "orders.db")
        fill(store, world)
        arguments = ("serve", "--no-tick", "--app", f"{APP}:app", "--store", "sqlite:///orders.db")
        with FluxWeb(*arguments, folder=Path(folder)) as server, chromium() as browser:
            take(browser, server.url)
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.relative_to(ROOT)}  {size / 1000:.0f} kB")
        if size > LARGEST:
            sys.exit(f"{picture} has {size} bytes; it may have {LARGEST}")


def fill(store: Path, world: Path) -> None:
    """Have a day of orders: most are well, some fail and are refunded, some wait, and the payment service was down."""
    from browser import orders  # it reads WORLD when it is loaded

    chance = random.Random(6)  # noqa: S311 (the same pictures each time)
    clock = FakeClock(time.time() - DAY)
    meet = orders.meet

    def take_time(name: str) -> None:
        clock.advance(LATENCY.get(name, 0.05) * chance.uniform(0.6, 1.8))
        meet(name)

    orders.meet = take_time
    with closing(SQLiteStorage(store)) as storage:
        shop = App(orders.app.workflows, storage, clock=clock)
        for number in range(900, 1040):
            clock.advance(DAY / 170 * chance.uniform(0.2, 1.8))
            order(
                shop,
                number,
                world,
                TROUBLE.get(number, ""),
                mugs=100 if number % 47 == 0 else chance.randint(1, 5),
            )
        order(shop, 1040, world, "ship-unknown")
        clock.advance(400)
        order(shop, 1041, world, mugs=120)
        clock.advance(300)
        order(shop, 1042, world, "charge-down")


def order(shop: App, number: int, world: Path, state: str = "", *, mugs: int = 2) -> None:
    """Take one order while the world is so."""
    if state:
        (world / state).touch()
    items = [{"product_id": "mug", "qty": mugs}, {"product_id": "poster", "qty": 1}]
    given = {"order_id": f"o_{number}", "items": items, "email": "ada@example.org"}
    shop.execute("order-fulfillment", given, id=f"order-o_{number}", tags=[f"customer-{number % 40}"])
    for file in world.iterdir():
        file.unlink()


def take(browser: Browser, url: str) -> None:
    """Take the pictures, one after the other."""
    page = open_page(browser, url)
    page.locator(".flux-chart .segment").first.wait_for()
    page.locator("[data-count=completed]:not(:empty)").wait_for()
    save(page, "runs")
    page.goto(f"{url}#/runs/{FAILED}")
    page.locator(".flux-timeline").wait_for()
    page.locator(".ahead").first.wait_for()
    save(page, "failed-run")
    page.locator(".pane.time").screenshot(path=PICTURES / "timeline.png")
    page.get_by_role("button", name="Retry…").click()
    page.get_by_text("Runs again").wait_for()
    save(page, "retry")
    page.keyboard.press("Escape")
    page.goto(f"{url}#/runs/order-o_1039?at=4")
    page.locator(".flux-graph .is-chosen").wait_for()
    page.locator(".step-body").wait_for()
    page.locator(".travel").evaluate("bar => scrollTo(0, bar.offsetTop)")
    save(page, "time-travel")
    page.goto(f"{url}#/workflows/order-fulfillment")
    page.locator(".statistics").wait_for()
    page.locator(".flux-graph").wait_for()
    save(page, "workflow")


def open_page(browser: Browser, url: str) -> Page:
    """Open the viewer in a window of a size that a page of text can hold."""
    window = {"width": 1180, "height": 760}
    context = browser.new_context(viewport=window, locale="en-GB", timezone_id="Europe/Berlin")
    page = context.new_page()
    page.goto(url)
    return page


def save(page: Page, name: str) -> None:
    """Save what the window shows."""
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()

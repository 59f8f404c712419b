"""What the browser tests share: a server over a file, a browser, and pages on which nothing goes wrong unseen."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from browser.desk import Desk, World

from services.chromium import chromium
from services.flux_web import FluxWeb
from services.require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / ".cache" / "screenshots"
APP = f"{Path(__file__).with_name('orders.py')}:app"
PATIENCE = 20_000
"""Milliseconds for which something is waited for: other tests use the same processors."""
REFUSED = "Failed to load resource: the server responded with a status of"


class Pages:
    """Opens pages of one server, each in a context of its own, and keeps what goes wrong on them."""

    def __init__(self, browser: Browser, url: str) -> None:
        from playwright.sync_api import expect  # without it these tests are skipped

        expect.set_options(timeout=PATIENCE)
        self._browser = browser
        self.url = url
        self.wrong: list[str] = []
        self.expected: set[str] = set()
        """Statuses of answers with which a test has its page deal; Chromium calls each an error."""

    def open(self, view: str = "#/", *, width: int = 1280, **options: Any) -> Page:
        """Open a view in a window of that width; `options` are those of a browser context."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin", **options
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.wrong.append(f"page error: {error.stack}"))
        page.on("request", self._on_request)
        page.goto(f"{self.url}{view}")
        return page

    def close(self) -> None:
        """Close all pages; nothing may have gone wrong on them."""
        for context in self._browser.contexts:
            context.close()
        assert self.wrong == []

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if message.text.startswith(REFUSED) and any(status in message.text for status in self.expected):
            return
        self.wrong.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme not in {"data", "blob"} and target.netloc != urlsplit(self.url).netloc:
            self.wrong.append(f"a request to {request.url}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the store and the world are."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "world").mkdir()
    return folder


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[FluxWeb]:
    """Serve the orders over an SQLite file."""
    arguments = ("serve", "--app", APP, "--store", f"sqlite:///{folder}/runs.db")
    with FluxWeb(*arguments, folder=folder, environment={"WORLD": str(folder / "world")}) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; it is closed with the module, since beside it nothing of the thread can run an event loop."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def pages(browser: Browser, server: FluxWeb) -> Iterator[Pages]:
    """Open pages of the server over the orders."""
    pages = Pages(browser, server.url)
    yield pages
    pages.close()


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    """Give the world that the runs meet; all is well in it before and after a test."""
    world = World(folder / "world")
    world.clear()
    yield world
    world.clear()


@pytest.fixture(scope="session")
def desk(server: FluxWeb) -> Iterator[Desk]:
    """Start runs on the server."""
    desk = Desk(server.url)
    yield desk
    desk.client.close()


@cache
def axe() -> str:
    """Return the source of axe-core, which looks for what people cannot use."""
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        skip_or_fail("axe-playwright-python is not installed; it is in the dev group")
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe-core finds on the page, a line a rule and element; by default it looks for all that it knows."""
    page.evaluate(axe())
    found = page.evaluate(
        "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", list(rules or STANDARDS)
    )
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

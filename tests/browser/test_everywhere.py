"""What holds on every view: for everybody, in both themes, at 400 pixels, whatever a run holds, whatever goes wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from browser.conftest import APP, Pages, keep, violations
from browser.desk import Desk
from playwright.sync_api import expect

import flux_web

from services.flux_web import FluxWeb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser.desk import World
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")

LARGEST = 100_000  # bytes of the whole viewer
READ, OPERATE = "a-token-that-may-only-read", "a-token-that-may-do-it-all"
SCRIPT = "<script>document.title='hacked'</script>"
IMAGE = '"><img src=x onerror="document.title=\'hacked\'">'


@pytest.fixture(scope="module")
def gallery(desk: Desk, folder: Path) -> None:
    """Have a run of each kind that looks different."""
    world = folder / "world"
    desk.start("look-done", tags=["look", "vip"])
    desk.start(
        "look-waits", input={"order_id": "o", "items": [{"product_id": "mug", "qty": 100}]}, tags=["look"]
    )
    (world / "reserve-down").touch()
    desk.start("look-undone", tags=["look"])
    (world / "notify-down").touch()
    desk.start("look-failed", "greeting", {"name": "Ada"}, tags=["look"])
    for file in world.iterdir():
        file.unlink()


RULES: dict[str, tuple[str, ...]] = {
    "light": (),  # all there are
    "dark": ("color-contrast",),
    "narrow": ("target-size", "scrollable-region-focusable"),
}
"""What a theme or a width can break, after the first look."""


def look(page: Page, view: str, name: str) -> list[str]:
    """Return what is wrong with the page for people who cannot see, and what does not fit; keep a picture."""
    if name == "light" or view in {"runs", "look-undone"}:
        keep(page, f"{view}-{name}")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return violations(page, *RULES[name]) + (["it scrolls sideways"] if wide else [])


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)], ids=["light", "dark", "narrow"]
)
@pytest.mark.usefixtures("gallery")
def test_everybody_can_use_every_view(pages: Pages, theme: str, width: int) -> None:
    """Axe-core finds nothing on any view or dialog, and nothing is wider than the window."""
    name = theme if width > 400 else "narrow"
    page = pages.open("#/?tag=look", color_scheme=theme, width=width)
    expect(page.locator(".runs tbody tr")).to_have_count(4)
    expect(page.locator(".flux-chart .segment").first).to_be_visible()
    expect(page.locator('[data-count="completed"]')).to_have_text("1")  # nothing moves any more
    page.get_by_label("Choose look-done").check()
    assert look(page, "runs", name) == []
    for run in ("look-done", "look-undone") if name == "dark" else ("look-done", "look-waits", "look-undone"):
        page.goto(f"{pages.url}#/runs/{run}")
        expect(page.get_by_role("heading", name=run)).to_be_visible()
        expect(page.locator(".flux-timeline")).to_be_visible()
        expect(page.locator(".steps .ahead, .steps .is-completed").last).to_be_visible()
        if run == "look-done":
            page.locator("summary", has_text="charge").press("Enter")
            expect(page.locator('[data-of="step:charge"]')).to_have_attribute("open", "")
        assert look(page, run, name) == []
    page.goto(f"{pages.url}#/runs/look-failed")
    expect(page.get_by_role("heading", name="look-failed")).to_be_visible()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Runs again")
    assert look(page, "look-failed", name) == []
    page.keyboard.press("Escape")
    page.goto(f"{pages.url}#/workflows")
    expect(page.get_by_role("link", name="order-fulfillment")).to_be_visible()
    assert look(page, "workflows", name) == []
    page.goto(f"{pages.url}#/workflows/order-fulfillment")
    expect(page.locator(".statistics tbody tr")).to_have_count(6)
    expect(page.locator(".flux-graph")).to_be_visible()
    assert look(page, "workflow", name) == []


def test_the_theme_can_be_chosen(pages: Pages) -> None:
    """The choice is kept, and goes over that of the system."""
    page = pages.open(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(15, 18, 22)"
    page.get_by_role("button", name="Theme: system").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.reload()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_who_wants_no_motion_sees_none(pages: Pages, desk: Desk, world: World) -> None:
    """With reduced motion nothing is animated, not even what is under way."""
    world.set("greet-slow")
    desk.start("still-1", "echo", {}, wait=False)
    page = pages.open("#/runs/still-1", reduced_motion="reduce")
    expect(page.locator(".flux-timeline .is-open")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0


def test_markup_in_every_field_is_text(pages: Pages, desk: Desk) -> None:
    """A run that holds script and image elements wherever it can shows them as they were written."""
    pages.expected = {"400"}
    evil = SCRIPT + IMAGE
    page = pages.open()
    page.evaluate("document.title = 'honest'")
    given = {evil: evil, "refuse": evil, "list": [evil, {evil: None}]}
    desk.start("evil-1", "echo", given, tags=[evil])
    page.goto(f"{pages.url}#/runs/evil-1")
    page.get_by_role("button", name="Signal…").click()
    page.get_by_label("Payload").fill(json.dumps({"by": evil}))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".head .status")).to_have_text("failed")
    for step in ("greet", "answer", "check"):
        details = page.locator(f'[data-of="step:{step}"]')
        if details.get_attribute("open") is None:
            details.locator("summary").first.press("Enter")  # a mouse misses what a growing picture moves
        details.get_by_text("What it was given").press("Enter")
        expect(details).to_contain_text(SCRIPT)
    expect(page.locator(".next .message")).to_have_text(evil)
    expect(page.locator(".tag")).to_have_text(evil)
    page.get_by_text("The whole run as JSON").click()
    keep(page, "markup-is-text")
    page.locator(".tag").click()
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    expect(page.locator(".runs .message")).to_contain_text(evil)
    assert page.get_by_label("Tag").input_value() == evil
    page.goto(f"{pages.url}#/runs/{quote(SCRIPT, safe='')}")
    expect(page.locator("main")).to_contain_text(SCRIPT)
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.title").endswith("· Flux")


def test_the_viewer_is_small() -> None:
    """Page, script and styles together are under 100 kB, and need nothing else."""
    files = [*(Path(flux_web.__file__).parent / "_viewer").iterdir()]
    assert {file.name for file in files} == {"index.html", "viewer.css", "viewer.js"}
    assert sum(file.stat().st_size for file in files) < LARGEST


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluxWeb]:
    """Serve a store that asks for tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    arguments = ("serve", "--app", APP, "--store", f"sqlite:///{folder}/runs.db")
    tokens = {"FLUX_READ_TOKEN": READ, "FLUX_OPERATE_TOKEN": OPERATE}
    with FluxWeb(*arguments, folder=folder, environment=tokens) as server:
        desk = Desk(server.url, OPERATE)
        desk.start("guarded-1")
        desk.client.close()
        yield server


@pytest.fixture
def guarded_pages(browser: Browser, guarded: FluxWeb) -> Iterator[Pages]:
    """Open pages of that server."""
    pages = Pages(browser, guarded.url)
    pages.expected = {"401"}
    yield pages
    pages.close()


def test_a_token_is_asked_for(guarded_pages: Pages) -> None:
    """A wrong one is refused in words, one that may read shows no acts and says why, one for all does."""
    page = guarded_pages.open("#/runs/guarded-1")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Token").fill("a-token-that-is-wrong")
    dialog.get_by_role("button", name="Use it").click()
    expect(dialog).to_contain_text("The token is not one of the server's")
    keep(page, "token")
    dialog.get_by_label("Token").fill(READ)
    dialog.get_by_role("button", name="Use it").click()
    expect(page.locator(".next")).to_contain_text("your token has the role read")
    expect(page.get_by_role("button", name="Retry…")).to_have_count(0)
    page.evaluate(f"sessionStorage.setItem('flux-token', '{OPERATE}')")
    page.reload()
    expect(page.get_by_role("button", name="Retry…")).to_be_visible()
    assert OPERATE not in page.content()


def test_who_gives_no_token_is_shown_nothing(guarded_pages: Pages) -> None:
    """The page says that a token is needed, and asks again when told to."""
    page = guarded_pages.open()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="A token is needed")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_store_that_is_down_is_said_and_comes_back(pages: Pages, desk: Desk, folder: Path) -> None:
    """Old rows stay under a banner while the store does not answer; when it does, the table goes on by itself."""
    pages.expected = {"503"}
    desk.start("down-1")
    page = pages.open("#/?id=down-")
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    with closing(sqlite3.connect(folder / "runs.db", timeout=60, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE flux_runs RENAME TO away")
        try:
            expect(page.get_by_role("alert")).to_contain_text("The store does not answer.")
            expect(page.locator(".runs tbody tr")).to_have_count(1)
            keep(page, "store-down")
        finally:
            connection.execute("ALTER TABLE away RENAME TO flux_runs")
    desk.start("down-2")
    expect(page.locator(".runs tbody tr")).to_have_count(2)
    expect(page.locator(".banner")).to_be_hidden()

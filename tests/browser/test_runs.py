"""The table of runs in the browser: live, filtered, by keyboard, among a hundred thousand, acted on in bulk."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from browser.conftest import APP, Pages, keep
from browser.crowd import crowd
from playwright.sync_api import expect

from services.flux_web import FluxWeb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser.desk import Desk, World
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.xdist_group("browser")


def rows(page: Page) -> Locator:
    """Find the rows of the table."""
    return page.locator(".runs tbody tr")


def choose_all(page: Page) -> None:
    """Tick the box in the table's head, once what is above it has come and moves it no more."""
    expect(page.locator(".flux-chart")).to_be_visible()
    expect(page.locator("[data-count]:not(:empty)").first).to_be_visible()
    page.get_by_label("Choose all that are shown").check()


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluxWeb]:
    """Serve a file with 100,000 runs."""
    folder = tmp_path_factory.mktemp("crowd")
    with ThreadPoolExecutor(1) as thread:  # this one has the browser's event loop
        thread.submit(crowd, folder / "runs.db", 100_000).result()
    with FluxWeb(
        "serve", "--no-tick", "--app", APP, "--store", f"sqlite:///{folder}/runs.db", folder=folder
    ) as server:
        yield server


@pytest.fixture
def crowd_pages(browser: Browser, crowded: FluxWeb) -> Iterator[Pages]:
    """Open pages of that server."""
    pages = Pages(browser, crowded.url)
    yield pages
    pages.close()


def test_filters_among_100_000_runs(crowd_pages: Pages) -> None:
    """Status, workflow, id, tag and time narrow the table; the address keeps them; more is loaded page by page."""
    page = crowd_pages.open()
    expect(rows(page)).to_have_count(50)
    expect(page.locator('[data-count="suspended"]')).to_have_text("25,001")
    page.get_by_role("button", name="Load more").click()
    expect(rows(page)).to_have_count(150)
    expect(rows(page).nth(50).locator(".run-link")).to_be_focused()
    page.get_by_label("suspended").check()
    expect(rows(page)).to_have_count(50)
    expect(rows(page).locator(".status")).to_have_text(["suspended"] * 50)
    page.get_by_label("Tag").fill("vip")
    expect(page.locator('[data-count="suspended"]')).to_have_text("251")
    page.get_by_label("Run id begins with").fill("shop-waits-0011")
    expect(rows(page)).to_have_count(1)
    keep(page, "runs-filtered")
    page.reload()
    expect(rows(page)).to_have_count(1)
    assert page.get_by_label("Tag").input_value() == "vip"
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Workflow").select_option("echo")
    expect(rows(page).locator(".workflow")).to_have_text(["echo"] * 50)
    page.get_by_label("Created").select_option("24h")
    failed = page.locator('[data-count="failed"]')
    expect(failed).to_have_text(re.compile("^[1-8][0-9][0-9]$"))  # one each 104 s: 834, or fewer
    expect(page.locator(".flux-chart .is-failed").first).to_be_visible()
    keep(page, "runs-crowd")


def test_nothing_that_meets_the_filters_is_said(crowd_pages: Pages) -> None:
    """An empty table says why it is empty."""
    page = crowd_pages.open("#/?id=nobody")
    expect(page.get_by_text("No run meets these filters.")).to_be_visible()


def test_all_that_meet_a_filter_are_chosen(crowd_pages: Pages) -> None:
    """An act on all of them counts them over all pages before it asks, and says which it leaves alone."""
    page = crowd_pages.open("#/?tag=vip")
    expect(rows(page)).to_have_count(50)
    choose_all(page)
    page.get_by_role("button", name="Choose all 251 that meet the filters").click()
    page.get_by_role("button", name="Pause…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Pause 251 runs?")
    expect(dialog).to_contain_text("251 suspended order-fulfillment.")
    keep(page, "bulk")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_new_runs_appear_by_themselves(pages: Pages, desk: Desk) -> None:
    """The table is live: a run that starts is on top, and where one stands changes in its row."""
    desk.start("fresh-1", "echo", {"a": 1})
    page = pages.open("#/?id=fresh-")
    expect(rows(page).locator(".stands")).to_contain_text("waits for answer until")
    page.locator(".run-link").focus()
    desk.client.post("runs/fresh-1/signals/answer")
    desk.start("fresh-2")
    expect(page.locator(".run-link")).to_have_text(["fresh-2", "fresh-1"])
    expect(rows(page).locator(".status")).to_have_text(["completed", "completed"])
    expect(page.get_by_role("link", name="fresh-1")).to_be_focused()


def test_many_are_retried_at_once(pages: Pages, desk: Desk, world: World) -> None:
    """The confirmation says how many and what will happen; then a tally says what came of them."""
    world.set("notify-down")
    for number in range(3):
        desk.start(f"many-{number}", "greeting", {})
    world.clear()
    desk.start("many-well", "greeting", {})
    page = pages.open("#/?id=many-")
    expect(rows(page)).to_have_count(4)
    choose_all(page)
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 failed greeting.")
    expect(dialog).to_contain_text("Left alone: 1 completed.")
    dialog.get_by_role("button", name="Retry 3 runs").click()
    expect(dialog.get_by_role("heading")).to_have_text("Retried: 3 runs")
    expect(dialog.locator(".tally summary")).to_have_text("3 completed")
    keep(page, "bulk-tally")
    dialog.get_by_role("button", name="Done").click()
    expect(rows(page).locator(".status")).to_have_text(["completed"] * 4)


def test_everything_can_be_done_by_keyboard(pages: Pages, desk: Desk) -> None:
    """From the table to a run, a signal and back without a mouse."""
    for number in range(3):
        desk.start(f"keys-{number}", "echo", {"number": number})
    page = pages.open()
    expect(rows(page).first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("keys-")
    expect(page).to_have_url(re.compile("id=keys-$"))
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="keys-1")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_label("Choose keys-1")).to_be_checked()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="keys-2")).to_be_focused()
    page.get_by_role("button", name="Signal…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Signal", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".head .status")).to_have_text("completed")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator('[data-of="step:greet"]')).to_have_attribute("open", "")
    page.keyboard.press("u")
    expect(page.get_by_role("link", name="keys-2")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous run")
    page.get_by_label("Keys of one letter do something").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    assert page.evaluate("location.hash") == "#/?id=keys-"


def test_a_workflow_tells_how_its_runs_fare(pages: Pages, desk: Desk, world: World) -> None:
    """The definition as a graph, the share that succeeded, and how long each step takes."""
    for number in range(3):
        desk.start(f"fare-{number}", "nightly-report", {})
    page = pages.open("#/workflows")
    page.get_by_role("link", name="nightly-report").click()
    expect(page.locator(".flux-graph .node")).to_have_count(3)
    expect(page.locator(".facts")).to_contain_text("no run has ended")
    expect(page.locator(".statistics tbody tr").first).to_contain_text("collectstep3")
    page.locator('.flux-graph [data-step="settle"]').press("Enter")
    expect(page.locator(".statistics tbody tr").nth(1)).to_be_focused()
    page.get_by_label("Over the").select_option("50")
    expect(page.locator(".facts")).to_contain_text("Version7")
    page.locator(".counts").get_by_role("link", name="suspended 3").press("Enter")
    expect(rows(page)).to_have_count(3)


def test_a_filter_that_is_left_half_typed_changes_no_other_view(pages: Pages) -> None:
    """What is typed is taken a moment later; who has gone on by then stays where they are."""
    page = pages.open()
    expect(page.get_by_label("Run id begins with")).to_be_visible()
    after = """async () => {
        const field = document.getElementById("search");
        field.value = "half";
        field.dispatchEvent(new Event("input", { bubbles: true }));
        location.hash = "#/workflows";
        await new Promise((resolve) => setTimeout(resolve, 300)); // longer than a moment
        return location.hash;
    }"""
    assert page.evaluate(after) == "#/workflows"


def test_filters_go_back_with_the_browser(pages: Pages, desk: Desk) -> None:
    """The table is as it was left when one comes back from a run."""
    desk.start("back-1")
    page = pages.open("#/?id=back-")
    page.get_by_role("link", name="back-1").click()
    expect(page.get_by_role("heading", name="back-1")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Run id begins with")).to_have_value("back-")
    expect(rows(page)).to_have_count(1)

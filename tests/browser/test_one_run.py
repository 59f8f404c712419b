"""A run in the browser: seen live, understood, and acted on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from browser.conftest import keep
from browser.desk import PATIENCE
from playwright.sync_api import expect

if TYPE_CHECKING:
    from browser.conftest import Pages
    from browser.desk import Desk, World
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.xdist_group("browser")


MINUS = "\u2212"


def status(page: Page) -> Locator:
    """Find the status beside the run's name."""
    return page.locator(".head .status")


def press(page: Page, name: str, confirm: str) -> None:
    """Press the button of an act, and the one that confirms it."""
    page.get_by_role("button", name=f"{name}…").click()
    page.get_by_role("dialog").get_by_role("button", name=confirm).click()


def node(page: Page, step: str) -> Locator:
    """Find a node of the graph."""
    return page.locator(f'.flux-graph .node[data-step="{step}"]')


def test_a_run_is_seen_live_from_start_to_completion(pages: Pages, desk: Desk, world: World) -> None:
    """Without a reload the graph shows what is under way, then what has completed."""
    world.set("charge-slow", "ship-slow")
    desk.start("live-1", wait=False)
    page = pages.open("#/runs/live-1")
    expect(node(page, "validate")).to_have_class("node is-completed")
    expect(node(page, "charge")).to_have_class("node is-running")
    expect(status(page)).to_have_text("running")
    keep(page, "run-live")
    world.mend("charge-slow")
    expect(node(page, "charge")).to_have_class("node is-completed")
    expect(node(page, "ship")).to_have_class("node is-running")
    world.clear()
    expect(status(page)).to_have_text("completed")
    expect(node(page, "notify")).to_have_class("node is-completed")
    expect(node(page, "approval")).to_have_class("node is-skipped")
    expect(page).to_have_title("live-1 · completed · Flux")


def test_what_somebody_reads_stays_while_the_run_goes_on(pages: Pages, desk: Desk, world: World) -> None:
    """Neither an open part of a step nor a button is drawn anew under a hand when another step has completed."""
    world.set("charge-slow", "ship-slow")
    desk.start("read-1", wait=False)
    page = pages.open("#/runs/read-1")
    expect(node(page, "charge")).to_have_class("node is-running")
    step = page.locator('[data-of="step:validate"]')
    step.locator("summary").first.press("Enter")
    step.get_by_text("What it was given").press("Enter")
    page.get_by_role("button", name="Cancel…").evaluate("button => button.dataset.same = 'yes'")
    world.mend("charge-slow")
    expect(node(page, "ship")).to_have_class("node is-running")
    expect(page.locator('[data-of="step:reserve"]')).to_be_visible()
    expect(step.locator(".given")).to_have_attribute("open", "")
    expect(page.get_by_role("button", name="Cancel…")).to_have_attribute("data-same", "yes")


def test_a_failed_run_is_retried_by_click(pages: Pages, desk: Desk, world: World) -> None:
    """The dialog says what will run again and what will not; then the run goes on and completes."""
    world.set("notify-down")
    desk.start("retry-1", "greeting", {"name": "Ada"})
    world.clear()
    page = pages.open("#/runs/retry-1")
    expect(page.locator(".next .error")).to_contain_text("the service behind notify does not answer")
    expect(page.locator(".next .cause")).to_contain_text(
        "OSError: connection to inventory.internal:443 refused"
    )
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Runs againnotify")
    dialog.get_by_label("From the step").select_option("write")
    expect(dialog).to_contain_text("Runs againwrite, notify")
    expect(dialog).to_contain_text("Is kept, not run againsend")
    expect(dialog.locator("code")).to_have_text("flux retry retry-1 --step write")
    keep(page, "retry")
    dialog.get_by_role("button", name="Retry").click()
    expect(status(page)).to_have_text("completed")
    assert desk.get("retry-1")["results"]["send"] == "retry-1/send/1"


def test_redoing_a_commit_is_warned_of(pages: Pages, desk: Desk, world: World) -> None:
    """Only after the box is ticked does a retry from a completed commit go on, and it says what that means."""
    pages.expected = {"409"}
    desk.start("redo-1", "greeting", {"name": "Ada"})
    page = pages.open("#/runs/redo-1")
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From the step").select_option("send")
    expect(dialog.locator(".plan .refusal")).to_contain_text("redo")
    dialog.get_by_label("Redo completed commits").check()
    expect(dialog.locator(".warning")).to_contain_text("a payment is taken twice")
    expect(dialog).to_contain_text("Runs againsend, notify")
    dialog.get_by_role("button", name="Retry").click()
    expect(page.locator(".toast")).to_contain_text("the run is completed")
    assert desk.get("redo-1")["results"]["send"] == "redo-1/send/2"


def test_a_waiting_run_is_approved_by_signal(pages: Pages, desk: Desk) -> None:
    """The payload is checked while it is written, and becomes the output of the wait."""
    desk.start("signal-1", input={"order_id": "o", "items": [{"product_id": "mug", "qty": 100}]})
    page = pages.open("#/runs/signal-1")
    expect(page.locator(".outlook")).to_contain_text("waits for the signal approval until")
    page.get_by_role("button", name="Signal…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload").fill('{"by": "ada"')
    expect(dialog.locator(".note").first).to_contain_text("The payload is no JSON")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The payload is no JSON")
    keep(page, "signal")
    dialog.get_by_label("Payload").fill('{"by": "ada"}')
    dialog.get_by_role("button", name="Send").click()
    expect(status(page)).to_have_text("completed")
    assert desk.get("signal-1")["results"]["approval"] == {"by": "ada"}


def test_time_travel(pages: Pages, desk: Desk) -> None:
    """As of a step the graph, the data and the steps are those of that moment; the address keeps it."""
    desk.start("travel-1")
    page = pages.open("#/runs/travel-1")
    page.get_by_role("slider").fill("2")
    expect(page.locator(".travel output")).to_have_text("after charge, step 2 of 6")
    expect(node(page, "charge")).to_have_class("node is-completed is-chosen is-selected")
    expect(node(page, "reserve")).to_have_class("node is-not-reached")
    expect(page.locator(".data")).to_contain_text('"payment_id": "pay_travel-1/charge/1"')
    expect(page.locator(".data")).to_contain_text('"parcel": null')
    change = page.locator(".step-body .change")
    expect(change.locator("del")).to_have_text(f"{MINUS} null")
    expect(change.locator("ins")).to_have_text('+ "pay_travel-1/charge/1"')
    keep(page, "time-travel")
    page.keyboard.press("[")
    expect(page.locator(".data")).to_contain_text('"payment_id": null')
    assert page.evaluate("location.hash") == "#/runs/travel-1?at=1"
    page.reload()
    expect(page.locator(".travel output")).to_have_text("after validate, step 1 of 6")
    page.get_by_role("button", name="As it stands").click()
    expect(page.locator(".data")).to_contain_text('"carrier": "DHL"')


def test_a_step_tells_what_it_did(pages: Pages, desk: Desk, world: World) -> None:
    """A click in the graph opens the step: its failed tries, its change, its output, what it was given."""
    world.set("reserve-down")
    desk.start("details-1")
    world.clear()
    page = pages.open("#/runs/details-1")
    node(page, "reserve").click()
    step = page.locator('[data-of="step:reserve"]')
    expect(step.locator(".tries tbody tr")).to_have_count(3)
    expect(step.locator(".tries tbody tr").first).to_contain_text(
        "the service behind reserve does not answer"
    )
    node(page, "charge").focus()
    page.keyboard.press("Enter")
    charge = page.locator('[data-of="step:charge"]')
    expect(charge).to_contain_text('"cents": 2400')
    charge.get_by_text("What it was given").press("Enter")
    expect(charge.locator(".given")).to_contain_text('"email": "ada@example.org"')
    expect(page.locator('[data-of="undo:charge"]')).to_be_visible()
    expect(page.locator(".flux-timeline .row.compensation")).to_have_count(1)


def test_the_trace_id_is_shown(pages: Pages, desk: Desk) -> None:
    """The trace that a request belonged to can be found again."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"Idempotency-Key": "trace-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    desk.client.post("workflows/greeting/runs", json={}, headers=headers)
    page = pages.open("#/runs/trace-1")
    expect(page.locator(".facts")).to_contain_text(f"Trace id{trace}")


def test_the_document_is_copied(pages: Pages, desk: Desk) -> None:
    """The whole run is there as JSON, and goes to the clipboard."""
    desk.start("copy-1", tags=["copied"])
    page = pages.open("#/runs/copy-1", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("The whole run as JSON").press("Enter")  # a mouse misses what moves
    page.get_by_role("button", name="Copy", exact=True).press("Enter")
    expect(page.locator(".toast")).to_have_text("The document is copied.")
    assert page.evaluate("navigator.clipboard.readText().then(JSON.parse).then((run) => run.tags)") == [
        "copied"
    ]


def test_an_interrupted_commit_is_resolved(pages: Pages, desk: Desk, world: World) -> None:
    """Who has found out that it happened says so, with its output, and the run goes on behind it."""
    world.set("ship-unknown")
    desk.start("resolve-1")
    world.clear()
    page = pages.open("#/runs/resolve-1")
    expect(page.locator(".outlook")).to_contain_text("Nobody knows whether ship happened")
    page.get_by_role("button", name="Resolve…").click()
    page.get_by_label("Output").fill('"parcel 7"')
    keep(page, "resolve")
    page.get_by_role("button", name="ship did happen").click()
    expect(status(page)).to_have_text("completed")
    assert desk.get("resolve-1")["results"]["ship"] == "parcel 7"


def test_a_run_is_paused_and_resumed(pages: Pages, desk: Desk) -> None:
    """It stands still until somebody has it go on."""
    desk.start("pause-1", "echo", {"a": 1})
    page = pages.open("#/runs/pause-1")
    press(page, "Pause", "Pause")
    expect(status(page)).to_have_text("paused")
    press(page, "Resume", "Resume")
    expect(status(page)).to_have_text("suspended")


@pytest.mark.parametrize(("choice", "ends"), [("", "cancelled"), ("yes", "rolled back")])
def test_a_run_is_cancelled(pages: Pages, desk: Desk, choice: str, ends: str) -> None:
    """Cancelling says what would be undone, and lets one choose."""
    run_id = f"cancel-{ends[0]}"
    desk.start(run_id, input={"order_id": "o", "items": [{"product_id": "mug", "qty": 100}]})
    page = pages.open(f"#/runs/{run_id}")
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Undone, in this order: charge.")
    dialog.locator(f'input[value="{choice}"]').check()
    dialog.get_by_role("button", name="Cancel the run").click()
    expect(status(page)).to_have_text(ends)


def test_a_run_that_vanishes_is_said_to_be_gone(pages: Pages, desk: Desk) -> None:
    """One person deletes a run, another sees it: both are told."""
    pages.expected = {"404"}
    desk.start("vanish-1")
    mine, theirs = pages.open("#/runs/vanish-1"), pages.open("#/runs/vanish-1")
    expect(status(theirs)).to_have_text("completed")
    press(mine, "Delete", "Delete for good")
    expect(mine.locator(".toast")).to_have_text("vanish-1 was deleted.")
    expect(mine).to_have_title("Runs · Flux")
    expect(theirs.get_by_role("heading", name="This run is gone")).to_be_visible()


def test_a_run_that_is_made_anew_is_shown_anew(pages: Pages, desk: Desk) -> None:
    """Deleted and started again while the page was not connected: it has been saved as often, and is another."""
    pages.expected = {"404"}  # of a picture, in between
    desk.start("anew-1", "greeting", {"name": "Ada"})
    page = pages.open()
    page.route("**/events?*", lambda route: route.fulfill(body=": unchanged\n\n"))
    page.goto(f"{pages.url}#/runs/anew-1")
    expect(page.locator(".data")).to_contain_text('"name": "Ada"')
    desk.client.delete("runs/anew-1")
    desk.start("anew-1", "greeting", {"name": "Bob"})
    page.unroute("**/events?*")
    expect(page.locator(".data")).to_contain_text('"name": "Bob"')


@pytest.mark.parametrize(
    ("moment", "told"),
    [("wake_at", "Does anything tick here?"), ("held_until", "Its worker was lost")],
)
def test_a_run_that_nobody_sees_to_says_so(pages: Pages, desk: Desk, moment: str, told: str) -> None:
    """What was to happen a while ago, and has not, is told as that."""
    run_id = f"late-{moment}"
    desk.start(run_id, "echo", {})
    late = desk.get(run_id) | {moment: "2026-01-05T12:00:00.000000Z"}
    page = pages.open()
    page.route(f"**/runs/{run_id}", lambda route: route.fulfill(json=late))
    page.goto(f"{pages.url}#/runs/{run_id}")
    expect(page.locator(".outlook")).to_contain_text(told)


def test_a_rollback_that_failed_says_why(pages: Pages, desk: Desk, world: World) -> None:
    """Beside what the run failed with stands what its compensation failed with, open, and the step says so too."""
    world.set("reserve-down", "refund-down")
    desk.start("stuck-1")
    page = pages.open("#/runs/stuck-1")
    expect(page.locator(".told")).to_contain_text("Undoing charge failed with ConnectionError")
    expect(page.locator(".told")).to_contain_text("the service behind refund does not answer")
    expect(page.locator('[data-of="step:charge"]')).to_contain_text("compensation failed")
    expect(page.locator('[data-of="undo:charge"] .tries tbody tr')).to_have_count(3)


def test_two_people_retry_at_the_same_time(pages: Pages, desk: Desk, world: World) -> None:
    """It is one run: the other is told that somebody was faster, and sees how it stands."""
    pages.expected = {"412", "409"}
    world.set("notify-down")
    desk.start("race-1", "greeting", {"name": "Ada"})
    world.clear()
    both = [pages.open("#/runs/race-1") for _ in range(2)]
    for page in both:
        page.get_by_role("button", name="Retry…").click()
        expect(page.get_by_role("dialog")).to_contain_text("Runs againnotify")
    world.set("notify-slow")
    for page in both:
        page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    told = [page.get_by_role("alert").filter(has_text="nothing was done") for page in both]
    deadline = time.monotonic() + PATIENCE  # whose request comes first is the browser's to settle
    while not any(alert.is_visible() for alert in told):
        assert time.monotonic() < deadline, "nobody was told"
        both[0].wait_for_timeout(20)
    assert sum(alert.is_visible() for alert in told) == 1
    world.clear()
    for page in both:
        expect(status(page)).to_have_text("completed")
    assert desk.get("race-1")["data"]["notified"] == 1


def test_runs_that_share_a_tag_are_related(pages: Pages, desk: Desk) -> None:
    """From a run one gets to the others of the same customer."""
    desk.start("tag-1", tags=["customer-9"])
    desk.start("tag-2", tags=["customer-9"])
    page = pages.open("#/runs/tag-1")
    page.locator(".related").get_by_role("link", name="tag-2").press("Enter")
    expect(page.get_by_role("heading", name="tag-2")).to_be_visible()


def test_a_value_that_was_cut_says_so(pages: Pages, desk: Desk) -> None:
    """Of a long value the begin is shown, and how long it is in the store."""
    desk.start("long-1", "echo", {"text": "x" * 70_000})
    page = pages.open("#/runs/long-1")
    expect(page.locator(".data")).to_contain_text("Shortened: 70,012 bytes are in the store.")


def test_a_run_that_was_never_there_is_not_found(pages: Pages) -> None:
    """An address with a wrong id says so, in words."""
    pages.expected = {"400"}
    page = pages.open("#/runs/nobody%2Fnowhere")
    expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
    expect(page.locator("main")).to_contain_text("nobody/nowhere")

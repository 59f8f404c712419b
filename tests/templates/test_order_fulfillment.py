"""The order template: the demo, and the flow over its services, as a user has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates" / "order-fulfillment"
ORDER = json.loads((TEMPLATE / "events" / "order.json").read_text())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the template, as a project of its own."""
    return Path(shutil.copytree(TEMPLATE, tmp_path / "shop"))


def python(project: Path, *arguments: str, **variables: str) -> str:
    """Return what the project's Python prints; the stores lie in the project's folder."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}",
        "FLUX_STORE": f"sqlite:///{project}/orders.db",
        "SHOP_DB": f"{project}/shop.db",
    }
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def deliver(project: Path, event: Any) -> Any:
    """Return what the Lambda handler answers to the event."""
    code = "import json, sys, app; print(json.dumps(app.handler(json.loads(sys.argv[1]), None)))"
    return json.loads(python(project, "-c", code, json.dumps(event)))


def count(project: Path, service: str, order_id: str = "o_001", table: str = "effects") -> int:
    """Return how often the service did what it does for the order."""
    code = f"import services; print(services.count({service!r}, {order_id!r}, table={table!r}))"
    return int(python(project, "-c", code))


def test_the_demo_tells_its_five_stories(project: Path) -> None:
    """Each order is charged once or not at all, and the killed worker's run shows two attempts of `reserve`."""
    shown = python(project, "demo.py")
    filled, again, killed, refused, returned = (
        shown.partition("(a)")[2]
        .replace("(b)", "(*)")
        .replace("(c)", "(*)")
        .replace("(d)", "(*)")
        .replace("(e)", "(*)")
        .split("(*)")
    )
    assert '"status": "completed"' in filled
    assert "the same run" in again
    assert "charges for order o_001: 1" in again
    assert "reserve   commit  2 tries" in killed
    assert "charges for order o_003: 1" in killed
    assert "out of stock: poster (1 ordered, 0 left)" in refused
    assert "charges for order o_002: 0" in refused
    assert '"status": "rolled_back"' in returned
    assert "charges for order o_005: 1, refunds: 1" in returned


def test_a_redelivered_order_is_charged_once(project: Path) -> None:
    """The same event twice is one run: one charge, one reservation, one mail, and the same answer."""
    first, second = deliver(project, ORDER), deliver(project, ORDER)
    assert first == second
    assert [count(project, service) for service in ("payment", "inventory", "mail")] == [1, 1, 1]
    assert count(project, "payment", table="calls") == 1


def test_what_the_demo_says_to_type_next_works(project: Path) -> None:
    """Each line, typed in a shell, ends with 0, and the order that it sends is charged once."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"}
    lines, _, browser = python(project, "demo.py").partition("Type next:\n")[2].partition("\n\n")
    assert browser.endswith("  flux serve\n")  # which serves until it is ended: tests/web
    subprocess.run(
        ["/bin/sh", "-ec", lines], cwd=project, env=environment, capture_output=True, check=True, timeout=120
    )
    [shop] = project.glob(".flux/*/shop.db")
    charged = "import services; print(services.count('payment', 'o_004'), services.count('payment', 'o_001'))"
    assert python(project, "-c", charged, SHOP_DB=str(shop)) == "1 1\n"


def test_the_redelivered_event_is_the_order(project: Path) -> None:
    """The file that stands for the redelivery is the same event."""
    assert json.loads((project / "events" / "order-redelivered.json").read_text()) == ORDER


def test_an_order_for_what_is_not_there_moves_no_money(project: Path) -> None:
    """It fails in its first step, without a retry, and says why."""
    answer = deliver(project, json.loads((project / "events" / "out-of-stock.json").read_text()))
    assert answer["status"] == "failed"
    assert answer["error"]["message"] == "out of stock: poster (1 ordered, 0 left)"
    assert answer["error"]["retryable"] is False
    assert count(project, "payment", "o_002", table="calls") == 0


def test_a_declined_card_fails_the_order_at_once(project: Path) -> None:
    """The payment service's refusal is no reason to try again."""
    order = ORDER | {"order_id": "o_rich", "items": [{"product_id": "tee", "qty": 50}] * 9}
    answer = deliver(project, order)
    assert answer["error"]["message"].startswith("payment declined: ")
    assert count(project, "payment", "o_rich", table="calls") == 1
    assert count(project, "inventory", "o_rich", table="calls") == 0


def test_stock_goes_down_by_what_was_ordered(project: Path) -> None:
    """Reserving takes the goods out of stock, once."""
    deliver(project, ORDER)
    deliver(project, ORDER)
    assert python(project, "-c", "import services; print(services.in_stock('mug'))") == "98\n"


def test_an_order_for_more_than_is_left_takes_nothing(project: Path) -> None:
    """Where one item is short when the goods are taken, none is taken, whatever the check said before."""
    code = (
        "import services\n"
        "try: services.reserve('k', [('mug', 1), ('tee', 51)])\n"
        "except services.OutOfStock as short: print(short, services.in_stock('mug'), services.in_stock('tee'))"
    )
    assert python(project, "-c", code) == "tee 100 50\n"


def test_stock_that_is_gone_since_the_check_gives_the_money_back(project: Path) -> None:
    """An order that names the same product twice passes the check item by item; its reservation is refused."""
    answer = deliver(project, json.loads((project / "events" / "too-many.json").read_text()))
    assert (answer["status"], answer["error"]["message"]) == ("rolled_back", "out of stock: tee")
    assert answer["data"]["payment_id"] is None
    assert [count(project, service, "o_005") for service in ("payment", "refund", "release")] == [1, 1, 0]
    assert python(project, "-c", "import services; print(services.in_stock('tee'))") == "50\n"


def test_an_order_that_fails_at_last_gives_the_goods_and_the_money_back(project: Path) -> None:
    """In reverse order, once: a step that fails after the reservation undoes both."""
    code = (
        "import json, sys, app, services\n"
        "def fail(*_): raise ConnectionError('no mail server')\n"
        "services.send_mail = fail\n"
        "print(app.handler(json.loads(sys.argv[1]), None)['status'])"
    )
    assert python(project, "-c", code, json.dumps(ORDER)) == "rolled_back\n"
    assert [count(project, service) for service in ("payment", "refund", "release")] == [1, 1, 1]
    assert python(project, "-c", "import services; print(services.in_stock('mug'))") == "100\n"

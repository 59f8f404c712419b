"""Takes orders through the flow and shows what came of them: `python demo.py`.

(a) an order is filled; (b) the same event again is the same run; (c) a worker is killed half way, and another one
goes on; (d) an order that cannot be filled fails at once; (e) one that turns out so after it was paid is refunded.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LEASE = 1.0  # seconds, or what a time-out needs; short, so that the demo need not wait a minute for its end


def main() -> None:
    """Show the five stories, in a new folder."""
    (home := Path(".flux").resolve()).mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=home))
    store = f"sqlite:///{folder}/orders.db"
    os.environ |= {"SHOP_DB": str(folder / "shop.db"), "FLUX_STORE": store}
    first = fulfilled(store)
    redelivered(first)
    taken_over(store)
    out_of_stock(store)
    refunded(store)
    print("\nType next:")
    activate = Path(sys.prefix, "bin", "activate")
    for line in (
        *([f". {shell(activate)}"] if activate.exists() else []),
        f"cd {shell(HERE)}",
        f"export FLUX_STORE={shlex.quote(store)}",
        f"export SHOP_DB={shlex.quote(str(folder / 'shop.db'))}",
        "flux list",
        "flux run order-fulfillment --input events/another-order.json --id order-o_004",
        "flux graph order-fulfillment",
    ):
        print(f"  {line}")
    print("\nAnd look at it in a browser, until Ctrl-C:\n  flux serve")


def fulfilled(store: str) -> str:
    """Let the Lambda handler take the order event; return the run's id."""
    title("(a) The Lambda handler takes an order event")
    answer = deliver("order.json")
    print(f"  answered: {json.dumps({'status': answer['status'], 'id': answer['id']})}")
    show(answer["id"], store)
    return str(answer["id"])


def redelivered(first: str) -> None:
    """Deliver the same event once more."""
    title("(b) The same event is delivered again")
    answer = deliver("order-redelivered.json")
    which = "the same run" if answer["id"] == first else f"another run than {first}"
    print(f"  answered: {json.dumps({'status': answer['status'], 'id': answer['id']})}, {which}")
    print(f"  charges for order o_001: {charges('o_001')}")


def taken_over(store: str) -> None:
    """Kill a worker in the middle of a step, and let another one go on."""
    title("(c) A worker is killed with SIGKILL while it is inside `reserve`")
    worker = subprocess.Popen(
        [sys.executable, __file__, "work", store], env=os.environ | {"SHOP_LATENCY": "inventory:60"}
    )
    wait_until(lambda: counted("inventory", "o_003", table="calls") == 1)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    print(f"  worker {worker.pid} is dead; charges so far: {charges('o_003')}")
    print("  its lease ends in a second; then a tick takes the run over")
    with shop_app(store) as app:
        wait_until(lambda: app.tick().completed == 1)
    show("order-o_003", store)
    print(f"  charges for order o_003: {charges('o_003')}")


def out_of_stock(store: str) -> None:
    """Deliver an order for something that is not there."""
    title("(d) An order for something out of stock")
    answer = deliver("out-of-stock.json")
    print(f"  answered: {json.dumps({'status': answer['status'], 'error': answer['error']['message']})}")
    show(answer["id"], store)
    print(f"  charges for order o_002: {charges('o_002')}")


def refunded(store: str) -> None:
    """Deliver an order whose two lines are in stock, each for itself, but not together."""
    title("(e) An order that cannot be filled, as shows after the payment")
    answer = deliver("too-many.json")
    print(f"  answered: {json.dumps({'status': answer['status'], 'error': answer['error']['message']})}")
    show(answer["id"], store)
    refunds = counted("refund", "o_005", table="effects")
    print(f"  charges for order o_005: {charges('o_005')}, refunds: {refunds}")


def deliver(event: str) -> Any:
    """Hand an event to the Lambda handler."""
    import app

    return app.handler(json.loads((HERE / "events" / event).read_text()), None)


def work(store: str) -> None:
    """Be the worker that will be killed."""
    order = json.loads((HERE / "events" / "order.json").read_text()) | {"order_id": "o_003"}
    with shop_app(store) as app:
        app.execute("order-fulfillment", order, id="order-o_003")


def shop_app(store: str) -> Any:
    """Return the app with a short lease, over the store."""
    from flux_core import App
    from flux_core.storage import open_storage

    from workflow import order

    return App([order], storage=open_storage(store), lease=LEASE)


def counted(service: str, order_id: str, *, table: str) -> int:
    """Return what the shop's services counted."""
    import services

    return services.count(service, order_id, table=table)


def charges(order_id: str) -> int:
    """Return how often the order was charged."""
    return counted("payment", order_id, table="effects")


def wait_until(happened: Any) -> None:
    """Wait until something has happened, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not happened():
        if time.monotonic() > deadline:
            sys.exit("the demo waited for half a minute in vain; please report it")
        time.sleep(0.05)


def show(run_id: str, store: str) -> None:
    """Show a run as the command line does."""
    print(f"  $ flux show {run_id}", flush=True)
    subprocess.run(
        [sys.executable, "-m", "flux_cli", "show", run_id, "--app", "app:app", "--store", store],
        cwd=HERE,
        check=True,
    )


def shell(path: Path) -> str:
    """Return a path as it is typed: from the current folder if it stands below it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2])
    else:
        main()

"""What a function on Flux and DynamoDB costs over the same function on bare boto3: at its cold start, and when warm.

Both are started by AWS's runtime interface emulator and write to DynamoDB Local, the same number of times: the bare
one makes by hand the five conditional writes, and those to the indexes, that a four-node run makes.
"""

from __future__ import annotations

import compileall
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout needs no installation
sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmarks.report import Options, Row, Section, main
from benchmarks.rounds import alternate
from flux_aws import DynamoDBStorage

from services.dynamodb_local import DynamoDBLocal, fetched
from services.lambda_rie import LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[1]
TITLE: Final = "A function on Lambda"
TABLE: Final = "runs"
BARE: Final = """
import uuid, boto3
from boto3.dynamodb.conditions import Attr
table = boto3.resource("dynamodb").Table("runs")
def handler(event, context):
    run = str(uuid.uuid4())
    keys = {"due": "0", "wake_at": 1, "workflow_shard": "order#0", "created_at": 1}
    for revision in range(5):
        if revision == 4:
            del keys["due"], keys["wake_at"]
        before = Attr("revision").eq(revision) if revision else Attr("id").not_exists()
        table.put_item(
            Item={"id": run, "sk": "run", "revision": revision + 1, "document": b"x" * 300, **keys},
            ConditionExpression=before,
        )
    return {"id": run}
"""
FLUX: Final = """
import flux_aws
from flux_core import App, Workflow
order = (
    Workflow("order").step("validate", lambda ctx: None).commit("charge", lambda ctx: "p")
    .commit("reserve", lambda ctx: None).step("notify", lambda ctx: "sent")
)
storage = flux_aws.DynamoDBStorage("runs")
handler = flux_aws.handler(App([order], storage))
"""
INIT: Final = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")
INVOKE: Final = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms")
RATIO: Final = 1.15
OVERHEAD: Final = 2  # milliseconds


def measure(options: Options) -> Section:
    """Start both functions in turn, and invoke them in turn."""
    if isinstance(missing := fetched(), str):
        return Section(TITLE, [], [missing])
    starts, calls = options.rounds(30), options.rounds(300)
    with ExitStack() as stack:
        server = stack.enter_context(DynamoDBLocal())
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        os.environ.update(keys)
        environment = {"AWS_ENDPOINT_URL": server.endpoint, **keys}
        DynamoDBStorage(TABLE, region="us-east-1", endpoint=server.endpoint).create_table()
        flux, bare = (_function(stack, source) for source in (FLUX, BARE))
        cold = alternate(starts, lambda: _cold(flux, environment), lambda: _cold(bare, environment))
        flux_warm, bare_warm = (
            stack.enter_context(LambdaRuntime(folder, env=environment)) for folder in (flux, bare)
        )
        warm = alternate(calls, lambda: _duration(flux_warm), lambda: _duration(bare_warm))
    rows = [
        Row(
            "init of a function with a store in DynamoDB",
            f"{median(cold.measured):.0f} ms",
            f"{median(cold.floor):.0f} ms",
            f"{cold.ratio:.2f}",
            f"at most {RATIO}",
            cold.ratio <= RATIO,
        ),
        Row(
            "a warm invocation, a four-node run",
            f"{median(warm.measured):.2f} ms",
            f"{median(warm.floor):.2f} ms",
            f"{warm.ratio:.2f}",
            f"at most {OVERHEAD} ms over it",
            warm.difference <= OVERHEAD,
        ),
    ]
    notes = [
        f"{starts} cold starts and {calls} warm invocations of either, in turn, under the runtime interface emulator;",
        "the floor is a bare boto3 function with one table that makes the same five conditional writes.",
        f"Over it, a warm invocation takes {warm.difference:.2f} ms more.",
    ]
    return Section(TITLE, rows, notes)


def _function(stack: ExitStack, source: str) -> Path:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix=".bench-", dir="."))).absolute()
    (folder / "app.py").write_text(source)
    for package in (folder, ROOT / "flux_core", ROOT / "adapters" / "flux_aws"):
        compileall.compile_dir(package, quiet=1)
    return folder


def _cold(folder: Path, environment: Mapping[str, str]) -> float:
    """Return the milliseconds of a cold start."""
    with LambdaRuntime(folder, env=environment) as function:
        return _read(INIT, function.invoke({}).log)


def _duration(function: LambdaRuntime) -> float:
    """Return the milliseconds of an invocation."""
    return _read(INVOKE, function.invoke({}).log)


def _read(figure: re.Pattern[str], log: str) -> float:
    found = figure.search(log)
    assert found, f"the emulator has not told how long it took:\n{log}"
    return float(found[1])


if __name__ == "__main__":
    main({"lambda": measure})

"""The application, deployed to a local AWS: where its parts are, and what its users see of them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError

import yaml  # type: ignore[import-untyped]
from boto3.session import Session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sam.application import APPLICATION, build, environment, sam

from flux_aws import DynamoDBStorage
from flux_core import Engine

from services.aws_sam import SAM_ENVIRONMENT
from services.lambda_image import ARCHITECTURE, RUNTIME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.client import BaseClient

    from flux_core import Run

NOT_IN_MINISTACK = "AWS::Logs::QueryDefinition"
PARAMETERS = {
    "Runtime": RUNTIME,
    "Architecture": ARCHITECTURE,
    "GradualDeployment": "false",  # MiniStack has no CodeDeploy
    "Timeout": "10",  # seconds: the lease of an order whose function is killed is over soon
    "RetryAfter": "10",
    "MaxReceives": "2",
}
PATIENCE = 150.0
"""Seconds for whatever is to happen by itself: a lease of 15 seconds, a tick every minute, on a busy machine."""


class Deployment(NamedTuple):
    """A stack, and how it is reached."""

    endpoint: str
    stack: str
    outputs: dict[str, str]
    shop: Path
    """The database of the stand-ins for the shop's services, which counts what happened to the world."""

    def client(self, service: str, **credentials: str) -> Any:
        """Return a client of a service, with the rights of the account's root or of the credentials."""
        session = Session(
            **({"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials),  # type: ignore[arg-type]
            region_name="us-east-1",
        )
        client: BaseClient = session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]
        return client

    @property
    def environment(self) -> dict[str, str]:
        """What a program is started with that is to reach this AWS."""
        return os.environ | SAM_ENVIRONMENT | {"AWS_ENDPOINT_URL": self.endpoint}

    def post(self, order: Any, *, signed: bool = True) -> tuple[int, Any]:
        """POST an order to the API, and return the status and the body of the answer."""
        api = self.outputs["ApiUrl"].removeprefix("https://").partition(".")[0]
        url = f"{self.endpoint}/_aws/execute-api/{api}/orders"
        body, headers = json.dumps(order).encode(), {"Content-Type": "application/json"}
        if signed:
            request = AWSRequest("POST", url, data=body, headers=headers)
            SigV4Auth(Credentials("test", "test"), "execute-api", "us-east-1").add_auth(request)
            headers = dict(request.headers)
        sent = urllib.request.Request(url, body, headers)  # noqa: S310 (the URL is the local server's)
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except HTTPError as refused:
            return refused.code, json.load(refused)

    def invoke(self, event: Any) -> tuple[Any, str | None]:
        """Invoke the function's alias; return its answer, and the kind of its failure or None."""
        answer = self.client("lambda").invoke(FunctionName=f"{self.stack}:live", Payload=json.dumps(event))
        return json.load(answer["Payload"]), answer.get("FunctionError")

    def resource(self, name: str) -> str:
        """Return the name that CloudFormation gave to a resource of the template."""
        answer = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=name
        )
        physical: str = answer["StackResourceDetail"]["PhysicalResourceId"]
        return physical

    def run(self, order_id: str) -> Run | None:
        """Return an order's run, as the store has it."""
        table = self.outputs["Store"].removeprefix("dynamodb://").partition("?")[0]
        storage = DynamoDBStorage(table, region="us-east-1", endpoint=self.endpoint)
        return Engine(storage).get(f"order-{order_id}")

    def charges(self, order_id: str) -> int:
        """Return how often an order was charged."""
        with sqlite3.connect(self.shop) as shop:
            query = "SELECT COUNT(*) FROM effects WHERE service = 'payment' AND key LIKE ?"
            return int(shop.execute(query, (f"%{order_id}/%",)).fetchone()[0])

    def flux(self, *arguments: str) -> str:
        """Return what the command line prints; it must succeed."""
        ended = subprocess.run(
            [sys.executable, "-m", "flux_cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def order(order_id: str, product_id: str = "mug") -> dict[str, Any]:
    """Return an order for one product."""
    event = json.loads((APPLICATION / "events" / "order.json").read_text())
    return {**event, "order_id": order_id, "items": [{"product_id": product_id, "qty": 1}]}


def deploy(endpoint: str, folder: Path) -> Deployment:
    """Build the application, and deploy it as `orders-dev`, as samconfig.toml has it."""
    template, _ = build(folder / "build")
    _take_out_what_is_not_there(template)
    shop = folder / "shop.db"
    parameters = PARAMETERS | {"ShopDb": str(shop)}
    sam(
        *("deploy", "--no-progressbar", "--template-file", str(template)),
        *("--config-file", str(APPLICATION / "samconfig.toml")),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
        env=environment(AWS_ENDPOINT_URL=endpoint),
    )
    deployment = Deployment(endpoint, "orders-dev", {}, shop)
    [stack] = deployment.client("cloudformation").describe_stacks(StackName="orders-dev")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return deployment._replace(outputs=outputs)


def _take_out_what_is_not_there(template: Path) -> None:
    """Take saved queries out of the built template, which MiniStack lacks; and have SAM expand it without CodeDeploy.

    MiniStack expands a SAM template with the defaults of its parameters, whatever their values are.
    """
    document = yaml.safe_load(template.read_text())
    resources = document["Resources"]
    document["Resources"] = {
        name: body for name, body in resources.items() if body["Type"] != NOT_IN_MINISTACK
    }
    document["Parameters"]["GradualDeployment"]["Default"] = PARAMETERS["GradualDeployment"]
    template.write_text(yaml.safe_dump(document))


def wait_for(happened: Callable[[], object], what: str) -> None:
    """Wait until something has happened, and fail if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain for {what}"
        time.sleep(0.25)

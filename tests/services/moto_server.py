"""A stand-in for AWS in this process: moto's server, for SQS, EventBridge Scheduler, Logs and DynamoDB."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from services.require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"  # moto's
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a client of AWS needs to know; nothing of whoever runs the tests is used."""


@contextmanager
def moto_server() -> Iterator[str]:
    """Start the server, and give its URL; what was made in it is gone afterwards."""
    try:
        from moto.core.model_instances import reset_model_data
        from moto.server import ThreadedMotoServer
    except ModuleNotFoundError as error:
        skip_or_fail(f"moto's server is not installed ({error}); it is in the dev group: moto[server]")
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        reset_model_data()

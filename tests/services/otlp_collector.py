"""A collector of OpenTelemetry: a process with an OTLP/HTTP endpoint that tells what it was sent.

    with OTLPCollector() as collector:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        ...
        collector.received()["spans"]

It is a small server of our own, `otlp_collector_process.py`, over the protocol's published messages: no registry has
a build of OpenTelemetry's own collector whose origin could be told.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence


class OTLPCollector(Server):
    """One collector; what it is sent stays in its memory."""

    name = "OTLP collector"

    @property
    def endpoint(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` is to say."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """Return how it is started."""
        return [sys.executable, Path(__file__).with_name("otlp_collector_process.py"), str(self.port)]

    def is_ready(self) -> bool:
        """Return whether it answers."""
        with suppress(URLError, OSError):
            return bool(self.received())
        return False

    def received(self) -> dict[str, list[dict[str, Any]]]:
        """Return what it was sent: `spans`, `metrics` (a data point each), and `calls`, all other requests' headers."""
        with urlopen(f"{self.endpoint}/received", timeout=self.grace) as answer:  # noqa: S310 (it is http)
            told: dict[str, list[dict[str, Any]]] = json.load(answer)
        return told

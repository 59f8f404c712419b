"""The trace of Google Cloud that a request belongs to, as its headers say it, and the project that has it."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.trace_context import traceparent_in
from flux_gcp._invocation import GOOGLE

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOUD_TRACE: Final = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=([0-9]))?")
"""The older header of Google, in which the span is a decimal number:
https://cloud.google.com/trace/docs/trace-context#legacy-http-header"""
PROJECTS: Final = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GCP_PROJECT")
"""The variables that may name the project; Cloud Run itself sets none of them."""
METADATA: Final = "/computeMetadata/v1/project/project-id"
PATIENCE: Final = 1.0  # seconds for which the metadata server is waited for; it is on the same machine


def trace_fields(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a log line that tie it to the request: none, if the headers name no trace.

    https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
    """
    trace, span, sampled = _named_in(headers)
    if trace is None:
        return {}
    place = project()
    fields: dict[str, Any] = {
        "logging.googleapis.com/trace": f"projects/{place}/traces/{trace}" if place else trace,
        "logging.googleapis.com/trace_sampled": sampled,
    }
    return fields | ({"logging.googleapis.com/spanId": span} if span else {})


@cache
def project() -> str | None:
    """Return the id of the project in which this runs; None if neither the environment nor the platform says it."""
    named = next((os.environ[name] for name in PROJECTS if os.environ.get(name)), None)
    if named or not GOOGLE.is_here:
        return named
    from urllib.request import Request, urlopen

    server = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    asked = Request(f"http://{server}{METADATA}", headers={"Metadata-Flavor": "Google"})
    try:
        with urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310 (the platform's own address)
            text: str = answer.read().decode()
    except OSError:
        return None
    return text


def _named_in(headers: Mapping[str, str]) -> tuple[str | None, str | None, bool]:
    """Return the trace, the span in it, and whether it is kept."""
    if said := traceparent_in(headers):
        _, trace, span, flags = said.split("-")
        return trace, span, bool(int(flags, 16) & 1)
    if found := CLOUD_TRACE.fullmatch(headers.get("x-cloud-trace-context", "")):
        return found[1], f"{int(found[2]):016x}" if found[2] else None, found[3] == "1"
    return None, None, False

"""The time that the host gives a function."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from flux_core import InvalidInput

VARIABLE: Final = "AzureFunctionsJobHost__functionTimeout"
"""The setting that stands for `functionTimeout` of host.json."""
FOLDER: Final = "AzureWebJobsScriptRoot"
"""The setting that names the function app's folder."""
PLAN: Final = "WEBSITE_SKU"
CONSUMPTION: Final = "Dynamic"
ON_CONSUMPTION: Final = 300.0
ELSEWHERE: Final = 1800.0
"""Seconds, if neither says anything: https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout"""
UNBOUNDED: Final = "-1"
TIME: Final = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2}(?:\.\d+)?)"
)


def function_timeout() -> float | None:
    """Return the seconds after which the host ends an invocation; None if it never does.

    Raises:
        InvalidInput: the setting, or what host.json says, is no time.
    """
    told = os.environ.get(VARIABLE) or _in_host_json()
    if told is None:
        return ON_CONSUMPTION if os.environ.get(PLAN) == CONSUMPTION else ELSEWHERE
    if told == UNBOUNDED:
        return None
    parts = TIME.fullmatch(str(told))
    if parts is None:
        raise InvalidInput(
            f"expected hh:mm:ss, such as 00:05:00, or -1; got {told!r}", path="functionTimeout"
        )
    days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _in_host_json() -> str | None:
    """Return what host.json says; None if it says nothing, or is not to be read: the host complains of that itself."""
    try:
        settings = json.loads((Path(os.environ.get(FOLDER, "")) / "host.json").read_bytes())
    except (OSError, ValueError):
        return None
    told = settings.get("functionTimeout") if isinstance(settings, dict) else None
    return None if told is None else str(told)

"""The time that the host gives a function is found where the host itself looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flux_azure._functions.timeout import function_timeout
from flux_core import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

SETTING = "AzureFunctionsJobHost__functionTimeout"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The function app's folder, with nothing in it."""
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))
    monkeypatch.delenv("WEBSITE_SKU", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("00:05:00", 300.0), ("1:30:00", 5400.0), ("1.00:00:00", 86400.0), ("00:00:30.5", 30.5), ("-1", None)],
)
def test_the_setting_says_it(monkeypatch: pytest.MonkeyPatch, told: str, seconds: float | None) -> None:
    """It is read as the host reads it; -1 is no end."""
    monkeypatch.setenv(SETTING, told)
    assert function_timeout() == seconds


def test_host_json_says_it(folder: Path) -> None:
    """Without the setting it is what host.json says, so that it stands in one place."""
    (folder / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:10:00"}')
    assert function_timeout() == 600


@pytest.mark.parametrize(("plan", "seconds"), [("Dynamic", 300), ("FlexConsumption", 1800)])
@pytest.mark.parametrize("host", ["{}", "[]", "{", None])
def test_the_plan_says_it_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch, host: str | None, plan: str, seconds: float
) -> None:
    """Where nothing is said it is the plan's default."""
    monkeypatch.setenv("WEBSITE_SKU", plan)
    if host is not None:
        (folder / "host.json").write_text(host)
    assert function_timeout() == seconds


def test_what_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what was expected, and where."""
    monkeypatch.setenv(SETTING, "5 minutes")
    with pytest.raises(InvalidInput, match=r"functionTimeout: expected hh:mm:ss.*'5 minutes'"):
        function_timeout()

"""What the clients of AWS's services have in common."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from flux_aws._clients import calling, session
from flux_core import InvalidInput

if TYPE_CHECKING:
    from types import ModuleType


def test_without_boto3_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where boto3 is not installed, whatever would call AWS names the extra."""
    absent: dict[str, ModuleType | None] = {"boto3": None, "boto3.session": None}
    for name, module in absent.items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(InvalidInput, match=r"pip install 'flux-serverless\[aws\]'"):
        session._make()


def test_an_error_of_somebody_elses_is_passed_on() -> None:
    """Only what botocore raises is put in other words."""
    with pytest.raises(ZeroDivisionError), calling("function f", "lambda:InvokeFunction"):
        _ = 1 / 0

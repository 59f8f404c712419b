"""What the clients of AWS's services have in common."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flux_aws._clients import Once, calling, session
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


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoint_url": "nonsense"}, "function f cannot be called: Invalid endpoint: nonsense"),
        ({"region_name": "evil.com/x"}, "function f cannot be called: .*evil.com/x"),
    ],
)
def test_what_no_client_can_be_made_of_is_named(settings: dict[str, str], said: str) -> None:
    """A wrong endpoint or region is for the caller to correct."""
    make: Any = session()
    with pytest.raises(InvalidInput, match=said), calling("function f", "lambda:InvokeFunction"):
        make.client("lambda", **({"region_name": "eu-west-1"} | settings)).invoke(FunctionName="f")


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
    ],
)
def test_the_environment_names_the_region(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], region: str
) -> None:
    """`AWS_REGION`, which Lambda sets, counts first, as it does for the store."""
    no_region(monkeypatch)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert session().client("sqs").meta.region_name == region


def test_without_a_region_the_error_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the caller's to name it."""
    no_region(monkeypatch)
    expected = r"^function f cannot be called: no AWS region is known; set AWS_REGION, or name it by region="
    with pytest.raises(InvalidInput, match=expected), calling("function f", "lambda:InvokeFunction"):
        session().client("lambda")


def no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let neither the environment nor a profile name a region."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def test_a_refusal_in_words_of_flux_is_passed_on() -> None:
    """What is said already is not said again."""
    with pytest.raises(InvalidInput, match=r"^name it$"), calling("function f", "lambda:InvokeFunction"):
        raise InvalidInput("name it")


def test_a_value_is_there_once_it_was_asked_for() -> None:
    """Whoever only looks makes nothing."""
    value = Once(lambda: 7)
    before = value.made
    assert (before, value(), value.made) == (None, 7, 7)

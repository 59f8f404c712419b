"""functions-framework serves a function, ends, and says why it does not start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from services.functions_framework import FunctionsFramework

if TYPE_CHECKING:
    from pathlib import Path

GREETING = """\
import os

def greet(request):
    return os.environ["GREETING"]

async def greet_aio(request):
    return os.environ["GREETING"]
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source file with a function of either kind."""
    path = tmp_path / "main.py"
    path.write_text(GREETING)
    return path


@pytest.mark.parametrize(("target", "asgi"), [("greet", False), ("greet_aio", True)])
def test_a_function_serves_until_its_context_ends(source: Path, target: str, *, asgi: bool) -> None:
    """It answers inside the context, knows its settings and its URL, and its process is gone after it."""
    with FunctionsFramework(source, target, asgi=asgi, environment={"GREETING": "at {url}"}) as function:
        with urlopen(function.url, timeout=10) as answer:  # noqa: S310 (this machine)
            assert answer.read().decode() == f"at {function.url}"
        pid = function.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_function_that_is_not_there_is_shown(source: Path) -> None:
    """What the framework says of a wrong name reaches whoever runs the tests."""
    with pytest.raises(RuntimeError, match="expected to contain a function named 'wave'"):
        FunctionsFramework(source, "wave").__enter__()


def test_without_the_package_the_test_is_skipped(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names what is missing."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    monkeypatch.setattr("services.functions_framework.find_spec", lambda name: None)

    with pytest.raises(pytest.skip.Exception, match="functions-framework is not installed"):
        FunctionsFramework(source, "greet")

"""What becomes of a test when something it needs cannot be had."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(missing: str) -> NoReturn:
    """Skip the running test, or fail it when `FLUX_TEST_REQUIRE=all`.

    `missing` names what cannot be had and how to get it: it is all that the reader of the report sees.
    """
    if os.environ.get("FLUX_TEST_REQUIRE") == "all":
        pytest.fail(f"{missing} (FLUX_TEST_REQUIRE=all forbids the skip)", pytrace=False)
    pytest.skip(missing)

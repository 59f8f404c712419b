"""Chromium, driven by Playwright.

with chromium() as browser:
    page = browser.new_page()
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

QUIET = (
    "--no-sandbox",  # a container has no user namespaces
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser that asks nobody but the tested server for anything.

    While it is open the thread has a running event loop: `asyncio.run` is for before and after.
    """
    if find_spec("playwright") is None:
        skip_or_fail("playwright is not installed; it is in the dev group")
    if (path := shutil.which("chromium")) is None:
        skip_or_fail("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright  # it is not everywhere

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()

"""What a browser test does beside looking at the page: it has runs made, and changes the world that they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ORDER = "order-fulfillment"
PATIENCE = 20.0  # seconds


class World:
    """The files by which `orders.py` knows what is slow, down or unknown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, *states: str) -> None:
        """Let it be so: `charge-down`, `ship-slow`, ..."""
        for state in states:
            (self._folder / state).touch()

    def mend(self, state: str) -> None:
        """Let that be well again, and leave the rest as it is."""
        (self._folder / state).unlink()

    def clear(self) -> None:
        """Let all be well."""
        for file in self._folder.iterdir():
            file.unlink()


class Desk:
    """Starts runs over the API of a server, and gets them."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE)

    def start(
        self,
        run_id: str,
        workflow: str = ORDER,
        input: Any = None,
        *,
        tags: Iterable[str] = (),
        wait: bool = True,
    ) -> dict[str, Any]:
        """Start a run; return it as it stands then. With `wait` that is when it has ended or is suspended."""
        headers = {"Idempotency-Key": run_id} | ({} if wait else {"Prefer": "respond-async"})
        given = {"order_id": run_id} if input is None else input
        path = f"workflows/{quote(workflow, safe='')}/runs"
        answer = self.client.post(path, params={"tag": list(tags)}, json=given, headers=headers)
        assert answer.status_code < 400 or answer.json().get("id") == run_id, answer.text
        return self.get(run_id)

    def get(self, run_id: str) -> dict[str, Any]:
        """Return a run."""
        answer = self.client.get(f"runs/{quote(run_id, safe='')}")
        assert answer.status_code == 200, answer.text
        run: dict[str, Any] = answer.json()
        return run

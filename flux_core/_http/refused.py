"""What the API refuses by itself, beside the errors that the engine raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flux_core._serving.problem import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOUND: Final = "NOT_FOUND"
UNKNOWN_HOST: Final = "UNKNOWN_HOST"
INVALID_PATH: Final = "INVALID_PATH"
UNAUTHORIZED: Final = "UNAUTHORIZED"
FORBIDDEN: Final = "FORBIDDEN"
FOREIGN_ORIGIN: Final = "FOREIGN_ORIGIN"
READ_ONLY: Final = "READ_ONLY"
RUN_CHANGED: Final = "RUN_CHANGED"

STATUSES: Final[Mapping[str, int]] = {
    INVALID_PATH: 400,
    UNKNOWN_HOST: 400,  # which a server says by itself
    UNAUTHORIZED: 401,
    FORBIDDEN: 403,
    FOREIGN_ORIGIN: 403,
    READ_ONLY: 403,
    NOT_FOUND: 404,
    RUN_CHANGED: 412,
}
"""The HTTP status of each of its codes."""


class Refused(Exception):
    """A request that is not served; it carries the problem that the client is told."""

    def __init__(
        self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail)
        self.problem = problem(code, detail, status=STATUSES.get(code), headers=headers, **extensions)

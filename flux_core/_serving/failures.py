"""What a waker and a trace say of a cloud's services that fail them."""

from __future__ import annotations

from typing import ClassVar

from flux_core import FluxError, StoreError


class ServiceFailed(StoreError):
    """A service of the cloud could not be reached, or refused the call."""

    code: ClassVar[str] = "SERVICE_FAILED"


class ResourceNotFound(FluxError, LookupError):
    """What was named is not there: a function, a queue, a log group."""

    code: ClassVar[str] = "RESOURCE_NOT_FOUND"

"""Control commands that come through the waker's own queue."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from flux_core import FluxError, LeaseLost, RunBusy, StoreError
from flux_core._serving.control.actions import control

if TYPE_CHECKING:
    from flux_core._invocation import Invocation
    from flux_core._serving.delivery import Delivery
    from flux_core._serving.service import Service

log: Final = logging.getLogger("flux")

PASSING: Final = (RunBusy, LeaseLost, StoreError)
"""Errors that are gone when the message comes again."""


def obey(service: Service, invocation: Invocation, delivery: Delivery, command: dict[str, Any]) -> bool:
    """Do what the command asks for; return whether its message is done.

    One that cannot be obeyed is done as well: wherever its run stands, `tick` finds it when it is due.
    """
    try:
        control(service, command, invocation.deadline)
    except PASSING as error:
        log.warning("%s is to come again: %s: %s", delivery.name, type(error).__name__, error)
        return False
    except FluxError as error:
        log.warning(
            "%s is acknowledged, and nothing done: %s: %s", delivery.name, type(error).__name__, error
        )
        return True
    except Exception:
        log.exception("%s is to come again", delivery.name)
        return False
    return True

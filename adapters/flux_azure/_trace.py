"""The trace in Application Insights: a log record an event, by OpenTelemetry's conventions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from flux_azure._trace_context import parent, within
from flux_core._serving.lines import level_of, message_of, shortened

if TYPE_CHECKING:
    from flux_core import TraceEvent

LOGGER: Final = "flux.trace"
LONGEST: Final = 32_000
"""Bytes of a record's text; Application Insights keeps 32,768 characters.
https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete#trace"""


class AppInsightsTrace:
    """A trace sink for function apps; outside of one it works as well, and knows less.

    Each event becomes one record of the logger `flux.trace`. Its text is JSON: `message`, the event in a few words, and
    the event itself, named as the trace format names its fields, under `flux`; one that is too long is shortened, and
    `flux.shortened` says what was left out. Its attributes, flat and named as OpenTelemetry names such things, are what
    one searches by: `event.name`, `flux.workflow.name`, `flux.run.id`, `flux.step.name`, `flux.step.attempt`,
    `flux.status`, `flux.duration` (milliseconds), `error.message`.

    The worker forwards the text to Application Insights, under the invocation. Where OpenTelemetry collects the app's
    logs, as with `PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY`, the attributes go there too, and the record belongs to
    the trace of the request or message that the invocation serves.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)  # the root's level is WARNING where nobody has set it

    def emit(self, event: TraceEvent) -> None:
        """Log the event."""
        self._log(level_of(event), message_of(event), event.to_dict(), attributes(event))

    def measure(self, name: str, value: float, *, unit: str, workflow: str | None = None) -> None:
        """Log a number that no event carries, where an alert finds it: `flux.metric` and `flux.value` in the text.

        Args:
            name: the metric's name.
            value: what was measured.
            unit: `Count`, `Seconds`, ...
            workflow: what it is about; None if that is all workflows.
        """
        about = {"workflowName": workflow} if workflow else {}
        measured = {"metric": name, "value": value, "unit": unit, **about}
        named = {f"flux.{field}": said for field, said in measured.items() if field != "workflowName"}
        if workflow:
            named["flux.workflow.name"] = workflow
        self._log(logging.INFO, f"{name} {value:g} {unit}", measured, named)

    def close(self) -> None:
        """Do nothing: the logger is not the sink's own."""

    def _log(self, level: int, message: str, told: dict[str, Any], named: dict[str, Any]) -> None:
        with within(parent()) as ids:
            text = shortened({"message": message, "flux": told}, LONGEST)
            self._logger.log(level, "%s", text, extra=named | ids)


def attributes(event: TraceEvent) -> dict[str, Any]:
    """Return what is searched by; what the event does not say is left out."""
    attempt = None if event.step_name is None or event.retries is None else event.retries + 1
    named = {
        "event.name": f"flux.{event.type.replace(':', '.')}",
        "flux.workflow.name": event.workflow_name,
        "flux.run.id": event.workflow_id,
        "flux.step.name": event.step_name,
        "flux.step.attempt": attempt,
        "flux.status": event.status,
        "flux.duration": event.duration,
        "error.message": event.error,
    }
    return {name: value for name, value in named.items() if value is not None}

"""Flux in OpenTelemetry: a run is one trace, with a span for each attempt, and metrics beside it."""

from __future__ import annotations

from flux_otel._trace import OpenTelemetryTrace

__all__ = ["OpenTelemetryTrace"]

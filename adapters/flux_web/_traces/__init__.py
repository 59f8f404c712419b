"""Runs as traces tell of them: out of a trace file of any size, or out of a log, for the viewer."""

from flux_core._trace_line import LogGroup, LogLine
from flux_web._traces._runs import TraceRuns, open_cloudwatch, open_trace

__all__ = ["LogGroup", "LogLine", "TraceRuns", "open_cloudwatch", "open_trace"]

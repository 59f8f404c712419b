"""The process of `OTLPCollector`: takes OTLP over HTTP in protobuf, and tells as JSON what it was sent.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOBUF = "application/x-protobuf"
RECEIVED: dict[str, list[dict[str, Any]]] = {"spans": [], "metrics": [], "calls": []}


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return attributes as a dict."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def spans(body: bytes) -> Iterable[dict[str, Any]]:
    """Give the spans of a request."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "service": attributes(resource.resource.attributes).get("service.name"),
                    "scope": scope.scope.name,
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                    "message": span.status.message,
                    "attributes": attributes(span.attributes),
                    "links": [
                        {"trace": link.trace_id.hex(), "id": link.span_id.hex()} for link in span.links
                    ],
                    "events": [
                        {"name": event.name, "attributes": attributes(event.attributes)}
                        for event in span.events
                    ],
                }


def points(body: bytes) -> Iterable[dict[str, Any]]:
    """Give the data points of a request."""
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    value = (
                        {"count": point.count, "sum": point.sum}
                        if kind == "histogram"
                        else {"value": getattr(point, point.WhichOneof("value"))}
                    )
                    about = {"name": metric.name, "unit": metric.unit, "kind": kind}
                    yield {**about, **value, "attributes": attributes(point.attributes)}


class Collector(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take what an exporter sends; of any other request, its headers."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            RECEIVED["spans"] += spans(body)
            self.answer(PROTOBUF, ExportTraceServiceResponse().SerializeToString())
        elif self.path == "/v1/metrics":
            RECEIVED["metrics"] += points(body)
            self.answer(PROTOBUF, ExportMetricsServiceResponse().SerializeToString())
        else:
            RECEIVED["calls"].append({name.lower(): value for name, value in self.headers.items()})
            self.answer("text/plain", b"")

    def do_GET(self) -> None:
        """Tell what was received."""
        self.answer("application/json", json.dumps(RECEIVED).encode())

    def answer(self, kind: str, body: bytes) -> None:
        """Answer 200."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector).serve_forever()

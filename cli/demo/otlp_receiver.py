"""A small receiver of OpenTelemetry traces, on its own loopback port.

Owns the decoding of OTLP/HTTP (protobuf, https://opentelemetry.io/docs/specs/otlp/#otlphttp) into spans that a demo can
print and a test can check. Must never forward or store a span outside this process.
"""

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf carries no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

TRACES_PATH = "/v1/traces"
BODY_LIMIT_BYTES = 64 * 1024 * 1024
SHUTDOWN_POLL_SECONDS = 0.02


class MalformedExport(ValueError):
    """The body is not a trace export."""


@dataclass(frozen=True)
class SpanEvent:
    """An event of a span, usually an exception."""

    name: str
    attributes: Mapping[str, Any]
    at_ns: int


@dataclass(frozen=True)
class Span:
    """One span. Ids are lower-case hex as in `traceparent`; times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    service: str
    kind: str
    """`internal`, `server`, `client`, `producer`, `consumer` or `unspecified`."""
    attributes: Mapping[str, Any]
    start_ns: int
    end_ns: int
    status: str
    """`unset`, `ok` or `error`."""
    status_message: str = ""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """`(trace_id, span_id)` of the spans that it is linked to."""

    @property
    def seconds(self) -> float:
        """The duration."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class Node:
    """A span and its children, ordered by start."""

    span: Span
    children: tuple["Node", ...] = ()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Span]]:
        """Every span of the tree with its depth, parents before children."""
        yield depth, self.span
        for child in self.children:
            yield from child.walk(depth + 1)


def parse_export(body: bytes) -> list[Span]:
    """Decode the body of one export.

    Raises:
        MalformedExport: it is not an ExportTraceServiceRequest.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedExport(str(error)) from error
    return [
        _parse_span(wire, service)
        for resource_spans in request.resource_spans
        for service in [str(_parse_attributes(resource_spans.resource.attributes).get("service.name", ""))]
        for scope_spans in resource_spans.scope_spans
        for wire in scope_spans.spans
    ]


def build_tree(spans: Sequence[Span]) -> tuple[Node, ...]:
    """Arrange spans as trees. A span whose parent is missing becomes a root, so that a broken trace is visible."""
    known = {span.span_id for span in spans}
    below: dict[str | None, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        below.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)

    def node(span: Span) -> Node:
        return Node(span, tuple(node(child) for child in below.get(span.span_id, [])))

    return tuple(node(root) for root in below.get(None, []))


@dataclass
class OtlpReceiver:
    """Receives on `http://127.0.0.1:PORT` between `__enter__` and `__exit__`."""

    port: int = 0
    """0 means any free port; holds the chosen port once the receiver is running."""
    _spans: list[Span] = field(default_factory=list, init=False)
    _arrived: threading.Condition = field(default_factory=threading.Condition, init=False)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    @property
    def endpoint(self) -> str:
        """For `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler_for(self._receive))
        self.port = self._server.server_address[1]
        serve = partial(self._server.serve_forever, poll_interval=SHUTDOWN_POLL_SECONDS)
        threading.Thread(target=serve, name="otlp-receiver", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def spans(self) -> tuple[Span, ...]:
        """The spans received so far, in the order of arrival."""
        with self._arrived:
            return tuple(self._spans)

    def trace(self, trace_id: str) -> tuple[Span, ...]:
        """The received spans of one trace."""
        return tuple(span for span in self.spans() if span.trace_id == trace_id)

    def tree(self, trace_id: str) -> tuple[Node, ...]:
        """One trace as a tree: a single root when it is complete."""
        return build_tree(self.trace(trace_id))

    def wait_until(self, predicate: Callable[[tuple[Span, ...]], bool], timeout_seconds: float) -> tuple[Span, ...]:
        """Wait until the received spans satisfy `predicate`, and return them.

        Raises:
            TimeoutError: they did not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._arrived:
            while not predicate(spans := tuple(self._spans)):
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(spans)} spans arrived in {timeout_seconds:g} s, not the expected ones")
            return spans

    def _receive(self, spans: list[Span]) -> None:
        with self._arrived:
            self._spans += spans
            self._arrived.notify_all()


def _handler_for(receive: Callable[[list[Span]], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            if length > BODY_LIMIT_BYTES:
                self.close_connection = True
                self._answer(413)
                return
            body = self.rfile.read(length)
            if self.path != TRACES_PATH:
                self._answer(404)
                return
            try:
                receive(parse_export(_decompress(body, self.headers.get("Content-Encoding", ""))))
            except MalformedExport:
                self._answer(400)
                return
            self._answer(200, ExportTraceServiceResponse().SerializeToString())

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: standard error belongs to the caller."""

    return Handler


def _decompress(body: bytes, encoding: str) -> bytes:
    try:
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedExport(str(error)) from error
    return body


def _parse_span(wire: WireSpan, service: str) -> Span:
    return Span(
        trace_id=wire.trace_id.hex(),
        span_id=wire.span_id.hex(),
        parent_id=wire.parent_span_id.hex() or None,
        name=wire.name,
        service=service,
        kind=WireSpan.SpanKind.Name(wire.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=_parse_attributes(wire.attributes),
        start_ns=wire.start_time_unix_nano,
        end_ns=wire.end_time_unix_nano,
        status=Status.StatusCode.Name(wire.status.code).removeprefix("STATUS_CODE_").lower(),
        status_message=wire.status.message,
        events=tuple(
            SpanEvent(event.name, _parse_attributes(event.attributes), event.time_unix_nano) for event in wire.events
        ),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in wire.links),
    )


def _parse_attributes(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    return {attribute.key: _parse_value(attribute.value) for attribute in attributes}


def _parse_value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_parse_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _parse_attributes(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)

"""The receiver of traces: decoding, trees, and a real exporter that sends to it."""

import gzip
import http.client
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from cli.demo.otlp_receiver import MalformedExport, OtlpReceiver, Span, build_tree, parse_export
from tests.support.patience import PATIENCE_SECONDS


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


def provider_for(receiver: OtlpReceiver, compression: Compression) -> TracerProvider:
    provider = TracerProvider(resource=Resource({"service.name": "releve-test"}))
    exporter = OTLPSpanExporter(
        endpoint=f"{receiver.endpoint}/v1/traces", compression=compression, timeout=PATIENCE_SECONDS
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def span(span_id: str, parent_id: str | None, start_ns: int = 0) -> Span:
    return Span("t", span_id, parent_id, span_id, "service", "internal", {}, start_ns, start_ns + 1, "unset")


def post(receiver: OtlpReceiver, path: str, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_spans_of_a_real_exporter_arrive_whole(receiver: OtlpReceiver, compression: Compression) -> None:
    provider = provider_for(receiver, compression)
    tracer = provider.get_tracer("test")

    with (
        tracer.start_as_current_span("request", kind=SpanKind.SERVER) as parent,
        tracer.start_as_current_span("call", attributes={"calls": 3, "lanes": ["bulk"]}) as child,
    ):
        child.set_status(Status(StatusCode.ERROR, "refused"))
        child.add_event("retry", {"attempt": 2})
    provider.shutdown()

    call, request = receiver.wait_until(lambda spans: len(spans) == 2, PATIENCE_SECONDS)
    assert (request.name, request.kind, request.service, request.parent_id) == (
        "request",
        "server",
        "releve-test",
        None,
    )
    assert request.trace_id == f"{parent.get_span_context().trace_id:032x}"
    assert (call.name, call.parent_id, call.status, call.status_message) == (
        "call",
        request.span_id,
        "error",
        "refused",
    )
    assert call.attributes == {"calls": 3, "lanes": ["bulk"]}
    assert [(event.name, event.attributes) for event in call.events] == [("retry", {"attempt": 2})]
    assert 0 <= call.seconds <= request.seconds


def test_links_are_kept(receiver: OtlpReceiver) -> None:
    from opentelemetry.trace import Link

    provider = provider_for(receiver, Compression.NoCompression)
    tracer = provider.get_tracer("test")
    plan = tracer.start_span("plan")
    tracer.start_span("job", links=[Link(plan.get_span_context())]).end()
    provider.shutdown()

    (job,) = receiver.wait_until(lambda spans: len(spans) == 1, PATIENCE_SECONDS)
    context = plan.get_span_context()
    assert job.links == ((f"{context.trace_id:032x}", f"{context.span_id:016x}"),)


def test_tree_puts_children_under_their_parent_by_start() -> None:
    spans = [span("late", "root", 5), span("leaf", "early", 2), span("early", "root", 1), span("root", None)]

    (root,) = build_tree(spans)

    assert [(depth, below.name) for depth, below in root.walk()] == [
        (0, "root"),
        (1, "early"),
        (2, "leaf"),
        (1, "late"),
    ]


def test_span_without_its_parent_is_a_root_of_its_own() -> None:
    roots = build_tree([span("root", None), span("lost", "missing", 1)])

    assert [root.span.name for root in roots] == ["root", "lost"]


def test_tree_of_one_trace_leaves_out_the_others(receiver: OtlpReceiver) -> None:
    provider = provider_for(receiver, Compression.NoCompression)
    tracer = provider.get_tracer("test")
    for name in ("one", "two"):
        tracer.start_span(name).end()
    provider.shutdown()
    one, _ = receiver.wait_until(lambda spans: len(spans) == 2, PATIENCE_SECONDS)

    assert [root.span.name for root in receiver.tree(one.trace_id)] == ["one"]


def test_waiting_wakes_up_when_a_span_arrives(receiver: OtlpReceiver) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="later")
    waits = threading.Event()

    def send_once_awaited() -> None:
        waits.wait(10)
        post(receiver, "/v1/traces", request.SerializeToString())

    def predicate(spans: tuple[Span, ...]) -> bool:
        waits.set()
        return bool(spans)

    sender = threading.Thread(target=send_once_awaited)
    sender.start()
    arrived = receiver.wait_until(predicate, PATIENCE_SECONDS)
    sender.join()

    assert [one.name for one in arrived] == ["later"]


def test_waiting_in_vain_ends() -> None:
    with OtlpReceiver() as receiver, pytest.raises(TimeoutError, match="0 spans arrived"):
        receiver.wait_until(bool, 0.01)


def test_what_is_not_an_export_is_refused(receiver: OtlpReceiver) -> None:
    with pytest.raises(MalformedExport):
        parse_export(b"\xff\xff not protobuf")

    statuses = [
        post(receiver, "/v1/traces", b"\xff\xff not protobuf"),
        post(receiver, "/v1/traces", b"not gzip", **{"Content-Encoding": "gzip"}),
        post(receiver, "/v1/traces", gzip.compress(b"\xff\xff"), **{"Content-Encoding": "gzip"}),
        post(receiver, "/v1/metrics", b""),
    ]

    assert statuses == [400, 400, 400, 404]
    assert receiver.spans() == ()

"""Of a caller's trace context only the ids are kept."""

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from shared.observability.propagation import TraceIdPropagator

PRM = "99999999999991"
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def carried(**headers: str) -> dict[str, str]:
    """What goes on to the next process after a request with these headers."""
    carrier: dict[str, str] = {}
    TraceIdPropagator().inject(carrier, TraceIdPropagator().extract(headers))
    return carrier


def test_the_ids_are_kept_and_tracestate_and_baggage_dropped() -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "tracestate": f"vendor={PRM}", "baggage": f"point={PRM}"}

    found = TraceIdPropagator().extract(headers)

    assert {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"} == carried(**headers)
    assert {} == dict(baggage.get_all(found))
    assert trace.get_current_span(found).get_span_context().is_remote


def test_a_caller_does_not_switch_tracing_off() -> None:
    assert f"00-{TRACE_ID}-{SPAN_ID}-01" == carried(traceparent=f"00-{TRACE_ID}-{SPAN_ID}-00")["traceparent"]


def test_malformed_context_changes_nothing() -> None:
    for traceparent in ("", "00", f"00-{'0' * 32}-{SPAN_ID}-01", f"ff-{TRACE_ID}-{SPAN_ID}-01", "x" * 10_000):
        assert {} == carried(traceparent=traceparent), traceparent[:60]
    before = Context({"other": 1})
    assert before is TraceIdPropagator().extract({}, before)


def test_it_writes_the_one_header_that_it_names() -> None:
    state = TraceState([("vendor", "own")])
    own = SpanContext(
        int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=False, trace_flags=TraceFlags(1), trace_state=state
    )
    carrier: dict[str, str] = {}

    TraceIdPropagator().inject(carrier, trace.set_span_in_context(NonRecordingSpan(own)))

    assert {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"} == carrier
    assert TraceIdPropagator().fields == set(carrier)

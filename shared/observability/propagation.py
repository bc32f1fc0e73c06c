"""Propagation of W3C trace context, reduced to trace and span ids.

A caller's `tracestate` and `baggage` are dropped: they may contain anything, and would be stored with jobs, sent
through the queue and forwarded to providers. Its sampling flag is ignored: a caller can't exclude its requests from
tracing.
"""

from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class TraceIdPropagator(TextMapPropagator):
    """Reads and writes `traceparent` alone."""

    def __init__(self) -> None:
        """Parse and format as the W3C recommendation says."""
        self._w3c = TraceContextTextMapPropagator()

    @property
    def fields(self) -> set[str]:
        """The headers that it writes."""
        return {"traceparent"}

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """``context`` with the caller's trace and span ids, sampled; unchanged if they are missing or malformed."""
        context = Context() if context is None else context
        found = trace.get_current_span(self._w3c.extract(carrier, Context(), getter)).get_span_context()
        if not found.is_valid:
            return context
        kept = SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=_SAMPLED)
        return trace.set_span_in_context(NonRecordingSpan(kept), context)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the current trace and span ids to ``carrier``."""
        current = trace.get_current_span(context).get_span_context()
        ids = SpanContext(current.trace_id, current.span_id, is_remote=False, trace_flags=current.trace_flags)
        self._w3c.inject(carrier, trace.set_span_in_context(NonRecordingSpan(ids)), setter)

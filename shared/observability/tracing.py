"""Tracing: set up once per process, with masked export.

Nothing is traced without an OTLP endpoint. Every span and log line passes a final filter that masks API keys, usage
point ids and the values of sensitive query parameters, without action by the caller.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link

from shared.observability.masking import MaskingExporter
from shared.observability.propagation import TraceIdPropagator


def start_tracing(service: str, endpoint: str) -> None:
    """Trace this process as ``service`` and instrument its clients; does nothing without an endpoint.

    Called once, at the start of an API process or a worker.
    """
    if not endpoint:
        return
    # Imported here only: with its dependencies it takes an eighth of the start time of a worker.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    # One second, because traces are usually viewed right after a request.
    provider.add_span_processor(BatchSpanProcessor(MaskingExporter(OTLPSpanExporter()), schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)
    propagate.set_global_textmap(TraceIdPropagator())

    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]  # the package does not type its constructor
    HTTPXClientInstrumentor().instrument()
    RedisInstrumentor().instrument()
    # Its version check does not include SQLAlchemy 2.1 yet; it works with the check skipped.
    SQLAlchemyInstrumentor().instrument(skip_dep_check=True)


def trace_web_app(app: Any) -> None:
    """Trace the requests of a FastAPI application."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health/,/metrics", exclude_spans=["receive", "send"])


def stop_tracing() -> None:
    """Flush the remaining spans; called once, when the process ends."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def current_trace_context() -> dict[str, str]:
    """The current trace context in W3C form, to be stored with a job; empty when nothing is traced."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def current_trace_id() -> str | None:
    """The current trace's id in hexadecimal, for support requests."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


@contextmanager
def continued_trace(carrier: Mapping[str, str]) -> Iterator[None]:
    """Continue a trace from another process: spans inside become its children."""
    token = attach(propagate.extract(carrier))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """A custom span, for a step that no library instruments."""
    with trace.get_tracer("releve").start_as_current_span(name, attributes=dict(attributes)):
        yield


@contextmanager
def linked_trace(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """A separate trace, linked to the current one: one part of a plan that may be long."""
    link = Link(trace.get_current_span().get_span_context())
    tracer = trace.get_tracer("releve")
    with tracer.start_as_current_span(name, context=Context(), links=[link], attributes=dict(attributes)):
        yield


@contextmanager
def untraced() -> Iterator[None]:
    """Suppress tracing for housekeeping, which would fill the trace viewer."""
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        yield

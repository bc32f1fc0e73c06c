"""Traces and logs: set up once a process, and made fit to leave it.

Nothing is traced without an OTLP endpoint. Whatever leaves the process, a span or a log line, passes a last filter that
masks API keys, usage point ids and the values of telling query parameters: no caller has to remember it.
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


def start_tracing(service: str, endpoint: str) -> None:
    """Trace this process as ``service`` and instrument its clients; does nothing without an endpoint.

    Called once, at the start of a process that serves or works.
    """
    if not endpoint:
        return
    # Only here: with what it needs it takes an eighth of a worker's start.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    # One second: who looks at a trace has just asked for something.
    provider.add_span_processor(BatchSpanProcessor(MaskingExporter(OTLPSpanExporter()), schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)

    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]  # the package does not type its constructor
    HTTPXClientInstrumentor().instrument()
    RedisInstrumentor().instrument()
    # Its check of versions does not know SQLAlchemy 2.1 yet; with the check skipped it works.
    SQLAlchemyInstrumentor().instrument(skip_dep_check=True)


def trace_web_app(app: Any) -> None:
    """Trace the requests of a FastAPI application."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health/,/metrics", exclude_spans=["receive", "send"])


def stop_tracing() -> None:
    """Send what is left; called once, when the process ends."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def current_trace_context() -> dict[str, str]:
    """The present trace in W3C form, to be kept with a job; empty when nothing is traced."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def current_trace_id() -> str | None:
    """The present trace's id in hexadecimal, for people to quote."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


@contextmanager
def continued_trace(carrier: Mapping[str, str]) -> Iterator[None]:
    """Go on in a trace that was begun elsewhere: what is done inside becomes a child of it."""
    token = attach(propagate.extract(carrier))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """A span of our own, for a step that no library sees."""
    with trace.get_tracer("releve").start_as_current_span(name, attributes=dict(attributes)):
        yield


@contextmanager
def linked_trace(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """A trace of its own, linked to the present one: a piece of a plan that may be long."""
    link = Link(trace.get_current_span().get_span_context())
    tracer = trace.get_tracer("releve")
    with tracer.start_as_current_span(name, context=Context(), links=[link], attributes=dict(attributes)):
        yield


@contextmanager
def untraced() -> Iterator[None]:
    """Do housekeeping without filling the trace viewer with it."""
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        yield

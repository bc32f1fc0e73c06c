"""Traces and logs: set up once a process, and made fit to leave it.

Nothing is traced without an OTLP endpoint. Whatever leaves the process, a span or a log line, passes a last filter that
masks API keys, usage point ids and the values of telling query parameters: no caller has to remember it.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status

_MASK = "***"
# A key may be a JWT, as other secrets are; each of its first two parts begins like that.
# Fourteen digits among hexadecimal ones may be part of an id of ours; those of a percent-encoded separator are not.
# A query stands after a question mark, or alone: so spans keep it.
_TELLING = re.compile(
    r"rlv_\w+"
    r"|(?-i:eyJ)[\w-]{8,}(?:\.[\w-]+){0,2}"
    r"|(?:(?<![0-9A-F])|(?<=%[0-9A-F]{2}))\d{14}(?![0-9A-F])"
    r"|(?<![^?&])((?:state|code|autorisation_id|usage_point_id|pointId|prm|token|client_secret)=)[^&\s\"']*",
    re.IGNORECASE,
)


# What a request's own span says of its URL, and of who sent it: an address of the internet is somebody's.
_OF_REQUESTS = re.compile(
    r"(http\.(url|target|client_ip|user_agent)|url\.(full|path|query)|user_agent\..*"
    r"|net\.(sock\.)?peer\..*|client\..*|network\.peer\..*)"
)


def mask(text: str) -> str:
    """The text without API keys, usage point ids and telling query values."""
    return _TELLING.sub(lambda found: (found[1] or "") + _MASK, text)


class MaskingExporter(SpanExporter):
    """Masks every text of a span before another exporter sends it."""

    def __init__(self, inner: SpanExporter) -> None:
        """Hand masked spans to ``inner``."""
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send masked copies."""
        return self._inner.export([_masked(span) for span in spans])

    def shutdown(self) -> None:
        """End the inner exporter."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner exporter."""
        return self._inner.force_flush(timeout_millis)


def _masked(span: ReadableSpan) -> ReadableSpan:
    status, attributes, name = span.status, span.attributes or {}, span.name
    if span.kind is SpanKind.SERVER:
        # The route tells what was asked for; a path that leads nowhere is the caller's own text.
        attributes = {key: value for key, value in attributes.items() if not _OF_REQUESTS.fullmatch(key)}
        name = name if "http.route" in attributes else name.split(" ", 1)[0]
    return ReadableSpan(
        name=mask(name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=_masked_values(attributes),
        events=[Event(mask(each.name), _masked_values(each.attributes), each.timestamp) for each in span.events],
        links=[Link(each.context, _masked_values(each.attributes)) for each in span.links],
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(status.status_code, status.description and mask(status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _masked_values(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {mask(str(name)): _masked_value(value) for name, value in (values or {}).items()}


def _masked_value(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case str():
            return mask(value)
        case int():
            text = mask(str(value))
            return value if text == str(value) else text
        case Mapping():
            return _masked_values(value)
        case list() | tuple() | set() | frozenset():
            return [_masked_value(each) for each in value]
        case _:
            # An exception, an address, a path: what would be written of it is its repr.
            return mask(repr(value))


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


def start_logging(level: str) -> None:
    """Write every log line of this process, whoever logs it, as one line of masked JSON on standard error."""
    processors: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask_event,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # The first two log each request with its URL, the others two lines for each task, and the sweeper is one.
    for chatty in ("httpx", "httpcore", "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines take names and values, not sentences put together."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return _masked_values(event)

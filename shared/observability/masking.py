"""Masks API keys, usage point ids and sensitive parameters in all log and trace output, without action by the
caller."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status

_MASK = "***"
# A key may be a JWT, as other secrets are; each of its first two parts begins with ``eyJ``.
# Fourteen digits next to hexadecimal ones may be part of an internal id; those of a percent-encoded separator are not.
# A query follows a question mark, or stands alone, as in spans.
_TELLING = re.compile(
    r"rlv_\w+"
    r"|(?-i:eyJ)[\w-]{8,}(?:\.[\w-]+){0,2}"
    r"|(?:(?<![0-9A-F])|(?<=%[0-9A-F]{2}))\d{14}(?![0-9A-F])"
    r"|(?<![^?&])((?:state|code|autorisation_id|usage_point_id|pointId|prm|token|client_secret)=)[^&\s\"']*",
    re.IGNORECASE,
)
# Attributes of a request span about its URL and its client: an IP address is personal data.
_OF_REQUESTS = re.compile(
    r"(http\.(url|target|client_ip|user_agent)|url\.(full|path|query)|user_agent\..*"
    r"|net\.(sock\.)?peer\..*|client\..*|network\.peer\..*)"
)


def mask(text: str) -> str:
    """The text without API keys, usage point ids and sensitive query values."""
    return _TELLING.sub(lambda found: (found[1] or "") + _MASK, text)


class MaskingExporter(SpanExporter):
    """Masks every text of a span before another exporter sends it."""

    def __init__(self, inner: SpanExporter) -> None:
        """Pass masked spans to ``inner``."""
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send masked copies."""
        return self._inner.export([_masked(span) for span in spans])

    def shutdown(self) -> None:
        """Shut down the inner exporter."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner exporter."""
        return self._inner.force_flush(timeout_millis)


def _masked(span: ReadableSpan) -> ReadableSpan:
    status, attributes, name = span.status, span.attributes or {}, span.name
    if span.kind is SpanKind.SERVER:
        # The route identifies the operation; an unknown path is arbitrary text of the client.
        attributes = {key: value for key, value in attributes.items() if not _OF_REQUESTS.fullmatch(key)}
        name = name if "http.route" in attributes else name.split(" ", 1)[0]
    return ReadableSpan(
        name=mask(name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=masked_values(attributes),
        events=[Event(mask(each.name), masked_values(each.attributes), each.timestamp) for each in span.events],
        links=[Link(each.context, masked_values(each.attributes)) for each in span.links],
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(status.status_code, status.description and mask(status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def masked_values(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values with every text masked, at any depth."""
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
            return masked_values(value)
        case list() | tuple() | set() | frozenset():
            return [_masked_value(each) for each in value]
        case _:
            # An exception, an address, a path: its repr would be written.
            return mask(repr(value))

"""Exported data contains no key, no usage point and no sensitive parameter: the mask, spans, trace contexts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, ProxyTracerProvider, Status, StatusCode

from shared.observability.masking import MaskingExporter, mask
from shared.observability.tracing import (
    continued_trace,
    current_trace_context,
    current_trace_id,
    start_tracing,
    stop_tracing,
)
from tests.support.cases import case

PRM, OTHER_PRM = "99999999999991", "88888888888882"
# A key of no account, the same in every process: it occurs in the names of tests.
KEY = "rlv_GgT409yz8b7ihOu5UustLAHe0E7pAfbmiGe2YQmGQ1U3AO9jL"
# And a key that is a JWT, also of no account, with "sub": ["99999999999991"] in base64.
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOlsiOTk5OTk5OTk5OTk5OTEiXX0.c3ludGhldGlj-_"
STATE = "synthetic-State_0123456789"
SECRETS = (PRM, OTHER_PRM, KEY, STATE, *TOKEN.split("."))


def leaked(text: str) -> list[str]:
    """The secrets of this test that a text contains."""
    return [secret for secret in SECRETS if secret in text]


# Masking a text


def test_what_tells_is_masked_and_the_rest_stays() -> None:
    cases: list[tuple[str, str]] = [
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer ***"),
        (f'{{"api_key":"{KEY}","n":1}}', '{"api_key":"***","n":1}'),
        (f"{KEY}{KEY}", "***"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer ***"),
        (f'{{"api_key":"{TOKEN}","n":1}}', '{"api_key":"***","n":1}'),
        (f"a token cut off: {TOKEN[:40]}… {TOKEN.split('.')[1]}.", "a token cut off: ***… ***."),
        ("Greyjoy.eyJ is no token", "Greyjoy.eyJ is no token"),
        (f"/v1/usage-points/{PRM}/readings", "/v1/usage-points/***/readings"),
        (f"/daily_production/{PRM}/start/2026-01-01/", "/daily_production/***/start/2026-01-01/"),
        (PRM, "***"),
        (f"{PRM};{OTHER_PRM},{PRM}", "***;***,***"),
        (f"points={PRM}%3B{OTHER_PRM}%2C{PRM}%20{PRM}", "points=***%3B***%2C***%20***"),
        (f"/x%2F{PRM}%2Fy", "/x%2F***%2Fy"),
        (f"KeyError('\\n{PRM}')", "KeyError('\\n***')"),
        (f"prm_{PRM} prm-{PRM} PRM{PRM} PRM:{PRM}.", "prm_*** prm-*** PRM*** PRM:***."),
        (f"/oauth/callback?autorisation_id=58249&state={STATE}", "/oauth/callback?autorisation_id=***&state=***"),
        (f"/cb?code=abc&STATE={STATE}&x=1", "/cb?code=***&STATE=***&x=1"),
        (f"state={STATE}&x=1", "state=***&x=1"),  # a query string as spans keep it, without its question mark
        (
            "https://enedis.example/a?pointId=123&dateDebut=2026-01-01",
            "https://enedis.example/a?pointId=***&dateDebut=2026-01-01",
        ),
        (f"/api/daily_consumption?prm={PRM}&start=2026-01-01", "/api/daily_consumption?prm=***&start=2026-01-01"),
        ("/api/x?start=2026-01-01&prm=1234567890123", "/api/x?start=2026-01-01&prm=***"),
        ("grant_type=client_credentials&client_secret=abc", "grant_type=client_credentials&client_secret=***"),
        (f'"GET /cb?state={STATE}" 200', '"GET /cb?state=***" 200'),
    ]

    for text, masked in cases:
        with case(text, masked):
            assert masked == mask(text)


def test_ids_dates_and_other_numbers_are_left_alone() -> None:
    cases: list[str] = [
        "9999999999991",  # 13 digits
        "999999999999911",  # 15 digits
        "up_12345678901234abcdef0123",
        "acct_0123456789abcdef01234567",
        "job_a12345678901234b01234567",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "2026-11-22T12:00:00.000001Z",
        "GET /v1/jobs?status=running&start=2026-01-01",
        "the state= of things",
        "",
    ]

    for text in cases:
        with case(text):
            assert text == mask(text)


@given(st.text(max_size=20), st.sampled_from([*SECRETS[:3]]), st.text(max_size=20))
def test_no_surrounding_but_hexadecimal_digits_hides_a_secret_from_the_mask(
    before: str, secret: str, after: str
) -> None:
    # A run of digits within hexadecimal ones may be an id of ours.
    before, after = before.rstrip("0123456789abcdefABCDEF"), after.lstrip("0123456789abcdefABCDEF")
    masked = mask(before + secret + after)

    assert secret not in masked
    assert masked == mask(masked)


# Spans


def exported(provider: TracerProvider) -> InMemorySpanExporter:
    """An exporter that keeps the spans it receives, after the mask."""
    kept = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(MaskingExporter(kept)))
    return kept


def test_a_span_leaves_without_its_secrets_and_else_unchanged() -> None:
    provider = TracerProvider()
    kept = exported(provider)
    tracer = provider.get_tracer("synthetic")
    with tracer.start_as_current_span("earlier") as earlier:
        link = Link(earlier.get_span_context(), {"prm": PRM})
    url = f"https://enedis.example/x?pointId={PRM}&state={STATE}"
    with tracer.start_as_current_span(f"GET /{PRM}", links=[link]) as current:
        current.set_attributes({"http.url": url, "keys": [KEY, "plain"], "count": 3, "ratio": 0.5, "number": int(PRM)})
        current.add_event(f"told {PRM}", {"key": KEY})
        current.record_exception(RuntimeError(f"no right to {PRM} with {KEY}"))
        current.set_status(Status(StatusCode.ERROR, f"no right to {PRM}"))

    span: ReadableSpan = kept.get_finished_spans()[1]

    assert [] == leaked(span.to_json())
    assert "GET /***" == span.name
    attributes = dict(span.attributes or {})
    assert ("***", "plain") == tuple(attributes.pop("keys"))  # type: ignore[arg-type]  # a sequence of texts, as set
    assert {
        "http.url": "https://enedis.example/x?pointId=***&state=***",
        "count": 3,
        "ratio": 0.5,
        "number": "***",
    } == attributes
    assert ["told ***", "exception"] == [event.name for event in span.events]
    assert "no right to *** with ***" == (span.events[1].attributes or {})["exception.message"]
    assert {"prm": "***"} == dict(span.links[0].attributes or {})
    assert StatusCode.ERROR is span.status.status_code
    context, now = current.get_span_context(), span.get_span_context()
    assert now is not None
    assert (context.trace_id, context.span_id) == (now.trace_id, now.span_id)
    assert "synthetic" == (span.instrumentation_scope and span.instrumentation_scope.name)


def test_the_exporter_behind_the_mask_is_flushed_and_ended_with_it() -> None:
    class Told(InMemorySpanExporter):
        flushed = False

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            self.flushed = True
            return False

    inner = Told()
    exporter = MaskingExporter(inner)

    assert exporter.force_flush() is False
    assert inner.flushed
    exporter.shutdown()
    assert inner._stopped


def test_a_trace_goes_on_where_its_context_was_carried() -> None:
    tracer = TracerProvider().get_tracer("synthetic")
    with tracer.start_as_current_span("request") as request:
        carrier = current_trace_context()
        trace_id = current_trace_id()

    with continued_trace(json.loads(json.dumps(carrier))), tracer.start_as_current_span("call") as call:
        pass

    parent = request.get_span_context()
    assert f"{parent.trace_id:032x}" == trace_id
    assert parent.trace_id == call.get_span_context().trace_id
    assert isinstance(call, ReadableSpan)
    assert parent.span_id == (call.parent and call.parent.span_id)


def test_outside_of_a_trace_there_is_nothing_to_carry() -> None:
    with continued_trace({}), continued_trace({"traceparent": "garbage"}):
        assert {} == current_trace_context()
        assert current_trace_id() is None


def test_a_carried_trace_ends_with_its_block_whatever_happens_in_it() -> None:
    def fail() -> None:
        with continued_trace({"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}):
            raise KeyError(current_trace_id())

    with pytest.raises(KeyError, match="ab" * 16):
        fail()
    assert current_trace_id() is None


def test_without_an_endpoint_nothing_is_traced() -> None:
    start_tracing("synthetic", "")
    stop_tracing()

    assert isinstance(trace.get_tracer_provider(), ProxyTracerProvider)

"""Each job of the plan has its own trace, linked to the plan that created it."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.consents.models import UsagePoint
from tests.support.worker import Person, Stage
from workers.refresh import refresh

pytestmark = pytest.mark.anyio


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans of the test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The public API sets it once for the whole process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def test_each_job_has_its_own_trace_linked_to_the_plans(
    stage: Stage, person: Person, house: UsagePoint, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("test").start_as_current_span("plan") as plan:
        made = await refresh(stage.resources)

    plans_trace = plan.get_span_context().trace_id
    roots = [span for span in spans.get_finished_spans() if span.name.startswith("refresh")]
    ids: Any = stage.redis.zrange(f"jobs:{person.account_id}", 0, -1)
    jobs = [await stage.resources.jobs.load_job(each.decode()) for each in ids]
    carried = [job.trace_context["traceparent"].split("-")[1] for job in jobs if job]
    own = {trace.format_trace_id(span.context.trace_id) for span in roots if span.context}
    assert made == len(roots) == len(own) == len(carried)
    assert own == set(carried)
    assert trace.format_trace_id(plans_trace) not in own
    assert [None] * made == [span.parent for span in roots]
    assert [[plans_trace]] * made == [[link.context.trace_id for link in span.links] for span in roots]


async def test_the_spans_of_a_plan_name_no_usage_point(
    stage: Stage, house: UsagePoint, spans: InMemorySpanExporter
) -> None:
    await refresh(stage.resources)

    assert house.prm not in " ".join(span.to_json() for span in spans.get_finished_spans())


async def test_a_plan_without_a_trace_makes_jobs_without_one(stage: Stage, person: Person, house: UsagePoint) -> None:
    await refresh(stage.resources)

    ids: Any = stage.redis.zrange(f"jobs:{person.account_id}", 0, -1)
    jobs = [await stage.resources.jobs.load_job(each.decode()) for each in ids]
    assert [{}] * len(jobs) == [dict(job.trace_context) for job in jobs if job]

"""One job is one trace: from the request through the queue to each call to Enedis, including retries."""

from collections.abc import Iterator, Sequence

from cli.demo.otlp_receiver import Node, Span
from cli.demo.plaintext import count_hits
from simulator.known_points import Profile
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import RESOURCES, Person, Stage, settled_days, trace_header


def is_provider_call(span: Span) -> bool:
    """Whether the span is a request to Enedis for measures."""
    return span.kind == "client" and any("mesure_synchrone" in str(value) for value in span.attributes.values())


def await_calls(stage: Stage, trace_id: str, calls: int) -> None:
    """Wait until ``calls`` calls to Enedis, and the tasks around them, have arrived in the trace."""

    def is_whole(spans: tuple[Span, ...]) -> bool:
        trace = [span for span in spans if span.trace_id == trace_id]
        arrived = {span.span_id for span in trace}
        asked = [span for span in trace if is_provider_call(span)]
        return len(asked) >= calls and all(span.parent_id in arrived for span in trace if span.kind != "server")

    stage.receiver.wait_until(is_whole, PATIENCE_SECONDS)


def ways(node: Node, above: tuple[Span, ...] = ()) -> Iterator[tuple[Span, ...]]:
    """Each path from a span down to a call to Enedis."""
    way = (*above, node.span)
    if is_provider_call(node.span):
        yield way
    for child in node.children:
        yield from ways(child, way)


def fetch_traced(stage: Stage, person: Person, usage_point_id: str, days: int) -> tuple[str, str]:
    """Fetch some days of a curve; returns the id of the trace and the job's final status."""
    trace_id, headers = trace_header()
    start, end = settled_days(days)
    job = person.wait_for(person.submit(usage_point_id, "consumption_load_curve", start, end, **headers))
    return trace_id, job["status"]


def kinds_and_places(way: Sequence[Span]) -> list[tuple[str, str]]:
    """The kind and process of each span."""
    return [(span.kind, span.service) for span in way]


WORKER, BULK_WORKER = "releve-worker-interactive", "releve-worker-bulk"


def test_every_call_to_enedis_hangs_on_the_request_through_the_queue(
    stage: Stage, person: Person, household: str
) -> None:
    trace_id, status = fetch_traced(stage, person, household, days=42)

    await_calls(stage, trace_id, calls=6)

    (root,) = stage.receiver.tree(trace_id)
    found = [kinds_and_places(way) for way in ways(root)]
    assert ("succeeded", 6) == (status, len(found))
    assert ("POST /v1/jobs", "server", "releve-api") == (root.span.name, root.span.kind, root.span.service)
    for way in found:
        assert [("server", "releve-api"), ("consumer", WORKER), ("client", WORKER)] == [way[0], *way[2:]]
        # The API enqueues the first calls; any worker that frees a place, or sweeps, enqueues the next.
        assert way[1] in [("producer", service) for service in ("releve-api", WORKER, BULK_WORKER)]


def test_a_call_that_is_tried_again_stays_in_its_trace(stage: Stage, person: Person, household: str) -> None:
    stage.enedis.fail(household, kind="technical_error")

    trace_id, status = fetch_traced(stage, person, household, days=7)
    await_calls(stage, trace_id, calls=2)

    (root,) = stage.receiver.tree(trace_id)
    found = list(ways(root))
    kinds = ["server", "producer", "consumer", "client"]
    assert ("succeeded", [kinds, kinds]) == (status, [[span.kind for span in way] for way in found])
    assert [500, 200] == [status_of(way[-1]) for way in found]
    assert [500, 200] == [call["status"] for call in stage.enedis.calls(household)]


def test_no_span_holds_a_key_a_state_a_usage_point_or_a_reading(stage: Stage) -> None:
    """This test's spans are all present; secrets of other tests are searched for too, and again after the last test."""
    person, usage_point_id = stage.new_person(), stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)
    stage.enedis.fail(usage_point_id, kind="html")
    trace_ids = []
    for dataset in RESOURCES:
        trace_id, headers = trace_header()
        headers |= {"tracestate": f"vendor={usage_point_id}", "baggage": f"key={person.api_key}"}
        trace_ids.append(trace_id)
        start, end = settled_days(14)
        person.wait_for(person.submit(usage_point_id, dataset, start, end, **headers))
        person.read(usage_point_id, dataset, start, end)
    # In unexpected places.
    stage.client.get(f"/v1/usage-points/{usage_point_id}/{person.api_key}", params={"state": person.seen.texts[2]})
    stage.client.get(
        "/api/daily_production", params={"prm": usage_point_id, "key": person.api_key}, headers=person.headers
    )

    for trace_id in trace_ids:
        await_calls(stage, trace_id, calls=1)

    assert 4 + 5 == len([*person.seen.texts, *person.seen.series])
    # The search finds each secret where it is.
    for secret in (*person.seen.texts, *(str({"values": values}) for values in person.seen.series)):
        assert count_hits(person.seen.secrets, secret.encode()) > 0
    assert b"mesure_synchrone" in stage.spans_text()
    assert 0 == stage.secrets_in_spans()


def status_of(span: Span) -> int:
    """The status of Enedis's response, under either of OpenTelemetry's attribute names."""
    return int(span.attributes.get("http.response.status_code", span.attributes.get("http.status_code", 0)))

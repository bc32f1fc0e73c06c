"""`/metrics`: operators' metrics, public, and without data of any account."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, JobStatus, Lane
from shared.quota.quota_status import KNOWN_KEY, slots_key
from tests.support.api_gateway import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

DAYS = DayRange(NOON.date().replace(day=1), NOON.date().replace(day=8))
WAVE = "2026-10-20/1"


@pytest.fixture(autouse=True)
def unwatched(built_api: FastAPI) -> None:
    """Expire the cached metrics: the application is shared with other tests."""
    built_api.state.meters._looked_at = float("-inf")


async def samples(stage: Stage) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every value, by its name and the values of its labels in the order of these."""
    answer = await stage.client.get("/metrics")
    assert 200 == answer.status_code
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_gateway_in_which_nothing_happened_tells_zeros(stage: Stage) -> None:
    found = await samples(stage)

    assert (0, 0, 0) == (
        found["releve_queue_messages", ("bulk",)],
        found["releve_calls_leased", ()],
        found["releve_refresh_calls_left", ()],
    )
    assert found["releve_refresh_next_timestamp_seconds", ()] > NOON.timestamp()


async def test_requests_are_counted_by_route_and_status_and_never_by_path(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    before = await samples(stage)
    for path in (f"/v1/usage-points/{PRM}", f"/v1/usage-points/{PRM}", f"/v1/usage-points/{PRM}9", f"/{PRM}"):
        await stage.client.get(path, headers=person.headers)
    await stage.client.request("SYNTHETIC", "/v1/jobs")

    after = await samples(stage)

    route = "/v1/usage-points/{usage_point_id}"
    counted = {key: after[key] - before.get(key, 0) for key in after if key[0] == "releve_http_requests_total"}
    assert {
        ("GET", route, "200"): 2,
        ("GET", route, "422"): 1,
        ("GET", "unknown", "404"): 1,
        ("other", "/v1/jobs", "405"): 1,
    } == {labels: count for (_, labels), count in counted.items() if count}
    took = ("releve_http_request_seconds_count", ("GET", route))
    assert 3 == after[took] - before.get(took, 0)


async def test_what_waits_what_ended_and_how_far_the_refresh_is(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    resources, now = stage.resources, datetime.now(UTC)
    planner = await resources.refreshes.claim_plan()
    assert planner is not None
    await resources.refreshes.begin_wave(WAVE, now, by_hand=False)
    series = Series(person.account.id, usage_point.id, "consumption_load_curve")
    jobs = [await resources.jobs.create_job(series, DAYS, Lane.BULK, [DAYS], {}, now) for _ in range(2)]
    await resources.refreshes.note_point(planner, WAVE, usage_point.id, jobs[:1], 0)
    await resources.job_service.send_next(now)
    await resources.job_metrics.note_settled(Lane.BULK, "ok", JobStatus.SUCCEEDED)
    await resources.job_metrics.note_settled(Lane.BULK, "provider_timeout", None)
    await resources.redis.sadd(KNOWN_KEY, "enedis:measures")
    await resources.redis.zadd(slots_key("enedis", "measures"), {"one": await stage.redis_now() - 60})
    await resources.redis.set(f"{slots_key('enedis', 'measures')}:closed", await stage.redis_now() + 600)
    await resources.ledger.start_call(CallTicket(jobs[0].id, 0), now, 12)

    found = await samples(stage)

    expected = {
        ("releve_queue_messages", ("bulk",)): 2,
        ("releve_queue_messages", ("interactive",)): 0,
        ("releve_line_places", ("bulk",)): 2,
        ("releve_calls_leased", ()): 2,
        ("releve_dead_calls", ()): 0,
        ("releve_calls_settled_total", ("bulk", "ok")): 1,
        ("releve_calls_settled_total", ("bulk", "provider_timeout")): 1,
        ("releve_jobs_ended_total", ("bulk", "succeeded")): 1,
        ("releve_slots_used", ("measures", "all", "enedis", "hour")): 1,
        ("releve_api_open", ("measures", "quota", "enedis")): 0,
        ("releve_api_open", ("measures", "answers", "enedis")): 1,
        ("releve_refresh_points", ()): 1,
        ("releve_refresh_planned", ()): 0,
        ("releve_refresh_calls", ()): 1,
        ("releve_refresh_calls_left", ()): 1,
    }
    assert expected == {key: found.get(key) for key in expected}


async def test_no_figure_is_anybodys(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    series = Series(person.account.id, usage_point.id, "consumption_load_curve")
    job = await stage.resources.jobs.create_job(series, DAYS, Lane.BULK, [DAYS], {}, NOON)
    await stage.resources.job_service.send_next(NOON)
    await stage.client.get(f"/v1/jobs/{job.id}", headers=person.headers)

    text = (await stage.client.get("/metrics")).text

    for secret in (PRM, person.account.id, person.api_key, usage_point.id, job.id):
        assert secret not in text


async def test_many_askers_at_once_are_one_look_at_the_stores(stage: Stage) -> None:
    await samples(stage)
    await stage.resources.job_metrics.note_settled(Lane.BULK, "ok", None)

    assert ("releve_calls_settled_total", ("bulk", "ok")) not in await samples(stage)


@pytest.fixture
async def without_redis(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a gateway whose Redis is down."""
    changes = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    app = create_app(Settings.model_validate(settings.model_dump(by_alias=True) | changes))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        yield client


async def test_without_redis_there_is_no_telling(without_redis: httpx.AsyncClient) -> None:
    answer = await without_redis.get("/metrics")

    assert (503, "service_unavailable") == (answer.status_code, answer.json()["code"])

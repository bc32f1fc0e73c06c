"""While a provider's circuit breaker is open: unavailable data is reported immediately, and costs no quota."""

from datetime import date

import pytest

from shared.consents.models import UsagePoint
from shared.quota.quota_status import circuit_key
from tests.support.api_gateway import PRM, Person, Stage
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

WEEK = {"usage_point_id": PRM, "dataset": "consumption_load_curve", "start": "2026-10-01", "end": "2026-10-08"}
READINGS = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"


# Longer than a test can take.
PAUSE_SECONDS = 3600


async def test_what_would_have_to_be_fetched_is_refused_with_the_time_and_the_place_of_what_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.leave_alone(PAUSE_SECONDS)

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    assert (503, "provider_down", True) == (answer.status_code, answer.json()["code"], answer.json()["retryable"])
    assert PAUSE_SECONDS - PATIENCE_SECONDS < int(answer.headers["Retry-After"]) <= PAUSE_SECONDS
    readings = "/v1/usage-points/{usage_point_id}/readings/consumption_load_curve"
    assert {"readings": readings} == answer.json()["links"]
    assert PRM not in answer.text


async def test_a_refused_request_leaves_no_job_and_counts_for_no_quota(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    before = (await stage.client.get("/v1/account", headers=person.headers)).json()["quotas"]
    await stage.leave_alone(PAUSE_SECONDS)

    await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    assert before == (await stage.client.get("/v1/account", headers=person.headers)).json()["quotas"]
    assert [] == await stage.resources.jobs.list_job_ids(usage_point.account_id)


async def test_what_is_stored_is_served_as_ever(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
    await stage.leave_alone(PAUSE_SECONDS)

    job = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)
    days = {"start": WEEK["start"], "end": WEEK["end"]}
    read = await stage.client.get(READINGS, params=days, headers=person.headers)

    assert (202, "succeeded") == (job.status_code, job.json()["status"])
    assert (200, 7 * 48) == (read.status_code, len(read.json()["readings"]))


async def test_what_another_api_has_is_fetched(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.leave_alone(PAUSE_SECONDS)

    answer = await stage.client.post(
        "/v1/jobs", json={"usage_point_id": PRM, "dataset": "contract"}, headers=person.headers
    )

    assert 202 == answer.status_code


async def test_when_the_pause_is_over_a_request_is_taken_and_tries(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.leave_alone(-1)

    assert 202 == (await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)).status_code


async def test_while_a_call_tries_nobody_else_is_let_in(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.leave_alone(-1)
    probe_ends = await stage.redis_now() + PAUSE_SECONDS
    await stage.resources.redis.hset(circuit_key("enedis", "measures"), "probe_ends", str(probe_ends))

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    assert 503 == answer.status_code

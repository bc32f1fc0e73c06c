"""Calls that were given up, for administrators."""

from datetime import timedelta

import pytest

from shared.consents import UsagePoint
from shared.models import CallTicket, DayRange, Lane, Series
from tests.integration.api.stage import NOON, PRM, Stage

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
DAYS = DayRange((NOON - timedelta(days=9)).date(), (NOON - timedelta(days=2)).date())


async def give_up(stage: Stage, usage_point: UsagePoint, code: str, upstream_code: str | None) -> str:
    """A job whose one call is given up."""
    series = Series(usage_point.account_id, usage_point.id, CURVE)
    job = await stage.parts.jobs.create_job(series, DAYS, Lane.BULK, [DAYS], {}, NOON)
    ticket = CallTicket(job.id, 0)
    await stage.parts.ledger.settle(ticket, code, NOON, is_dead=True, upstream_code=upstream_code)
    return job.id


async def test_calls_that_were_given_up_are_listed_with_the_reason_and_without_the_usage_points_number(
    stage: Stage, usage_point: UsagePoint
) -> None:
    first = await give_up(stage, usage_point, "provider_timeout", None)
    second = await give_up(stage, usage_point, "consent_lost", "ADAM-DC-0008")

    newest = await stage.client.get("/v1/admin/calls/dead", params={"limit": 1}, headers=stage.admin)
    after = newest.json()["next_after"]
    older = await stage.client.get("/v1/admin/calls/dead", params={"after": after}, headers=stage.admin)

    common = {
        "account_id": usage_point.account_id,
        "dataset": CURVE,
        "start": str(DAYS.start),
        "end": str(DAYS.end),
        "attempts": 0,
        "at": "2026-11-22T11:00:00Z",
    }
    assert [{**common, "job_id": second, "code": "consent_lost", "upstream_code": "ADAM-DC-0008"}] == [
        {**each, "at": common["at"]} for each in newest.json()["calls"]
    ]
    assert [{**common, "job_id": first, "code": "provider_timeout", "upstream_code": None}] == [
        {**each, "at": common["at"]} for each in older.json()["calls"]
    ]
    assert older.json()["next_after"] is None
    assert PRM not in newest.text + older.text


@pytest.mark.parametrize("after", ["", "0", "x-1", "99999999999999999999-0", "1-99999999999999999999"])
async def test_a_page_that_can_not_be_is_refused(after: str, stage: Stage) -> None:
    answer = await stage.client.get("/v1/admin/calls/dead", params={"after": after}, headers=stage.admin)

    assert 422 == answer.status_code


@pytest.mark.parametrize(("after", "status"), [("1-0", 200), ("0-0", 422), ("newest", 422), ("-1-0", 422)])
async def test_what_comes_before_everything_is_nothing_and_what_is_no_place_is_refused(
    stage: Stage, usage_point: UsagePoint, after: str, status: int
) -> None:
    await give_up(stage, usage_point, "provider_timeout", None)

    answer = await stage.client.get("/v1/admin/calls/dead", params={"after": after}, headers=stage.admin)

    assert status == answer.status_code
    assert [] == answer.json().get("calls", [])

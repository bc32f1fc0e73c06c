"""MyElectricalData v1: series from stored data, fetched first where days are missing."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, Lane
from shared.readings.models import Gap, Reason
from tests.support.api_gateway import NOON, PRM, Person, Stage
from tests.support.patience import PATIENCE_SECONDS
from tests.support.v1_requests import DAYS, ask, jobs, used

pytestmark = pytest.mark.anyio


async def do_the_call(stage: Stage, person: Person, call: list[Any]) -> None:
    """Finish a call as a worker does; the test has stored its days."""
    job_id, number = call
    ticket = CallTicket(job_id, number)
    await stage.resources.ledger.start_call(ticket, stage.clock.now, 10)
    await stage.resources.ledger.settle(ticket, "ok", stage.clock.now)
    await stage.resources.events.publish(person.account.id, "job.succeeded", {"job_id": job_id})


async def test_what_is_stored_is_answered_with_by_each_of_the_addresses(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    answers = [await ask(stage, person, DAYS + end) for end in ("", "/", "/cache", "/cache/")]
    bearer = await stage.client.get(DAYS, headers=person.headers)

    meter = bearer.json()["meter_reading"]
    assert [bearer.json()] * 4 == [answer.json() for answer in answers]
    assert (PRM, "2026-10-01", "2026-10-03", 96) == (
        *(meter[name] for name in ("usage_point_id", "start", "end")),
        len(meter["interval_reading"]),
    )
    assert {
        "value": "47",
        "date": "2026-10-02 00:00:00",
        "interval_length": "PT30M",
        "measure_type": "B",
    } == meter["interval_reading"][47]
    assert (0, 5) == await used(stage, person)


async def test_three_years_of_days_come_in_one_answer(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    end = NOON.date() + timedelta(days=2)
    start = end - timedelta(days=1095)
    await stage.store_months(usage_point, "daily_consumption_max_power", start, NOON.date())

    answer = await ask(stage, person, f"/daily_consumption_max_power/{PRM}/start/{start}/end/{end}/cache/")

    meter = answer.json()["meter_reading"]
    assert (200, 1093, "2026-10-20") == (answer.status_code, len(meter["interval_reading"]), meter["end"])
    assert {"value": "19", "date": "2026-10-19 19:00:00"} == meter["interval_reading"][-1]


@pytest.mark.parametrize(
    ("gap", "status"),
    [
        pytest.param(Reason.NO_MEASURE, 404, id="nothing measured"),
        pytest.param(Reason.CONSENT_LOST, 403, id="consent lost"),
        pytest.param(Reason.PROVIDER_ERROR, 503, id="asked in vain"),
    ],
)
async def test_where_nothing_is_stored_it_is_said_why(
    stage: Stage, person: Person, usage_point: UsagePoint, gap: Reason, status: int
) -> None:
    days = [date(2026, 10, 1), date(2026, 10, 2)]
    later = None if gap is Reason.NO_MEASURE else NOON + timedelta(hours=1)
    gaps = {day: Gap(day, day + timedelta(days=1), gap, ask_again_at=later) for day in days}
    await stage.store_curve(usage_point, days[0], date(2026, 10, 3), gaps)

    answer = await ask(stage, person)

    assert (status, ["detail"]) == (answer.status_code, list(answer.json()))
    assert (status == 503) == ("Retry-After" in answer.headers)


async def test_what_is_fetched_in_time_is_answered_with(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    asking = asyncio.create_task(ask(stage, person))
    call = await stage.take_task("interactive")
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await do_the_call(stage, person, call)

    answer = await asking

    assert (200, 96) == (answer.status_code, len(answer.json()["meter_reading"]["interval_reading"]))
    assert (1, 0) == await used(stage, person)


async def test_what_takes_longer_goes_on_and_the_next_try_joins_it(
    impatient: Stage, person: Person, usage_point: UsagePoint
) -> None:
    late = [await ask(impatient, person) for _ in range(2)]
    await impatient.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await do_the_call(impatient, person, await impatient.take_task("interactive"))
    served = await ask(impatient, person)

    assert [503, 503, 200] == [answer.status_code for answer in [*late, served]]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in late)
    assert [["detail"]] * 2 == [list(answer.json()) for answer in late]
    assert 1 == len(await jobs(impatient, person))
    assert (1, 2) == await used(impatient, person)


@pytest.mark.parametrize(
    ("lane", "start"),
    [
        pytest.param(Lane.BULK, date(2026, 10, 1), id="of the refresh"),
        pytest.param(Lane.INTERACTIVE, date(2026, 10, 2), id="of fewer days"),
    ],
)
async def test_a_job_that_may_take_hours_or_brings_too_little_is_not_waited_for(
    impatient: Stage, person: Person, usage_point: UsagePoint, lane: Lane, start: date
) -> None:
    series, days = Series(person.account.id, usage_point.id, "consumption_load_curve"), DayRange(start, NOON.date())
    other = await impatient.resources.jobs.create_job(series, days, lane, [days], {}, NOON)

    await ask(impatient, person)

    assert [date(2026, 10, 1)] == [job.start for job in await jobs(impatient, person) if job.id != other.id]
    assert (1, 0) == await used(impatient, person)


async def test_a_key_that_may_only_read_is_given_what_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers, json={"scopes": ["read"]})
    reader = Person(person.account, made.json()["api_key"])
    before = await ask(stage, reader)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    after = await ask(stage, reader)

    assert [403, 200] == [before.status_code, after.status_code]
    assert 48 == len(after.json()["meter_reading"]["interval_reading"])
    assert [] == await jobs(stage, person)


async def test_a_period_is_fetched_as_far_as_it_can_be_had(
    impatient: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await ask(impatient, person, f"/daily_consumption/{PRM}/start/2010-01-01/end/2027-01-01")

    (job,) = await jobs(impatient, person)
    assert (date(2023, 10, 6), date(2026, 10, 20)) == (job.start, job.end)


async def test_a_used_up_quota_is_409_and_takes_away_nothing_that_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 1})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)
    refused = await ask(stage, person)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    partly = await ask(stage, person)
    no_more = await ask(stage, person)

    assert [409, 200, 409] == [answer.status_code for answer in (refused, partly, no_more)]
    assert 48 == len(partly.json()["meter_reading"]["interval_reading"])
    assert "Retry-After" in refused.headers


async def test_a_provider_that_is_left_alone_is_asked_for_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.leave_alone(3600)

    answer = await ask(stage, person)

    assert 503 == answer.status_code
    assert 3600 - PATIENCE_SECONDS < int(answer.headers["Retry-After"]) <= 3600
    assert (0, 0) == await used(stage, person)

"""A suspended account: no provider is called for it, and its days record no failure."""

from datetime import UTC, datetime

import pytest

from shared.consents.models import ConsentStatus, UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.models import JobStatus, Lane
from tests.support.simulated_enedis import SOLAR_HOUSE
from tests.support.worker import Person, Stage, days_ago, half_hours_of
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"


async def set_suspended(stage: Stage, person: Person, suspended: bool) -> None:
    await stage.resources.administration.change_account(
        person.account_id, datetime.now(UTC), suspended=suspended, quotas={}
    )


async def test_a_call_that_waited_ends_with_the_reason_and_asks_nothing(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    job = await stage.submit(house, CURVE, DayRange(days_ago(30), days_ago(10)))
    await set_suspended(stage, person, True)
    before = len(stage.enedis.calls())

    await stage.work_off()

    ended = await stage.job(job)
    assert (JobStatus.FAILED, {"account_suspended": job.calls_total}) == (ended.status, ended.errors)
    assert before == len(stage.enedis.calls())
    assert {} == await stage.coverage(job)


async def test_the_days_are_fetched_once_the_account_is_resumed(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    days = DayRange(days_ago(12), days_ago(10))
    await set_suspended(stage, person, True)
    await stage.run(house, CURVE, days)
    await set_suspended(stage, person, False)

    job = await stage.run(house, CURVE, days)

    assert JobStatus.SUCCEEDED == job.status
    assert half_hours_of(days) == len(await stage.read(person, job))


async def test_a_consent_that_comes_back_meanwhile_is_not_exchanged(stage: Stage, person: Person) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(SOLAR_HOUSE))
    await set_suspended(stage, person, True)

    await stage.exchange.exchange(consent_id)

    consent = await stage.resources.consents.load(consent_id)
    assert (ConsentStatus.FAILED, "account_suspended") == (consent.status, consent.error_code)
    assert [] == await stage.resources.usage_points.list_for_account(person.account_id)


async def test_the_refresh_leaves_a_suspended_account_out_and_only_that_one(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    other = await stage.create_person()
    await stage.grant(other, SOLAR_HOUSE)
    await set_suspended(stage, person, True)

    await refresh(stage.resources)

    assert 0 == stage.redis.zcard(f"jobs:{person.account_id}")
    assert 0 < stage.redis.zcard(f"jobs:{other.account_id}")
    await set_suspended(stage, person, False)
    await refresh(stage.resources)
    assert 0 < stage.redis.zcard(f"jobs:{person.account_id}")
    assert stage.queued(str(Lane.BULK))

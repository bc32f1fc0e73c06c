"""`readings.updated`: published once per call that stored new data of a time series, and not otherwise."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from shared.consents.models import UsagePoint
from shared.core.calendar import PARIS, DayRange
from shared.jobs.models import Job, Lane
from shared.lifecycle.erasure import OWNER
from tests.support.worker import Person, Stage, days_ago

pytestmark = pytest.mark.anyio

CURVE, DAILY = "consumption_load_curve", "daily_consumption"
TWO_WEEKS = DayRange(days_ago(40), days_ago(26))


def updates(stage: Stage, person: Person) -> list[dict[str, str]]:
    return [data for kind, data in stage.events(person) if kind == "readings.updated"]


def told_of(job: Job) -> dict[str, str]:
    return {"usage_point_id": job.usage_point_id, "dataset": job.dataset, "job_id": job.id}


async def test_each_call_that_stored_something_new_tells_it_once(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    job = await stage.run(house, CURVE, TWO_WEEKS)

    assert [told_of(job)] * 2 == updates(stage, person)
    assert house.prm not in str(updates(stage, person))


async def test_what_is_stored_already_is_no_news(stage: Stage, person: Person, house: UsagePoint) -> None:
    await stage.run(house, CURVE, TWO_WEEKS)
    before = len(updates(stage, person))

    await stage.run(house, CURVE, TWO_WEEKS)

    assert before == len(updates(stage, person))


async def test_a_record_is_told_of_too(stage: Stage, person: Person, house: UsagePoint) -> None:
    job = await stage.run(house, "contract", DayRange(days_ago(0), days_ago(-1)))

    assert [told_of(job)] == updates(stage, person)


def at(hour: int) -> Any:
    return time_machine.travel(datetime.combine(days_ago(1), time(hour), PARIS), tick=False)


async def test_an_answer_that_brings_no_new_day_is_no_news_and_one_that_does_is(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    """A month is fetched whole each time: its older days are no news."""
    days = DayRange(days_ago(1) - timedelta(days=5), days_ago(1))
    stage.enedis.set(publication_hour=10)
    told = []
    try:
        for hour in (9, 12, 15):
            with at(hour):
                await stage.run(house, DAILY, days)
                told.append(len(updates(stage, person)))
    finally:
        stage.enedis.set(publication_hour=8)

    first, second, third = told
    assert first in (1, 2)  # of one month or of two
    assert second == first + 1
    assert third == second


async def test_nothing_new_is_told_of_a_failure(stage: Stage, person: Person, house: UsagePoint) -> None:
    stage.enedis.break_calls(code="900908", count=None)

    await stage.run(house, CURVE, TWO_WEEKS)

    assert [] == updates(stage, person)


async def test_what_was_told_of_an_erased_usage_point_goes_with_it(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    await stage.submit(house, CURVE, TWO_WEEKS, Lane.BULK)
    await stage.work_off(Lane.BULK)
    assert updates(stage, person)

    await stage.resources.erasure.erase_usage_point(house, OWNER, datetime.now(PARIS))

    assert [] == updates(stage, person)

"""The nightly refresh's plan: bulk jobs for missing data, for accounts with consent, each once."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import update

from shared.consents.models import ConsentStatus, UsagePoint
from shared.consents.usage_points import UsagePoints
from shared.core.calendar import PARIS
from shared.core.datasets import DATASETS, Direction
from shared.jobs.models import Job, JobStatus, Lane
from shared.resources import Resources
from shared.storage.tables import consents, usage_points
from tests.support.simulated_enedis import HEATED_HOUSE, PRODUCER, SOLAR_HOUSE
from tests.support.worker import Person, Stage, days_ago
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"


def at(day: date, hour: int, minute: int = 0) -> Any:
    """Set the clock to that time of a day in Paris."""
    return time_machine.travel(datetime.combine(day, time(hour, minute), PARIS), tick=False)


async def jobs_of(stage: Stage, account_id: str) -> list[Job]:
    """The jobs for time series that the refresh fetches, in order of creation."""
    ids: Any = stage.redis.zrange(f"jobs:{account_id}", 0, -1)
    found = [await stage.resources.jobs.load_job(each.decode()) for each in ids]
    jobs = [job for job in found if job is not None]
    return [job for job in jobs if DATASETS[job.dataset].is_series]


def series_of(*directions: Direction) -> set[str]:
    """The time series that the plan starts by itself: data derived from a curve needs no call."""
    return {
        name
        for name, dataset in DATASETS.items()
        if dataset.is_series
        and dataset.fetched_unasked
        and dataset.derived_from is None
        and dataset.direction in directions
    }


async def test_each_series_of_the_points_directions_gets_a_bulk_job(stage: Stage) -> None:
    expected = {}
    for prm, directions in {
        HEATED_HOUSE: [Direction.CONSUMPTION],
        PRODUCER: [Direction.PRODUCTION],
        SOLAR_HOUSE: [Direction.CONSUMPTION, Direction.PRODUCTION],
    }.items():
        person = await stage.create_person()
        await stage.grant(person, prm)
        expected[person.account_id] = series_of(*directions)

    await refresh(stage.resources)

    for account_id, series in expected.items():
        jobs = await jobs_of(stage, account_id)
        assert sorted(series) == sorted(job.dataset for job in jobs)
        assert {Lane.BULK} == {job.lane for job in jobs}
    assert [] == stage.queued("interactive")


async def test_a_series_of_which_nothing_is_known_begins_a_week_before_the_last_published_day(stage: Stage) -> None:
    for hour, last_days_ago in ((9, 1), (8, 1), (7, 2), (0, 2)):
        house = await stage.move_in(HEATED_HOUSE)
        with at(days_ago(0), hour):
            await refresh(stage.resources)

        jobs = {job.dataset: job for job in await jobs_of(stage, house.account_id)}
        end = days_ago(last_days_ago - 1)
        assert (end - timedelta(days=7), end) == (jobs[CURVE].start, jobs[CURVE].end), hour
        # The window of a daily series is the month.
        daily = jobs["daily_consumption_max_power"]
        assert ((end - timedelta(days=7)).replace(day=1), end) == (daily.start, daily.end), hour


async def test_a_series_that_is_current_is_left_alone(stage: Stage, person: Person, house: UsagePoint) -> None:
    await refresh(stage.resources)
    await stage.work_off(Lane.BULK)
    before = await jobs_of(stage, person.account_id)
    calls = len(stage.enedis.calls())

    again = await refresh(stage.resources)

    assert {JobStatus.SUCCEEDED} == {job.status for job in before}
    assert 0 == again
    assert calls == len(stage.enedis.calls())


async def test_the_next_morning_only_the_new_day_is_missing(stage: Stage, person: Person, house: UsagePoint) -> None:
    with at(days_ago(3), 9):
        await refresh(stage.resources)
        await stage.work_off(Lane.BULK)
    before = {job.id for job in await jobs_of(stage, person.account_id)}

    with at(days_ago(2), 9):
        await refresh(stage.resources)

    new = {job.dataset: job for job in await jobs_of(stage, person.account_id) if job.id not in before}
    assert (days_ago(3), days_ago(2)) == (new[CURVE].start, new[CURVE].end)
    # The curve provides the daily values; every other dataset has its weekday.
    assert "daily_consumption" not in new
    assert {1} == {job.calls_total for job in new.values()}


async def test_a_week_later_everything_is_fetched_again_in_one_call_each(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    with at(days_ago(10), 9):
        await refresh(stage.resources)
        await stage.work_off(Lane.BULK)
    before = {job.id for job in await jobs_of(stage, person.account_id)}

    with at(days_ago(3), 9):
        await refresh(stage.resources)

    new = {job.dataset: job for job in await jobs_of(stage, person.account_id) if job.id not in before}
    assert {CURVE: 1, "daily_consumption_max_power": 1} == {
        job.dataset: job.calls_total for job in new.values() if job.dataset != "daily_consumption"
    }
    assert (days_ago(10), days_ago(3)) == (new[CURVE].start, new[CURVE].end)


async def test_a_point_that_nobody_has_read_for_long_is_refreshed_once_a_week(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    long_ago = datetime.combine(days_ago(stage.resources.settings.dormant_after_days + 20), time(9), PARIS)
    await _change_consents(stage, granted_at=long_ago)
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(usage_points).values(created_at=long_ago))

    for days in range(9, 1, -1):
        with at(days_ago(days), 9):
            await refresh(stage.resources)
            await stage.work_off(Lane.BULK)

    made = await jobs_of(stage, person.account_id)
    assert {CURVE} == {job.dataset for job in made}
    # At first, and on its weekday.
    assert 2 <= len(made) <= 3


async def _expire(stage: Stage) -> None:
    await _change_consents(stage, expires_on=days_ago(0))


async def _revoke(stage: Stage) -> None:
    await _change_consents(stage, status=ConsentStatus.REVOKED)


async def _change_consents(stage: Stage, **values: Any) -> None:
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(consents).values(**values))


async def test_a_point_without_an_active_consent_is_left_alone(stage: Stage) -> None:
    for end_consent in (_expire, _revoke):
        await stage.move_in(HEATED_HOUSE)
        await end_consent(stage)

        assert 0 == await refresh(stage.resources), end_consent.__name__


class SmallPages(UsagePoints):
    """Returns the active usage points two at a time."""

    async def active_ids(self, now: datetime, after: str = "", limit: int = 2) -> list[str]:
        return await super().active_ids(now, after, limit)


def in_small_pages(resources: Resources) -> Resources:
    return replace(resources, usage_points=SmallPages(resources.database, resources.server))


async def test_every_point_is_planned_once_however_many_pages_they_fill(stage: Stage, person: Person) -> None:
    points = [await stage.grant(person, f"9900000000{number:04}") for number in range(2001, 2006)]

    await refresh(in_small_pages(stage.resources))

    planned = [job.usage_point_id for job in await jobs_of(stage, person.account_id) if job.dataset == CURVE]
    assert sorted(point.id for point in points if Direction.CONSUMPTION in point.directions) == sorted(planned)


async def test_of_two_plans_at_the_same_time_one_does_nothing(stage: Stage, person: Person, house: UsagePoint) -> None:
    made = await asyncio.gather(refresh(stage.resources), refresh(stage.resources))

    assert 0 == min(made)
    assert len(series_of(Direction.CONSUMPTION)) == len(await jobs_of(stage, person.account_id))


async def test_a_plan_that_failed_does_not_keep_the_next_one_away(
    stage: Stage, house: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[str]:
        raise OSError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(UsagePoints, "active_ids", broken)
        with pytest.raises(OSError, match="away"):
            await refresh(stage.resources)

    assert await refresh(stage.resources) > 0


async def test_a_point_that_can_not_be_read_does_not_keep_the_others_from_theirs(stage: Stage, person: Person) -> None:
    points = sorted([await stage.grant(person, f"9900000000{number:04}") for number in (2001, 2002, 2003)], key=_id)
    async with stage.resources.database.transaction() as connection:
        spoiled = update(usage_points).where(usage_points.c.id == points[0].id)
        # As after the loss of a server secret.
        await connection.execute(spoiled.values(prm_sealed=b"not what was sealed"))

    await refresh(stage.resources)

    planned = {job.usage_point_id for job in await jobs_of(stage, person.account_id)}
    assert {point.id for point in points[1:]} == planned


def _id(point: UsagePoint) -> str:
    return point.id


async def test_a_plan_that_is_made_twice_costs_no_call_twice(stage: Stage, house: UsagePoint) -> None:
    """The first plan's calls have not run yet: the second plan's calls find the days stored."""
    for minute in (0, 30):
        with at(days_ago(1), 9, minute):
            await refresh(stage.resources)
    await stage.work_off(Lane.BULK)

    assert 1 == len([call for call in stage.enedis.calls() if "courbe" in call["path"]])

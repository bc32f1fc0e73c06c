"""The list of an account's jobs: newest first, each once, even if jobs are added or removed between two pages."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs import job_pages as job_lists
from shared.jobs.job_pages import JobList, Place
from shared.jobs.models import Job, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, 15, 123457, tzinfo=UTC)
DAYS = DayRange(date(2026, 11, 1), date(2026, 11, 8))


async def create(redis: Redis, count: int, *, step: timedelta = timedelta(seconds=1), start: int = 0) -> list[Job]:
    """Create jobs, oldest first, ``step`` apart."""
    jobs, series = JobStore(redis, retention=timedelta(days=7)), Series("acct_1", "up_1", "consumption_load_curve")
    return [
        await jobs.create_job(series, DAYS, Lane.BULK, [DAYS], {}, NOW + step * n) for n in range(start, start + count)
    ]


async def pages(redis: Redis, limit: int) -> AsyncIterator[list[str]]:
    """The ids of each page, up to the last."""
    place: Place | None = None
    while True:
        page = await JobList(redis).load_page("acct_1", limit, place=place)
        yield [job.id for job in page.jobs]
        if page.next_place is None:
            return
        place = page.next_place


@pytest.mark.parametrize("step", [timedelta(seconds=1), timedelta(0)], ids=["apart", "at one moment"])
@pytest.mark.parametrize("count", [0, 1, 6, 7])
async def test_every_job_is_on_one_page(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, step: timedelta, count: int
) -> None:
    monkeypatch.setattr(job_lists, "_READ_AT_ONCE", 2)
    made = [job.id for job in await create(redis, count, step=step)]

    found = [page async for page in pages(redis, 3)]

    listed = [job_id for page in found for job_id in page]
    assert (made[::-1] if step else sorted(made, reverse=True)) == listed
    assert max(1, -(-count // 3)) == len(found)


async def test_what_comes_in_or_goes_away_between_two_pages_moves_none(redis: Redis) -> None:
    made = await create(redis, 6)
    listing = pages(redis, 2)
    first = await anext(listing)
    await create(redis, 3, start=10)
    # The last job of the returned page, and the first of the next one.
    await redis.zrem("jobs:acct_1", made[4].id)
    await redis.delete(f"job:{made[3].id}")

    rest = [job_id async for page in listing for job_id in page]

    assert [made[5].id, made[4].id] == first
    assert [made[2].id, made[1].id, made[0].id] == rest


async def test_days_are_cut_where_they_are_asked_for(redis: Redis) -> None:
    made = await create(redis, 5)

    page = await JobList(redis).load_page(
        "acct_1", 10, created_from=NOW + timedelta(seconds=1), created_before=NOW + timedelta(seconds=4)
    )

    assert [made[3].id, made[2].id, made[1].id] == [job.id for job in page.jobs]


async def test_few_among_many_are_looked_for_in_bounded_steps(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_lists, "_READ_AT_ONCE", 2)
    monkeypatch.setattr(job_lists, "MOST_EXAMINED", 4)
    made = await create(redis, 7)
    wanted = made[0].id

    first = await JobList(redis).load_page("acct_1", 1, wanted=lambda job: job.id == wanted)
    second = await JobList(redis).load_page("acct_1", 1, wanted=lambda job: job.id == wanted, place=first.next_place)

    assert ([], made[3].id) == (first.jobs, first.next_place and first.next_place.job_id)
    assert [wanted] == [job.id for job in second.jobs]

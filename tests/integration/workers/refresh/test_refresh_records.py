"""The records that the nightly refresh fetches, and those that it fetches only after a request."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.config.settings import Settings
from shared.core.calendar import month_start
from shared.core.datasets import Direction
from shared.core.errors import NoMeasure
from shared.jobs.models import Lane
from shared.readings.models import Coverage
from shared.readings.planning import published_until
from tests.support.household import Household, household
from tests.support.storing import save_window
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

PERSONAL = ["address", "identity", "contact"]


async def planned(home: Household) -> list[str]:
    """The datasets for which a refresh creates jobs."""
    before = {job.id for job in await home.jobs()}
    await refresh(home.resources)
    made = [job for job in await home.jobs() if job.id not in before]
    assert {Lane.BULK} >= {job.lane for job in made}
    return sorted(job.dataset for job in made)


async def test_nothing_personal_and_no_index_is_fetched_unasked(settings: Settings) -> None:
    async with household(settings, Direction) as home:
        assert [
            "consumption_load_curve",
            "contract",
            "daily_consumption_max_power",
            "production_load_curve",
        ] == await planned(home)


async def test_what_was_asked_for_once_is_kept_fresh(settings: Settings) -> None:
    async with household(settings) as home:
        for dataset in ("contract", *PERSONAL):
            home.provider.answers[dataset] = {"known": dataset}
            await home.fetch(dataset)

        young = await planned(home)
        for dataset in ("contract", *PERSONAL):
            await home.age(dataset, timedelta(days=30))
        old = await planned(home)

    assert not {"contract", *PERSONAL} & set(young)
    assert {"contract", *PERSONAL} <= set(old)


async def test_what_was_asked_for_and_not_there_is_asked_for_again_on_its_day(settings: Settings) -> None:
    async with household(settings) as home:
        home.provider.answers["identity"] = NoMeasure()
        await home.fetch("identity")
        assert "identity" not in await planned(home)
        (known,) = (await home.coverage("identity")).values()
        due = Coverage(
            known.window,
            known.fetched_at,
            known.since,
            known.through,
            tuple(type(gap)(gap.start, gap.end, gap.reason, ask_again_at=known.fetched_at) for gap in known.gaps),
        )
        await save_window(home.resources.readings, home.series("identity"), due, [], b"")

        assert "identity" in await planned(home)


async def test_an_index_goes_on_once_it_was_asked_for(settings: Settings) -> None:
    async with household(settings, Direction) as home:
        for dataset in ("consumption_index", "production_index"):
            now = datetime.now(UTC)
            day = published_until(now) - timedelta(days=8)
            known = Coverage(f"{day:%Y-%m}", now, month_start(day), day + timedelta(days=1))
            await save_window(home.resources.readings, home.series(dataset), known, [], b"")

            assert dataset in await planned(home), dataset


async def test_an_index_of_the_other_direction_is_never_fetched(settings: Settings) -> None:
    now = datetime.now(UTC)
    day = published_until(now) - timedelta(days=3)
    async with household(settings, [Direction.CONSUMPTION]) as home:
        known = Coverage(f"{day:%Y-%m}", now, day, day + timedelta(days=1))
        await save_window(home.resources.readings, home.series("production_index"), known, [], b"")

        assert "production_index" not in await planned(home)

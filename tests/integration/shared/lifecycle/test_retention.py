"""Retention: data older than the settings allow is deleted, newer data stays, even if runs are interrupted."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.config.settings import Settings
from shared.consents.models import ConsentStatus, GrantedPoint, UsagePoint
from shared.core.calendar import ONE_DAY, DayRange, day_start
from shared.core.datasets import Series
from shared.core.errors import NotFound
from shared.jobs.models import Lane
from shared.lifecycle.retention import CONSENTS_KEPT, Removed
from shared.readings.models import Coverage, Reading
from shared.resources import Resources, open_resources
from shared.storage.tables import consents, usage_points
from tests.support.states import take_state
from tests.support.storing import save_record, save_window

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 10, 20, 1, 40, tzinfo=UTC)
PRM = "99000000000471"
CURVE, DAILY = "consumption_load_curve", "daily_consumption"
TODAY = date(2026, 10, 20)


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    """The stores of a gateway that keeps readings for 100 days and audit events for 200."""
    kept = settings.model_copy(update={"readings_retention_days": 100, "audit_retention_days": 200})
    async with open_resources(kept) as opened:
        yield opened


@pytest.fixture
async def point(resources: Resources) -> UsagePoint:
    """A usage point."""
    return await new_point(resources, PRM, 1)


async def new_point(resources: Resources, prm: str, authorisation_id: int) -> UsagePoint:
    account, _ = await resources.accounts.create_account(NOW)
    consent, state = await resources.authorization_states.create(account.id, NOW)
    await take_state(resources.authorization_states, state, NOW, authorisation_id)
    await resources.grants.grant(consent.id, [GrantedPoint(prm)], NOW)
    return await resources.usage_points.find(account.id, prm)


def series_of(point: UsagePoint, dataset: str) -> Series:
    return Series(point.account_id, point.id, dataset)


async def store_day(resources: Resources, point: UsagePoint, days_ago: int) -> str:
    day = TODAY - timedelta(days=days_ago)
    key = await resources.accounts.load_public_key(point.account_id)
    readings = [Reading(day_start(day), "PT30M", 471)]
    known = Coverage(str(day), NOW, day, day + ONE_DAY)
    await save_window(resources.readings, series_of(point, CURVE), known, readings, key)
    return str(day)


async def test_days_older_than_the_limit_go_to_the_day(resources: Resources, point: UsagePoint) -> None:
    days = {ago: await store_day(resources, point, ago) for ago in (0, 99, 100, 101, 1000)}

    removed = await resources.retention.enforce(NOW)

    # The hundredth day before today is the oldest that is kept whole.
    assert 2 == removed.windows
    assert [days[100], days[99], days[0]] == await resources.readings.window_names(series_of(point, CURVE))


async def test_a_month_goes_when_its_last_day_is_too_old(resources: Resources, point: UsagePoint) -> None:
    key = await resources.accounts.load_public_key(point.account_id)
    for month in (date(2026, 6, 1), date(2026, 7, 1)):
        known = Coverage(f"{month:%Y-%m}", NOW, month, month + timedelta(days=30))
        await save_window(
            resources.readings, series_of(point, DAILY), known, [Reading(day_start(month), "P1D", 1)], key
        )

    await resources.retention.enforce(NOW)

    assert ["2026-07"] == await resources.readings.window_names(series_of(point, DAILY))


async def test_a_record_goes_when_it_was_fetched_too_long_ago(resources: Resources, point: UsagePoint) -> None:
    key = await resources.accounts.load_public_key(point.account_id)
    for dataset, days_ago in (("identity", 101), ("address", 99)):
        fetched = NOW - timedelta(days=days_ago)
        known = Coverage("current", fetched, fetched.date(), fetched.date() + ONE_DAY)
        await save_record(resources.readings, series_of(point, dataset), known, {"city": "SYNTHETIQUE"}, key)

    await resources.retention.enforce(NOW)

    assert [] == await resources.readings.window_names(series_of(point, "identity"))
    assert ["current"] == await resources.readings.window_names(series_of(point, "address"))


async def test_zero_keeps_for_ever(settings: Settings) -> None:
    kept = settings.model_copy(update={"readings_retention_days": 0, "audit_retention_days": 0})
    async with open_resources(kept) as resources:
        point = await new_point(resources, PRM, 1)
        await store_day(resources, point, 10_000)

        removed = await resources.retention.enforce(NOW + timedelta(days=10_000))

        assert (0, 0) == (removed.windows, removed.audit_events)


async def test_audit_events_older_than_the_limit_go_and_the_chain_holds(
    resources: Resources, point: UsagePoint
) -> None:
    before = len(await resources.audit.load_events(point.account_id))
    later = NOW + timedelta(days=201)
    await resources.audit.note(point.account_id, later, "key_1", "export.made")

    removed = await resources.retention.enforce(later)

    assert before >= 1
    assert before == removed.audit_events
    assert ["export.made"] == [event.action for event in await resources.audit.load_events(point.account_id)]
    assert await resources.audit.find_break(point.account_id) is None


async def test_consents_that_came_to_nothing_go_after_ninety_days(resources: Resources) -> None:
    account, _ = await resources.accounts.create_account(NOW)
    ages = {"old": CONSENTS_KEPT + timedelta(seconds=1), "young": CONSENTS_KEPT - timedelta(seconds=1)}
    made = {
        (status, name): (await resources.authorization_states.create(account.id, NOW - age))[0].id
        for status in ConsentStatus
        for name, age in ages.items()
    }
    async with resources.database.transaction() as connection:
        for (status, _), consent_id in made.items():
            await connection.execute(update(consents).where(consents.c.id == consent_id).values(status=status))

    await resources.retention.enforce(NOW)

    found = {row.id for row in await resources.database.read(select(consents.c.id))}
    came_to_nothing = (ConsentStatus.PENDING, ConsentStatus.REFUSED, ConsentStatus.FAILED)
    assert {(status, "old") for status in came_to_nothing} == {each for each, id_ in made.items() if id_ not in found}


async def test_a_consent_that_a_usage_point_rests_on_stays_whatever_it_is(
    resources: Resources, point: UsagePoint
) -> None:
    async with resources.database.transaction() as connection:
        await connection.execute(update(consents).values(status=ConsentStatus.FAILED))

    await resources.retention.enforce(NOW + timedelta(days=1000))

    assert point.id == (await resources.usage_points.load(point.id)).id
    assert 1 == len(await resources.database.read(select(usage_points.c.id)))


async def test_jobs_that_are_kept_no_longer_go_off_the_list_and_those_under_way_stay(
    resources: Resources, point: UsagePoint
) -> None:
    days = DayRange(TODAY - ONE_DAY, TODAY)
    long_ago = NOW - timedelta(days=resources.settings.job_retention_days, seconds=1)
    series = series_of(point, CURVE)
    gone = await resources.jobs.create_job(series, days, Lane.BULK, [], {}, long_ago)
    waiting = await resources.jobs.create_job(series, days, Lane.BULK, [days], {}, long_ago)
    await resources.redis.delete(f"job:{gone.id}")

    removed = await resources.retention.enforce(NOW)

    assert 1 == removed.jobs
    assert [waiting.id] == await resources.jobs.list_job_ids(point.account_id)


async def test_events_go_with_the_jobs_they_are_about(resources: Resources, point: UsagePoint) -> None:
    await resources.events.publish(point.account_id, "readings.updated", {})
    later = datetime.now(UTC) + timedelta(days=resources.settings.job_retention_days, minutes=1)

    await resources.retention.enforce(later)

    assert [] == await resources.events.next_events(point.account_id, "0-0", 0.01)


async def test_every_account_is_reached_page_by_page(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.lifecycle.retention._PAGE", 2)
    points = [await new_point(resources, f"9900000000{number:04}", number) for number in range(1, 6)]
    for point in points:
        await store_day(resources, point, 500)

    assert 5 == (await resources.retention.enforce(NOW)).windows


async def test_a_run_that_is_broken_off_is_taken_up_and_one_that_ended_finds_nothing(
    resources: Resources, point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await new_point(resources, "99000000000472", 2)
    for each in (point, other):
        await store_day(resources, each, 500)
    erase, calls = resources.readings.erase_windows, 0

    async def killed_the_second_time(series: Series, names: list[str]) -> int:
        nonlocal calls
        calls += bool(names)
        if calls == 2:
            raise NotFound
        return await erase(series, names)

    with monkeypatch.context() as broken:
        broken.setattr(resources.readings, "erase_windows", killed_the_second_time)
        with pytest.raises(NotFound):
            await resources.retention.enforce(NOW)

    assert [1, 0] == [(await resources.retention.enforce(NOW)).windows for _ in range(2)]


async def test_of_two_runs_at_once_one_does_nothing(resources: Resources, point: UsagePoint) -> None:
    await store_day(resources, point, 500)

    async with resources.jobs.alone("retention", 10):
        removed = await resources.retention.enforce(NOW)

    assert Removed() == removed

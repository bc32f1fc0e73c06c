"""Whole jobs through the fetcher: the requests to Enedis, the stored data, and the requests that are never sent."""

import asyncio
from datetime import date, datetime, timedelta

import pytest
import time_machine

from shared.consents.models import UsagePoint
from shared.core.calendar import PARIS, DayRange, day_of, day_seconds, day_start
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, JobStatus
from shared.readings.encoding import step_seconds
from shared.readings.models import Reason
from tests.support.simulated_enedis import HEATED_HOUSE, PRODUCER, SOLAR_HOUSE, WITH_GAPS, WITHOUT_CURVE
from tests.support.worker import Person, Stage, days_ago, half_hours_of

pytestmark = pytest.mark.anyio

MOVED_IN = ("99000000000088", date(2026, 3, 16))


def period(first_days_ago: int, days: int) -> DayRange:
    """A range of ``days`` days that starts ``first_days_ago`` days ago: old enough to be final."""
    start = days_ago(first_days_ago)
    return DayRange(start, start + timedelta(days=days))


async def test_a_job_ends_with_every_day_stored_for_the_persons_key(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    days = period(60, 30)

    job = await stage.run(house, "consumption_load_curve", days)

    assert (JobStatus.SUCCEEDED, 5, 5, 0) == (job.status, job.calls_total, job.calls_done, job.calls_failed)
    readings = await stage.read(person, job)
    seconds: dict[date, int] = {}
    for reading in readings:
        day = day_of(reading.start)
        seconds[day] = seconds.get(day, 0) + step_seconds(reading.step)
    assert {day: day_seconds(day) for day in _days(days)} == seconds
    assert {"complete"} == {known.state for known in (await stage.coverage(job)).values()}


async def test_a_job_costs_the_calls_that_were_planned_and_no_other(stage: Stage, house: UsagePoint) -> None:
    days = period(60, 30)

    await stage.run(house, "consumption_load_curve", days)

    week = timedelta(days=7)
    starts = [days.start + number * week for number in range(5)]
    assert [(str(start), str(min(start + week, days.end))) for start in starts] == stage.enedis.days_asked()


async def test_the_energies_of_a_month_are_the_sums_of_its_curves(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    days = period(60, 30)

    daily = await stage.run(house, "daily_consumption", days)
    curve = await stage.run(house, "consumption_load_curve", days)

    watt_seconds: dict[date, int] = {}
    for reading in await stage.read(person, curve):
        day = day_of(reading.start)
        watt_seconds[day] = watt_seconds.get(day, 0) + reading.value * step_seconds(reading.step)
    energies = {day_of(reading.start): reading.value for reading in await stage.read(person, daily)}
    assert {day: total / 3600 for day, total in watt_seconds.items()} == {day: energies[day] for day in watt_seconds}


async def test_a_peak_is_stored_with_its_instant(stage: Stage, person: Person, house: UsagePoint) -> None:
    job = await stage.run(house, "daily_consumption_max_power", period(40, 3))

    readings = await stage.read(person, job)

    assert len(readings) >= 3
    assert all(reading.at is not None and day_of(reading.at) == day_of(reading.start) for reading in readings)


async def test_production_is_stored_as_consumption_is(stage: Stage, person: Person) -> None:
    for prm in (SOLAR_HOUSE, PRODUCER):
        point = await stage.grant(person, prm)
        for dataset in ("daily_production", "production_load_curve"):
            job = await stage.run(point, dataset, period(40, 3))

            assert JobStatus.SUCCEEDED is job.status, (prm, dataset)
            assert {"complete"} == {known.state for known in (await stage.coverage(job)).values()}, (prm, dataset)
            assert sum(reading.value for reading in await stage.read(person, job)) > 0, (prm, dataset)


async def test_a_call_that_is_delivered_again_changes_nothing(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, "consumption_load_curve", period(40, 7))
    ticket = CallTicket(job.id, 0)

    for _ in range(3):
        await stage.fetcher.do_call(ticket)

    ended = await stage.job(job)
    assert (JobStatus.SUCCEEDED, 1) == (ended.status, ended.calls_done)
    assert 1 == len(stage.enedis.calls())
    assert stage.lease_of(ticket) is None


async def test_a_call_that_is_delivered_twice_at_once_is_done_once(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, "consumption_load_curve", period(40, 7))

    await asyncio.gather(*(stage.fetcher.do_call(CallTicket(job.id, 0)) for _ in range(8)))

    assert 1 == (await stage.job(job)).calls_done
    assert 1 == len(stage.enedis.calls())


async def test_a_call_of_no_job_is_nothing_to_do(stage: Stage) -> None:
    for ticket in (CallTicket("job_that_never_was", 0), CallTicket("", -1)):
        await stage.fetcher.do_call(ticket)

        assert [] == stage.enedis.calls(), ticket
        assert stage.lease_of(ticket) is None, ticket


async def test_days_that_another_job_has_stored_meanwhile_are_not_asked_for(stage: Stage, house: UsagePoint) -> None:
    days = period(40, 7)
    first = await stage.submit(house, "consumption_load_curve", days)
    second = await stage.submit(house, "consumption_load_curve", days)

    await stage.work_off()

    assert [JobStatus.SUCCEEDED] * 2 == [(await stage.job(job)).status for job in (first, second)]
    assert 1 == len(stage.enedis.calls())


async def test_a_call_asks_for_what_is_left_of_it_only(stage: Stage, house: UsagePoint) -> None:
    days = period(40, 7)
    await stage.run(house, "consumption_load_curve", DayRange(days.start, days.start + timedelta(days=3)))
    await stage.run(house, "consumption_load_curve", DayRange(days.end - timedelta(days=1), days.end))

    await stage.run(house, "consumption_load_curve", days)

    expected = (str(days.start + timedelta(days=3)), str(days.end - timedelta(days=1)))
    assert expected == stage.enedis.days_asked()[-1]


async def test_the_first_day_of_a_point_is_found_with_few_calls(stage: Stage, person: Person) -> None:
    prm, moved_in = MOVED_IN
    days = DayRange(date(2026, 1, 1), date(2026, 7, 1))

    job = await stage.run(await stage.grant(person, prm), "daily_consumption", days)

    coverage = await stage.coverage(job)
    assert JobStatus.SUCCEEDED is job.status
    assert {day_start(day) for day in _days(DayRange(moved_in, days.end))} == {
        reading.start for reading in await stage.read(person, job)
    }
    assert ["absent", "absent", "partial", "complete", "complete", "complete"] == [
        coverage[f"2026-0{month}"].state for month in range(1, 7)
    ]
    gaps = [gap for name in sorted(coverage) for gap in coverage[name].gaps]
    assert {Reason.BEFORE_ACTIVATION} == {gap.reason for gap in gaps}
    assert {None} == {gap.ask_again_at for gap in gaps}
    assert (date(2026, 3, 1), moved_in) == (gaps[-1].start, gaps[-1].end)
    # The refusal, and halving 181 days.
    assert 1 + 8 >= len(stage.enedis.calls())


async def test_days_before_a_point_was_in_service_are_never_asked_for_again(stage: Stage, person: Person) -> None:
    point = await stage.grant(person, MOVED_IN[0])
    days = DayRange(date(2026, 3, 12), date(2026, 3, 19))
    await stage.run(point, "consumption_load_curve", days)
    before = len(stage.enedis.calls())

    job = await stage.run(point, "consumption_load_curve", days)

    assert JobStatus.SUCCEEDED is job.status
    assert before == len(stage.enedis.calls())
    states = [(await stage.coverage(job))[f"2026-03-{day}"].state for day in range(12, 19)]
    assert ["absent"] * 4 + ["complete"] * 3 == states


async def test_an_absence_that_is_final_is_knowledge_and_no_failure(stage: Stage) -> None:
    days = period(40, 5)
    for code, reason in {
        "ADAM-ERR0125": Reason.BEYOND_HISTORY,
        "ADAM-DC-0016": Reason.BEYOND_HISTORY,
        "ADAM-ERR0075": Reason.CURVE_NOT_COLLECTED,
        "ADAM-ERR0069": Reason.WRONG_DIRECTION,
    }.items():
        house = await stage.move_in(HEATED_HOUSE)
        stage.enedis.break_calls(code=code, count=None)
        job = await stage.run(house, "consumption_load_curve", days)
        calls = len(stage.enedis.calls())

        again = await stage.run(house, "consumption_load_curve", days)

        assert [JobStatus.SUCCEEDED] * 2 == [job.status, again.status], code
        gaps = [gap for known in (await stage.coverage(job)).values() for gap in known.gaps]
        assert [(reason, None)] * 5 == [(gap.reason, gap.ask_again_at) for gap in gaps], code
        assert calls == len(stage.enedis.calls()), code


async def test_an_absence_does_not_take_away_what_is_stored(stage: Stage, person: Person) -> None:
    point = await stage.grant(person, WITH_GAPS)
    days = period(60, 28)
    before = await stage.run(point, "consumption_load_curve", days)
    stored = (await stage.coverage(before), await stage.read(person, before))
    stage.enedis.break_calls(code="ADAM-ERR0069", count=None)

    await stage.run(point, "consumption_load_curve", days)

    assert stored == (await stage.coverage(before), await stage.read(person, before))


async def test_days_without_a_measure_are_known_to_be_without(stage: Stage, person: Person) -> None:
    job = await stage.run(await stage.grant(person, WITHOUT_CURVE), "consumption_load_curve", period(40, 3))

    gaps = [gap for known in (await stage.coverage(job)).values() for gap in known.gaps]
    assert JobStatus.SUCCEEDED is job.status
    assert [(Reason.NO_MEASURE, None)] * 3 == [(gap.reason, gap.ask_again_at) for gap in gaps]


async def test_a_day_with_missing_points_keeps_those_that_it_has(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    stage.enedis.break_calls(kind="missing_points")

    day = period(40, 1)

    job = await stage.run(house, "consumption_load_curve", day)

    (known,) = (await stage.coverage(job)).values()
    assert ("partial", Reason.INCOMPLETE, True) == (known.state, known.gaps[0].reason, known.gaps[0].partial)
    # Every fifth is missing, from the third on.
    all_points = half_hours_of(day)
    assert all_points - len(range(2, all_points, 5)) == len(await stage.read(person, job))


async def test_a_day_that_may_still_be_published_is_asked_for_again_soon(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(kind="no_data")

    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=PARIS), tick=False):
        yesterday = DayRange(date(2026, 11, 22), date(2026, 11, 23))
        job = await stage.run(house, "consumption_load_curve", yesterday)

    (known,) = (await stage.coverage(job)).values()
    (gap,) = known.gaps
    assert Reason.NOT_PUBLISHED_YET is gap.reason
    assert gap.ask_again_at is not None
    assert timedelta(0) < gap.ask_again_at - known.fetched_at <= timedelta(days=1)


async def test_two_points_of_one_person_do_not_mix(stage: Stage, person: Person, house: UsagePoint) -> None:
    other = await stage.grant(person, SOLAR_HOUSE)
    days = period(40, 2)

    jobs = [await stage.run(point, "consumption_load_curve", days) for point in (house, other)]

    assert [Series(person.account_id, point.id, "consumption_load_curve") for point in (house, other)] == [
        job.series for job in jobs
    ]
    first, second = [await stage.read(person, job) for job in jobs]
    assert first != second
    assert {house.prm, other.prm} == {call["usage_point_id"] for call in stage.enedis.calls()}


def _days(days: DayRange) -> list[date]:
    return [days.start + timedelta(days=number) for number in range(days.days)]

"""The coverage that a response gives a window, and the requests of the nightly refresh that follow from it."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_seconds, day_start, days_between
from shared.core.datasets import DATASETS
from shared.readings.models import Coverage, Gap, Reading, Reason
from shared.readings.planning import absence_of, ask_again_at, coverage_of, published_until, refresh_windows
from tests.support.cases import case

CURVE, DAILY = DATASETS["consumption_load_curve"], DATASETS["daily_consumption"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD, YOUNG = date(2026, 3, 29), date(2026, 11, 21)
DAYS = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 1, 15), YOUNG]


def one_day(day: date) -> DayRange:
    return DayRange(day, day + ONE_DAY)


def november(start: int, end: int) -> DayRange:
    return DayRange(date(2026, 11, start), date(2026, 11, end))


def curve(day: date, step: str = "PT30M", seconds: int = 1800) -> list[Reading]:
    """Every reading of a day."""
    count = day_seconds(day) // seconds
    return [Reading(day_start(day) + timedelta(seconds=seconds * n), step, n) for n in range(count)]


def daily(*days: date) -> list[Reading]:
    return [Reading(day_start(day), "P1D", 9271) for day in days]


def whole(days: DayRange) -> dict[str, Coverage]:
    """Each day of a curve, stored and complete."""
    return {str(day): Coverage(str(day), NOW, day, day + ONE_DAY) for day in days_between(days.start, days.end)}


# The coverage of a response


def test_a_day_is_complete_when_its_readings_fill_it_however_long_it_is() -> None:
    steps: list[tuple[str, int]] = [("PT5M", 300), ("PT10M", 600), ("PT30M", 1800), ("PT60M", 3600)]

    for day in DAYS:
        for step, seconds in steps:
            with case(day, step, seconds):
                known = coverage_of(CURVE, one_day(day), curve(day, step, seconds), NOW)

                assert Coverage(str(day), NOW, day, day + ONE_DAY) == known
                assert "complete" == known.state


def test_a_day_without_one_of_its_readings_is_partial() -> None:
    for day in DAYS:
        with case(day):
            known = coverage_of(CURVE, one_day(day), curve(day)[1:], NOW)

            gap = Gap(day, day + ONE_DAY, Reason.INCOMPLETE, partial=True, ask_again_at=ask_again_at(day, NOW))
            assert (gap,) == known.gaps
            assert "partial" == known.state


def test_a_day_whose_step_changes_is_complete_when_both_parts_fill_it() -> None:
    readings = [*curve(OLD)[:20], *curve(OLD, "PT10M", 600)[60:]]

    assert "complete" == coverage_of(CURVE, one_day(OLD), readings, NOW).state
    assert "partial" == coverage_of(CURVE, one_day(OLD), readings[:-1], NOW).state


def test_a_day_of_which_nothing_came_has_no_measure_when_it_is_old_and_is_not_published_when_it_is_young() -> None:
    old, young = (coverage_of(CURVE, one_day(day), [], NOW) for day in (OLD, YOUNG))

    assert (Gap(OLD, OLD + ONE_DAY, Reason.NO_MEASURE),) == old.gaps
    assert (Gap(YOUNG, YOUNG + ONE_DAY, Reason.NOT_PUBLISHED_YET, ask_again_at=NOW + timedelta(hours=2)),) == young.gaps
    assert ("absent", "absent") == (old.state, young.state)


def test_a_month_tells_each_run_of_days_without_a_value() -> None:
    month = DayRange(date(2026, 3, 1), date(2026, 4, 1))
    there = [day for day in days_between(month.start, month.end) if day.day not in (5, 6, 7, 29)]

    known = coverage_of(DAILY, month, daily(*there), NOW)

    assert (
        Gap(date(2026, 3, 5), date(2026, 3, 8), Reason.NO_MEASURE),
        Gap(date(2026, 3, 29), date(2026, 3, 30), Reason.NO_MEASURE),
    ) == known.gaps
    assert ("2026-03", "partial") == (known.window, known.state)


def test_readings_outside_of_the_window_count_for_nothing() -> None:
    known = coverage_of(DAILY, november(10, 11), daily(date(2026, 11, 9), date(2026, 11, 11)), NOW)

    assert "absent" == known.state


@given(st.sets(st.integers(1, 31)), st.sampled_from([(2026, 1), (2026, 3), (2026, 10), (2026, 8)]))
def test_every_day_of_a_month_is_either_there_or_in_one_gap(numbers: set[int], month: tuple[int, int]) -> None:
    days = DayRange(date(*month, 1), date(*month, 31) + ONE_DAY)
    there = {date(*month, number) for number in numbers}

    known = coverage_of(DAILY, days, daily(*sorted(there)), NOW)

    lost = [day for gap in known.gaps for day in days_between(gap.start, gap.end)]
    assert sorted(set(days_between(days.start, days.end)) - there) == lost


def test_a_window_of_which_nothing_came_is_absent_for_one_reason() -> None:
    month = DayRange(date(2026, 3, 8), date(2026, 4, 1))
    again = NOW + timedelta(days=1)

    known = absence_of(DAILY, month, Reason.CONSENT_LOST, NOW, again)

    gap = Gap(month.start, month.end, Reason.CONSENT_LOST, ask_again_at=again)
    assert Coverage("2026-03", NOW, month.start, month.end, (gap,)) == known
    assert "absent" == known.state
    assert absence_of(DAILY, month, Reason.NO_MEASURE, NOW).gaps[0].ask_again_at is None


# The requests of the refresh


def test_a_series_of_which_nothing_is_known_begins_a_week_back() -> None:
    assert [one_day(date(2026, 11, n)) for n in range(15, 22)] == refresh_windows(CURVE, {}, NOW)
    assert [november(1, 22)] == refresh_windows(DAILY, {}, NOW)


def test_a_series_goes_on_from_its_newest_day() -> None:
    assert [one_day(date(2026, 11, n)) for n in (19, 20, 21)] == refresh_windows(CURVE, whole(november(1, 19)), NOW)


def test_a_series_that_is_current_asks_for_nothing() -> None:
    before_eight = datetime(2026, 11, 22, 7, 59, tzinfo=PARIS).astimezone(UTC)

    assert [] == refresh_windows(CURVE, whole(november(1, 22)), NOW)
    assert [] == refresh_windows(CURVE, whole(november(1, 21)), before_eight)
    assert [] == refresh_windows(CURVE, whole(november(1, 22)), before_eight)


def test_every_gap_worth_asking_again_is_asked_again_and_no_other_one() -> None:
    stored = whole(november(1, 22))
    for number, again in [(3, NOW), (5, NOW - timedelta(days=2)), (7, NOW + timedelta(seconds=1)), (9, None)]:
        day = date(2026, 11, number)
        gap = Gap(day, day + ONE_DAY, Reason.INCOMPLETE, ask_again_at=again)
        stored[str(day)] = Coverage(str(day), NOW, day, day + ONE_DAY, (gap,))

    assert [one_day(date(2026, 11, 3)), one_day(date(2026, 11, 5))] == refresh_windows(CURVE, stored, NOW)


def test_a_month_with_a_gap_and_new_days_is_asked_for_once() -> None:
    gap = Gap(date(2026, 11, 3), date(2026, 11, 4), Reason.NO_MEASURE, ask_again_at=NOW)
    stored = {"2026-11": Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 19), (gap,))}

    assert [november(1, 22)] == refresh_windows(DAILY, stored, NOW)


@given(st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)), st.integers(1, 40))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_after_a_night_without_gaps_the_next_refresh_the_same_day_is_empty(now: datetime, age: int) -> None:
    newest = published_until(now) - timedelta(days=age)
    stored = whole(DayRange(newest - timedelta(days=3), newest))

    asked = refresh_windows(CURVE, stored, now)

    assert [one_day(newest + timedelta(days=n)) for n in range(age)] == asked
    for window in asked:
        stored |= whole(window)
    assert [] == refresh_windows(CURVE, stored, now)

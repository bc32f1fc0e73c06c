"""Planning of fetches, by examples: limits, times, and the cases that cost or save a call."""

from datetime import UTC, date, datetime, timedelta

from shared.core.calendar import PARIS, DayRange, days_between
from shared.core.datasets import DATASETS
from shared.readings.models import Coverage, Gap, Reason
from shared.readings.planning import (
    ask_again_at,
    history_start,
    is_due,
    merge_gaps,
    missing_days,
    missing_windows,
    next_publication,
    plan_calls,
    published_until,
    window_name,
    windows_of,
)
from tests.support.cases import case

CURVE, DAILY = DATASETS["consumption_load_curve"], DATASETS["daily_consumption"]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)


def paris(text: str) -> datetime:
    """A time in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def november(start: int, end: int) -> DayRange:
    return DayRange(date(2026, 11, start), date(2026, 11, end))


def stored(days: DayRange) -> dict[str, Coverage]:
    """Each day of a curve as complete."""
    return {
        day.isoformat(): Coverage(day.isoformat(), NOW, day, day + timedelta(days=1))
        for day in days_between(days.start, days.end)
    }


def calls_for(wanted: DayRange, coverage: dict[str, Coverage], now: datetime = NOW) -> list[DayRange]:
    return plan_calls(CURVE, missing_windows(CURVE, wanted, coverage, now))


def test_history_goes_back_whole_months_and_a_fortnight() -> None:
    cases: list[tuple[datetime, date, date]] = [
        (NOW, date(2024, 11, 8), date(2023, 11, 8)),
        (datetime(2026, 3, 31, 12, tzinfo=UTC), date(2024, 3, 17), date(2023, 3, 17)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2026, 2, 14), date(2025, 2, 14)),
        (datetime(2026, 1, 10, 12, tzinfo=UTC), date(2023, 12, 27), date(2022, 12, 27)),
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), date(2024, 11, 8), date(2023, 11, 8)),  # tomorrow in Paris
    ]

    for now, oldest_curve, oldest_daily in cases:
        with case(now, oldest_curve, oldest_daily):
            assert (oldest_curve, oldest_daily) == (history_start(CURVE, now), history_start(DAILY, now))


def test_yesterday_is_published_at_eight_in_paris() -> None:
    cases: list[tuple[str, date, str]] = [
        ("2026-11-22T08:00", date(2026, 11, 22), "2026-11-23T08:00"),
        ("2026-11-22T07:59:59.999999", date(2026, 11, 21), "2026-11-22T08:00"),
        ("2026-11-22T00:00", date(2026, 11, 21), "2026-11-22T08:00"),
        ("2026-11-22T23:59", date(2026, 11, 22), "2026-11-23T08:00"),
        ("2026-03-29T08:00", date(2026, 3, 29), "2026-03-30T08:00"),
        ("2026-10-25T07:59", date(2026, 10, 24), "2026-10-25T08:00"),
        ("2027-01-01T07:00", date(2026, 12, 31), "2027-01-01T08:00"),
    ]

    for clock, first_unpublished, next_moment in cases:
        with case(clock, first_unpublished, next_moment):
            now = paris(clock).astimezone(UTC)

            assert first_unpublished == published_until(now)
            assert paris(next_moment) == next_publication(now)


def test_a_window_is_named_after_its_day_its_month_or_the_present() -> None:
    day = date(2026, 3, 29)

    assert ["2026-03-29", "2026-03", "current"] == [
        window_name(DATASETS[name], day) for name in ("consumption_load_curve", "daily_consumption", "contract")
    ]


def test_the_windows_of_a_range_are_whole_even_where_the_range_cuts_them() -> None:
    days = DayRange(date(2026, 1, 31), date(2026, 3, 2))

    assert [
        DayRange(date(2026, 1, 1), date(2026, 2, 1)),
        DayRange(date(2026, 2, 1), date(2026, 3, 1)),
        DayRange(date(2026, 3, 1), date(2026, 4, 1)),
    ] == windows_of(DAILY, days)
    assert 30 == len(windows_of(CURVE, days))


# How many calls


def test_two_years_of_curve_take_105_calls() -> None:
    two_years = DayRange(date(2024, 11, 22), TODAY)

    assert 105 == len(calls_for(two_years, {}))


def test_three_years_of_daily_values_take_four_calls() -> None:
    """Months are fetched whole: three years to the day touch 37 of them, and a call holds twelve or thirteen."""
    wanted = DayRange(date(2023, 11, 22), TODAY)

    assert 4 == len(plan_calls(DAILY, missing_windows(DAILY, wanted, {}, NOW)))


def test_what_is_stored_costs_nothing_and_a_day_more_costs_one_call() -> None:
    wanted = november(1, 21)
    coverage = stored(wanted)

    assert [] == calls_for(wanted, coverage)
    assert [november(21, 22)] == calls_for(november(2, 22), coverage)
    assert [DayRange(date(2026, 10, 31), date(2026, 11, 1))] == calls_for(
        DayRange(date(2026, 10, 31), date(2026, 11, 20)), coverage
    )


def test_a_call_runs_over_stored_days_when_that_saves_one() -> None:
    coverage = stored(november(3, 6))

    assert [november(1, 8)] == calls_for(november(1, 8), coverage)


def test_a_call_does_not_end_with_stored_days() -> None:
    coverage = stored(november(3, 15))

    assert [november(1, 3), november(15, 17)] == calls_for(november(1, 17), coverage)


def test_the_order_of_the_missing_windows_does_not_matter() -> None:
    windows = windows_of(CURVE, november(1, 21))

    assert plan_calls(CURVE, windows) == plan_calls(CURVE, windows[::-1])


def test_nothing_is_asked_before_history_nor_before_it_is_published() -> None:
    before_eight = paris("2026-11-22T07:00").astimezone(UTC)
    everything = DayRange(date(2020, 1, 1), date(2027, 1, 1))

    calls = calls_for(everything, {}, before_eight)

    assert (date(2024, 11, 8), date(2026, 11, 21)) == (calls[0].start, calls[-1].end)
    assert [] == calls_for(DayRange(TODAY, date(2027, 1, 1)), {})
    assert [] == calls_for(DayRange(date(2020, 1, 1), date(2024, 11, 8)), {})


def test_a_month_is_fetched_whole_for_one_day_of_it() -> None:
    assert [DayRange(date(2026, 9, 1), date(2026, 10, 1))] == missing_windows(
        DAILY, DayRange(date(2026, 9, 10), date(2026, 9, 11)), {}, NOW
    )
    assert [november(1, 22)] == missing_windows(DAILY, november(10, 11), {}, NOW)


def test_a_month_fetched_yesterday_is_fetched_again_only_for_the_day_that_came_since() -> None:
    until_yesterday = {"2026-11": Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 21))}

    assert [] == missing_windows(DAILY, november(1, 21), until_yesterday, NOW)
    assert [november(1, 22)] == missing_windows(DAILY, november(1, 22), until_yesterday, NOW)


# Gaps


def test_a_gap_is_due_from_its_moment_on_and_only_for_who_wants_its_days() -> None:
    gap = Gap(date(2026, 11, 5), date(2026, 11, 6), Reason.NO_MEASURE, ask_again_at=NOW)
    month = Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 21), (gap,))

    assert is_due(november(1, 21), month, NOW)
    assert is_due(november(5, 6), month, NOW)
    assert not is_due(november(1, 21), month, NOW - timedelta(microseconds=1))
    assert not is_due(november(1, 5), month, NOW)
    assert not is_due(november(6, 21), month, NOW)


def test_a_gap_that_is_final_is_never_due() -> None:
    gap = Gap(date(2026, 11, 5), date(2026, 11, 6), Reason.NO_MEASURE)
    month = Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 21), (gap,))

    assert not is_due(november(1, 21), month, NOW + timedelta(days=4000))


def test_a_day_without_value_is_asked_for_often_while_it_is_young_and_then_never() -> None:
    cases: list[tuple[timedelta, timedelta | None]] = [
        (timedelta(hours=-3), timedelta(hours=2)),
        (timedelta(), timedelta(hours=2)),
        (timedelta(days=2) - timedelta(seconds=1), timedelta(hours=2)),
        (timedelta(days=2), timedelta(hours=20)),
        (timedelta(days=7) - timedelta(seconds=1), timedelta(hours=20)),
        (timedelta(days=7), None),
        (timedelta(days=900), None),
    ]

    for since_publication, pause in cases:
        with case(since_publication, pause):
            now = paris("2026-11-11T08:00").astimezone(UTC) + since_publication

            assert (pause and now + pause) == ask_again_at(date(2026, 11, 10), now)


def test_when_to_ask_again_does_not_depend_on_the_time_zone_of_now() -> None:
    for clock in ["2026-03-30T08:30", "2026-10-26T07:30", "2026-10-25T01:30", "2026-03-28T23:30"]:
        with case(clock):
            local = paris(clock)
            last_day = date(2026, local.month, 27 if local.month == 3 else 23)

            from_utc, from_paris = (ask_again_at(last_day, each) for each in (local.astimezone(UTC), local))

            assert from_utc is not None
            assert from_paris is not None
            assert from_utc == from_paris.astimezone(UTC)


def test_missing_days_tells_the_whole_story_of_a_range() -> None:
    now = paris("2026-11-22T07:00").astimezone(UTC)
    gap = Gap(date(2024, 11, 10), date(2024, 11, 11), Reason.INCOMPLETE, partial=True)
    coverage = {
        **stored(DayRange(date(2024, 11, 9), date(2026, 11, 19))),
        "2024-11-10": Coverage("2024-11-10", now, gap.start, gap.end, (gap,)),
    }

    told = missing_days(CURVE, DayRange(date(2024, 11, 1), date(2026, 11, 24)), coverage, now)

    assert [
        Gap(date(2024, 11, 1), date(2024, 11, 8), Reason.BEYOND_HISTORY),
        Gap(date(2024, 11, 8), date(2024, 11, 9), Reason.NOT_FETCHED),
        gap,
        Gap(date(2026, 11, 19), date(2026, 11, 21), Reason.NOT_FETCHED),
        Gap(
            date(2026, 11, 21),
            date(2026, 11, 24),
            Reason.NOT_PUBLISHED_YET,
            ask_again_at=paris("2026-11-22T08:00"),
        ),
    ] == told


def test_neighbours_with_one_story_are_told_as_one_with_the_earliest_moment() -> None:
    first = Gap(date(2026, 11, 1), date(2026, 11, 2), Reason.NO_MEASURE, ask_again_at=NOW + timedelta(hours=2))
    second = Gap(date(2026, 11, 2), date(2026, 11, 3), Reason.NO_MEASURE, ask_again_at=NOW)
    third = Gap(date(2026, 11, 3), date(2026, 11, 4), Reason.NO_MEASURE)

    assert [Gap(first.start, third.end, Reason.NO_MEASURE, ask_again_at=NOW)] == merge_gaps([third, first, second])


def test_days_apart_or_of_another_story_stay_apart() -> None:
    apart = [
        Gap(date(2026, 11, 1), date(2026, 11, 2), Reason.NO_MEASURE),
        Gap(date(2026, 11, 3), date(2026, 11, 4), Reason.NO_MEASURE),
        Gap(date(2026, 11, 4), date(2026, 11, 5), Reason.INCOMPLETE),
        Gap(date(2026, 11, 5), date(2026, 11, 6), Reason.INCOMPLETE, partial=True),
    ]

    assert apart == merge_gaps(apart[::-1])
    assert [] == merge_gaps([])

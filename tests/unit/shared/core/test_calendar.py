"""Days of Europe/Paris: their length and bounds; months."""

import calendar as gregorian
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.calendar import (
    ONE_DAY,
    PARIS,
    day_of,
    day_seconds,
    day_start,
    days_between,
    month_start,
    months_before,
    next_month,
)
from tests.support.cases import case

YEARS = range(2015, 2036)
unhurried = settings(max_examples=60)


def last_sunday(year: int, month: int) -> date:
    last = date(year, month, gregorian.monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() + 1) % 7)


SPRING = {last_sunday(year, 3) for year in YEARS}
AUTUMN = {last_sunday(year, 10) for year in YEARS}
REAL_DAYS = [date.fromordinal(n) for n in range(date(2015, 1, 1).toordinal(), date(2036, 1, 1).toordinal())]

days = st.dates(date(2015, 1, 1), date(2035, 12, 31)) | st.sampled_from(sorted(SPRING | AUTUMN))


def test_a_day_has_46_half_hours_in_spring_50_in_autumn_and_48_else() -> None:
    half_hours = {day: day_seconds(day) / 1800 for day in REAL_DAYS}

    assert {day for day, count in half_hours.items() if count == 46} == SPRING
    assert {day for day, count in half_hours.items() if count == 50} == AUTUMN
    assert {46, 48, 50} == set(half_hours.values())


def test_a_day_starts_at_midnight_in_paris_and_is_counted_in_utc() -> None:
    assert datetime(2026, 1, 14, 23, tzinfo=UTC) == day_start(date(2026, 1, 15))
    assert datetime(2026, 7, 14, 22, tzinfo=UTC) == day_start(date(2026, 7, 15))
    assert UTC is day_start(date(2026, 7, 15)).tzinfo


@given(days)
@unhurried
def test_an_instant_belongs_to_the_day_whose_midnight_it_has_passed(day: date) -> None:
    start = day_start(day)

    assert day == day_of(start)
    assert day - ONE_DAY == day_of(start - timedelta(microseconds=1))
    assert day == day_of(day_start(day + ONE_DAY) - timedelta(microseconds=1))


def test_the_day_of_an_instant_does_not_depend_on_the_time_zone_it_is_written_in() -> None:
    instant = datetime(2026, 7, 14, 22, 30, tzinfo=UTC)

    assert date(2026, 7, 15) == day_of(instant)
    assert date(2026, 7, 15) == day_of(instant.astimezone(PARIS))


def test_days_between_gives_each_day_once_without_the_end() -> None:
    assert [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)] == list(
        days_between(date(2024, 2, 28), date(2024, 3, 2))
    )
    assert [] == list(days_between(date(2024, 3, 2), date(2024, 3, 2)))
    assert [] == list(days_between(date(2024, 3, 2), date(2024, 3, 1)))


@given(days)
@unhurried
def test_a_month_reaches_from_its_first_day_to_the_first_of_the_next(day: date) -> None:
    start, end = month_start(day), next_month(day)

    assert (1, 1) == (start.day, end.day)
    assert start <= day < end
    assert gregorian.monthrange(day.year, day.month)[1] == (end - start).days


def test_months_before_keeps_the_day_or_takes_the_last_of_a_shorter_month() -> None:
    cases: list[tuple[date, int, date]] = [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2024, 2, 29), 48, date(2020, 2, 29)),
        (date(2026, 12, 31), 1, date(2026, 11, 30)),
        (date(2026, 1, 31), 1, date(2025, 12, 31)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 12, 1), 12, date(2025, 12, 1)),
        (date(2026, 11, 22), 36, date(2023, 11, 22)),
        (date(2026, 8, 31), 0, date(2026, 8, 31)),
        (date(2100, 3, 31), 1, date(2100, 2, 28)),  # a century that is no leap year
    ]

    for day, months, expected in cases:
        with case(day, months, expected):
            assert expected == months_before(day, months)


@given(days, st.integers(0, 120))
@unhurried
def test_months_before_goes_back_exactly_that_many_months(day: date, months: int) -> None:
    earlier = months_before(day, months)

    assert months == (day.year - earlier.year) * 12 + day.month - earlier.month
    assert min(day.day, gregorian.monthrange(earlier.year, earlier.month)[1]) == earlier.day

"""Days of Europe/Paris: their length, their bounds, months, and telling the hour that comes twice apart."""

import calendar as gregorian
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar import (
    ONE_DAY,
    PARIS,
    day_of,
    day_seconds,
    day_start,
    days_between,
    month_start,
    months_before,
    next_month,
    resolve_wall_times,
)

YEARS = range(2015, 2036)
STEPS_MINUTES = (5, 10, 15, 30, 60)
unhurried = settings(deadline=None)


def last_sunday(year: int, month: int) -> date:
    last = date(year, month, gregorian.monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() + 1) % 7)


SPRING = {last_sunday(year, 3) for year in YEARS}
AUTUMN = {last_sunday(year, 10) for year in YEARS}
REAL_DAYS = [date.fromordinal(n) for n in range(date(2015, 1, 1).toordinal(), date(2036, 1, 1).toordinal())]

days = st.dates(date(2015, 1, 1), date(2035, 12, 31)) | st.sampled_from(sorted(SPRING | AUTUMN))


def interval_ends(day: date, step_minutes: int = 30) -> list[datetime]:
    """The instants at which the intervals of a day end, counted in UTC."""
    count = day_seconds(day) // 60 // step_minutes
    return [day_start(day) + timedelta(minutes=step_minutes * (n + 1)) for n in range(count)]


def labels_of(instants: list[datetime]) -> list[datetime]:
    """What a provider writes for them: the clock on a Paris wall, with nothing that tells the two hours apart."""
    return [instant.astimezone(PARIS).replace(tzinfo=None, fold=0) for instant in instants]


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


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


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
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
    ],
)
def test_months_before_keeps_the_day_or_takes_the_last_of_a_shorter_month(
    day: date, months: int, expected: date
) -> None:
    assert expected == months_before(day, months)


@given(days, st.integers(0, 120))
@unhurried
def test_months_before_goes_back_exactly_that_many_months(day: date, months: int) -> None:
    earlier = months_before(day, months)

    assert months == (day.year - earlier.year) * 12 + day.month - earlier.month
    assert min(day.day, gregorian.monthrange(earlier.year, earlier.month)[1]) == earlier.day


# Wall times


def test_the_half_hours_of_a_year_and_of_every_change_are_found_again_from_their_labels() -> None:
    tried = {day for day in REAL_DAYS if day.year == 2026} | SPRING | AUTUMN
    wrong = [day for day in sorted(tried) if interval_ends(day) != resolve_wall_times(labels_of(interval_ends(day)))]

    assert [] == wrong


@pytest.mark.parametrize("step_minutes", STEPS_MINUTES)
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 1, 15)])
def test_every_step_is_found_again_on_the_days_when_the_clock_changes(day: date, step_minutes: int) -> None:
    instants = interval_ends(day, step_minutes)

    assert instants == resolve_wall_times(labels_of(instants))


def test_a_week_in_one_answer_is_found_again_over_the_change() -> None:
    instants = [end for day in days_between(date(2026, 10, 22), date(2026, 10, 29)) for end in interval_ends(day)]

    assert instants == resolve_wall_times(labels_of(instants))


def test_nothing_resolves_to_nothing() -> None:
    assert [] == resolve_wall_times([])


@given(days, st.sampled_from(STEPS_MINUTES), st.data())
@unhurried
def test_missing_points_move_no_other_point_unless_the_whole_telling_order_is_gone(
    day: date, step_minutes: int, data: st.DataObject
) -> None:
    instants = interval_ends(day, step_minutes)
    kept = [each for each in instants if data.draw(st.integers(0, 3))]
    labels = labels_of(kept)
    twice = [n for n, each in enumerate(kept) if day in AUTUMN and labels[n].hour == 2]
    second = [n for n in twice if kept[n].astimezone(PARIS).fold]
    first = [n for n in twice if n not in second]
    # The second coming shows only where a label does not advance on the last one of the first coming.
    can_be_told = not second or bool(first and labels[second[0]] <= labels[first[-1]])

    resolved = resolve_wall_times(labels)

    assert can_be_told == (kept == resolved)
    assert [each for n, each in enumerate(kept) if n not in second] == [
        each for n, each in enumerate(resolved) if n not in second
    ]


@given(days, st.sampled_from(STEPS_MINUTES), st.data())
@unhurried
def test_whatever_is_missing_the_instants_advance_and_show_the_labels_they_came_from(
    day: date, step_minutes: int, data: st.DataObject
) -> None:
    instants = interval_ends(day, step_minutes)
    labels = labels_of([each for each in instants if data.draw(st.booleans())])

    resolved = resolve_wall_times(labels)

    assert sorted(set(resolved)) == resolved
    assert labels == labels_of(resolved)


@pytest.mark.parametrize(
    ("kept", "resolved_utc"),
    [
        # Told apart, because a label comes again or goes back.
        (["02:00", "02:30", "02:00", "02:30"], ["00:00", "00:30", "01:00", "01:30"]),
        (["02:30", "02:00"], ["00:30", "01:00"]),
        (["02:30", "02:30"], ["00:30", "01:30"]),
        (["02:00", "02:00", "02:30"], ["00:00", "01:00", "01:30"]),
        # Impossible to tell: as written, both comings look alike. The first is assumed, an hour may be misplaced.
        (["02:00", "02:30"], ["00:00", "00:30"]),
        (["02:30"], ["00:30"]),
    ],
)
def test_in_october_the_second_coming_is_told_by_a_label_that_does_not_advance(
    kept: list[str], resolved_utc: list[str]
) -> None:
    labels = [wall(f"2026-10-25T{clock}") for clock in ["01:30", *kept, "03:00"]]
    expected = [f"2026-10-25T{clock}+00:00" for clock in resolved_utc]

    assert [wall(text) for text in expected] == resolve_wall_times(labels)[1:-1]


def test_a_label_that_no_clock_showed_in_march_is_the_same_moment_after_the_jump() -> None:
    labels = [wall("2026-03-29T01:30"), wall("2026-03-29T02:00"), wall("2026-03-29T03:30")]

    assert [datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)] == resolve_wall_times(
        labels
    )[:2]


def test_a_label_that_comes_twice_on_a_day_without_change_stays_the_same_instant() -> None:
    label = wall("2026-01-15T02:30")

    assert [datetime(2026, 1, 15, 1, 30, tzinfo=UTC)] * 2 == resolve_wall_times([label, label])

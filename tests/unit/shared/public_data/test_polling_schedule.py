"""When public data is read, and for which days: in Paris time, including days of clock changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of
from shared.core.public_datasets import ECOWATT, PUBLIC_DATASETS, TEMPO, PublicDataset
from shared.public_data.polling_schedule import (
    LONGEST_REST,
    MOST_LATER_SECONDS,
    current_days,
    history_days,
    is_due,
    is_soon,
    newest_span,
    next_day,
    rest_after_failure,
)
from tests.support.cases import case

# Winter, summer, and the days of clock changes.
DAYS = [date(2026, 12, 8), date(2026, 7, 14), date(2026, 3, 29), date(2026, 10, 25)]
LATER = timedelta(minutes=4)
NONE = timedelta()
MINUTE = timedelta(minutes=1)


def paris(day: date, clock: str) -> datetime:
    """A time in Paris."""
    return datetime.combine(day, time.fromisoformat(clock), PARIS).astimezone(UTC)


def readings(
    dataset: PublicDataset,
    day: date,
    is_known: Callable[[date, datetime], bool],
    later: timedelta = NONE,
    last: datetime | None = None,
) -> list[str]:
    """The times of reads on a day, checked each minute; all calls succeed and are at least their pause apart."""
    succeeded_at, found = last or paris(day - ONE_DAY, "17:30"), []
    now, end = paris(day, "00:00"), paris(day + ONE_DAY, "00:00")
    while now < end:

        def known(each: date, at: datetime = now) -> bool:
            return is_known(each, at)

        rested = now - succeeded_at >= timedelta(seconds=dataset.least_pause_seconds)
        if rested and is_due(dataset, succeeded_at, known, later, now):
            succeeded_at = now
            found.append(now.astimezone(PARIS).strftime("%H:%M"))
        now += MINUTE
    return found


def _is_past(today: date, each: date, _: datetime) -> bool:
    return each <= today


def _is_past_or_binds(today: date, each: date, now: datetime) -> bool:
    return each <= today or now >= paris(today, "07:00")


def test_tomorrow_is_sought_from_half_past_six_until_the_evening_while_nobody_says_it() -> None:
    for day in DAYS:
        with case(day):
            found = readings(TEMPO, day, partial(_is_past, day))

            mornings = ["06:30", "07:00", "07:30", "08:00", "08:30", "09:00", "09:30", "10:00"]
            assert [*mornings, "10:45", "11:20", *(f"{hour}:20" for hour in range(12, 18))] == found


def test_a_colour_that_is_known_early_is_read_again_when_it_binds() -> None:
    for day in DAYS:
        with case(day):
            found = readings(TEMPO, day, partial(_is_past_or_binds, day))

            assert ["06:30", "10:45", "11:20"] == found


def test_each_gateway_reads_somewhat_later_than_the_others() -> None:
    found = readings(TEMPO, DAYS[0], lambda *_: True, LATER)

    assert ["10:49", "11:24"] == found


def test_a_colour_that_comes_at_noon_ends_the_search() -> None:
    found = readings(TEMPO, DAYS[0], lambda each, now: each <= DAYS[0] or now >= paris(DAYS[0], "12:21"))

    assert ["10:45", "11:20", "12:20"] == found[-3:]


def test_nothing_is_asked_between_the_evening_and_the_morning_although_today_is_unknown() -> None:
    day = DAYS[0]

    assert not is_due(TEMPO, paris(day - ONE_DAY, "17:25"), lambda _: False, LATER, paris(day, "03:00"))


def test_a_gateway_that_was_away_reads_at_once_whatever_the_time() -> None:
    day = DAYS[0]

    assert is_due(TEMPO, paris(day - 3 * ONE_DAY, "11:20"), lambda _: True, LATER, paris(day, "03:00"))
    assert is_due(TEMPO, None, lambda _: True, LATER, paris(day, "03:00"))


def test_a_reading_that_failed_remains_due_until_one_succeeds() -> None:
    day = DAYS[0]
    before = paris(day, "10:10")

    assert is_due(TEMPO, before, lambda _: True, NONE, paris(day, "22:00"))
    assert not is_due(TEMPO, paris(day, "22:00"), lambda _: True, NONE, paris(day, "22:01"))


def test_ecowatt_is_read_every_half_hour() -> None:
    for day in DAYS:
        with case(day):
            found = readings(ECOWATT, day, lambda *_: True, last=paris(day - ONE_DAY, "23:45"))

            hours = (paris(day + ONE_DAY, "00:00") - paris(day, "00:00")) / timedelta(hours=1)
            assert 2 * hours == len(found)
            assert ["00:15", "00:45"] == found[:2]


def test_a_clock_that_went_back_asks_nothing_until_it_has_caught_up() -> None:
    for dataset in PUBLIC_DATASETS.values():
        with case(dataset):
            now = paris(DAYS[0], "12:00")

            assert not is_due(dataset, now + timedelta(hours=3), lambda _: False, NONE, now)


def test_what_a_clock_noted_that_was_wrong_by_days_counts_for_nothing() -> None:
    for dataset in PUBLIC_DATASETS.values():
        with case(dataset):
            now = paris(DAYS[0], "12:00")

            assert is_due(dataset, now + timedelta(days=300), lambda _: True, NONE, now)


MOMENTS = st.integers(0, 4 * 366 * 24 * 60).map(lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + minutes * MINUTE)
LATERS = st.integers(0, MOST_LATER_SECONDS - 1).map(lambda seconds: timedelta(seconds=seconds))


@given(now=MOMENTS, later=LATERS, known=st.booleans())
def test_what_was_read_this_minute_is_never_due(now: datetime, later: timedelta, known: bool) -> None:
    for dataset in PUBLIC_DATASETS.values():
        assert not is_due(dataset, now, lambda _: known, later, now)


@given(now=MOMENTS, later=LATERS, hours=st.floats(0.1, 60))
def test_what_is_due_remains_due_until_it_is_read(now: datetime, later: timedelta, hours: float) -> None:
    last = now - timedelta(hours=hours)
    if is_due(TEMPO, last, lambda _: True, later, now):
        assert is_due(TEMPO, last, lambda _: True, later, now + timedelta(minutes=50))


@given(now=MOMENTS, later=LATERS, known=st.booleans())
def test_whoever_is_not_soon_wanted_is_free_for_a_whole_pause(now: datetime, later: timedelta, known: bool) -> None:
    again = now + timedelta(seconds=TEMPO.least_pause_seconds)

    soon = is_soon(TEMPO, lambda _: known, later, now)

    # Midnight changes of which day is tomorrow, and nothing is read around it.
    if day_of(now) == day_of(again):
        assert soon == is_due(TEMPO, now, lambda _: known, later, again)


def test_who_is_read_at_intervals_is_always_soon_wanted_and_who_is_sought_alone_is_never_due_when_known() -> None:
    now = paris(DAYS[0], "12:00")
    sought = replace(TEMPO, read_at=())

    assert is_soon(ECOWATT, lambda _: True, NONE, now)
    assert not is_due(sought, now - timedelta(days=1), lambda _: True, NONE, now)
    assert is_due(sought, now - timedelta(days=1), lambda _: False, NONE, now)


@given(now=MOMENTS)
def test_the_days_of_calls_join_without_a_gap_and_none_is_too_long(now: datetime) -> None:
    current, history = current_days(TEMPO, now), history_days(TEMPO, now)

    assert history is not None
    assert (TEMPO.oldest_day, current.start, 366) == (history.start, history.end, current.days)
    assert day_of(now) + 2 * ONE_DAY == current.end


def test_a_fresh_gateway_asks_for_a_year_and_for_tomorrow() -> None:
    assert DayRange(date(2025, 11, 24), date(2026, 11, 25)) == current_days(TEMPO, paris(date(2026, 11, 23), "23:59"))
    assert DayRange(date(2025, 11, 25), date(2026, 11, 26)) == current_days(TEMPO, paris(date(2026, 11, 24), "00:00"))


def test_signals_are_taken_from_yesterday_to_the_third_day_from_now_and_the_past_from_the_archive() -> None:
    now = paris(date(2026, 11, 23), "12:00")

    assert DayRange(date(2026, 11, 22), date(2026, 11, 27)) == current_days(ECOWATT, now)
    assert DayRange(date(2022, 9, 1), date(2026, 11, 21)) == history_days(ECOWATT, now)


def test_before_the_first_day_there_is_no_history() -> None:
    assert history_days(TEMPO, paris(date(2015, 3, 1), "12:00")) is None
    assert date(2014, 9, 1) == current_days(TEMPO, paris(date(2015, 3, 1), "12:00")).start


def test_the_newest_of_what_is_missing_is_asked_for_first() -> None:
    missing = [date(2020, 1, 1), date(2024, 5, 5)]

    assert DayRange(date(2023, 5, 6), date(2024, 5, 6)) == newest_span(TEMPO, missing)
    assert DayRange(date(2024, 1, 27), date(2024, 5, 6)) == newest_span(ECOWATT, missing)
    assert DayRange(date(2014, 9, 1), date(2014, 9, 4)) == newest_span(TEMPO, [date(2014, 9, 3)])


def test_a_provider_that_goes_on_failing_rests_twice_as_long_each_time_up_to_a_limit() -> None:
    least, rests = timedelta(minutes=15), [timedelta()]
    for _ in range(5):
        rests.append(rest_after_failure(rests[-1], least, LONGEST_REST))

    assert [15, 30, 60, 120, 120] == [rest / MINUTE for rest in rests[1:]]


def test_the_next_day_begins_at_midnight_in_paris() -> None:
    assert paris(date(2026, 3, 30), "00:00") == next_day(paris(date(2026, 3, 29), "00:30"))


def test_readings_of_one_day_are_further_apart_than_the_pause_between_calls() -> None:
    for dataset in PUBLIC_DATASETS.values():
        moments = sorted(datetime.combine(DAYS[0], each) for each in (*dataset.read_at, *dataset.sought_at))
        pauses = [(after - before).total_seconds() for before, after in pairwise(moments)]
        assert all(pause >= dataset.least_pause_seconds for pause in pauses)
        assert (dataset.every_seconds or dataset.least_pause_seconds) >= dataset.least_pause_seconds

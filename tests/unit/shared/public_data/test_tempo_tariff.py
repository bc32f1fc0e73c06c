"""Tempo: seasons and their allowances, the day from 06:00 to 06:00, peak and off-peak."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, PARIS, days_between
from shared.public_data.tempo_tariff import (
    PRICE_NAMES,
    Colour,
    Hours,
    allowance,
    count_season,
    period_of,
    price_name,
    season_of,
    tempo_day_start,
)
from tests.support.cases import case

unhurried = settings(max_examples=60)
# The days before, of and after both clock changes, and any others.
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)]
days = st.dates(date(2014, 9, 1), date(2035, 12, 31)) | st.sampled_from(
    [change + timedelta(days=number) for change in CHANGES for number in (-1, 0, 1)]
)
instants = st.builds(
    lambda day, seconds: tempo_day_start(day) + timedelta(seconds=seconds), days, st.integers(-86_400, 86_400)
)


@given(days)
@unhurried
def test_a_season_is_september_to_august_and_holds_its_day(day: date) -> None:
    season = season_of(day)

    assert season.start <= day < season.end
    assert ((9, 1), (9, 1)) == ((season.start.month, season.start.day), (season.end.month, season.end.day))
    assert season.end.year - season.start.year == 1
    assert season_of(season.start) == season_of(season.end - ONE_DAY) == season
    assert season_of(season.end) != season


@given(days)
@unhurried
def test_every_day_of_a_season_has_a_colour_to_have(day: date) -> None:
    season = season_of(day)

    assert season.days == sum(allowance(season).values())


def test_only_blue_has_more_in_a_season_with_a_29th_of_february() -> None:
    cases: list[tuple[date, int]] = [
        (date(2026, 11, 23), 300),
        (date(2023, 9, 1), 301),
        (date(2027, 9, 1), 301),
        (date(2028, 9, 1), 300),
    ]

    for day, blue in cases:
        with case(day, blue):
            assert {Colour.BLUE: blue, Colour.WHITE: 43, Colour.RED: 22} == allowance(season_of(day))


@given(st.data(), days)
@unhurried
def test_what_is_used_and_what_is_left_are_the_allowance(data: st.DataObject, day: date) -> None:
    season = season_of(day)
    known = data.draw(st.dictionaries(st.dates(season.start, season.end - ONE_DAY), st.sampled_from(Colour)))

    count = count_season(season, known)

    assert allowance(season) == {colour: each.allowed for colour, each in count.colours.items()}
    assert len(known) == sum(each.used for each in count.colours.values())
    for each in count.colours.values():
        assert each.left == max(0, each.allowed - each.used)
    if count.through is not None:
        assert max(known) == count.through
        assert len(known) + count.unknown == (count.through - season.start).days + 1


def test_a_season_counts_through_the_last_day_that_is_known_and_only_its_own() -> None:
    season = season_of(date(2026, 11, 23))
    known = {
        date(2026, 8, 31): Colour.RED,
        date(2026, 9, 1): Colour.BLUE,
        date(2026, 9, 3): Colour.RED,
        date(2027, 9, 1): Colour.RED,
    }

    count = count_season(season, known)

    assert (date(2026, 9, 3), 1) == (count.through, count.unknown)
    assert {Colour.BLUE: 299, Colour.WHITE: 43, Colour.RED: 21} == {
        colour: each.left for colour, each in count.colours.items()
    }


def test_of_a_season_of_which_nothing_is_known_nothing_is_counted() -> None:
    count = count_season(season_of(date(2026, 11, 23)), {})

    assert (None, 0) == (count.through, count.unknown)


@given(days)
@unhurried
def test_a_tempo_day_begins_at_six_in_paris_whatever_the_clock_did_at_night(day: date) -> None:
    local = tempo_day_start(day).astimezone(PARIS)

    assert (day, 6, 0) == (local.date(), local.hour, local.minute)
    assert UTC is tempo_day_start(day).tzinfo


def test_the_night_of_a_clock_change_belongs_to_the_day_before() -> None:
    lengths = {
        day: (tempo_day_start(day + ONE_DAY) - tempo_day_start(day)).total_seconds() / 3600
        for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25))
    }

    assert [23, 24, 25, 24] == list(lengths.values())


@given(instants)
@unhurried
def test_every_instant_is_in_the_period_that_it_belongs_to(instant: datetime) -> None:
    period = period_of(instant)
    local = instant.astimezone(PARIS)

    assert period.start <= instant < period.end
    assert (Hours.PEAK if 6 <= local.hour < 22 else Hours.OFF_PEAK) is period.hours
    assert tempo_day_start(period.day) <= instant < tempo_day_start(period.day + ONE_DAY)
    assert period_of(period.start) == period != period_of(period.end)
    assert period.end == period_of(period.end).start


def test_a_day_with_25_hours_has_nine_of_them_off_peak() -> None:
    night = period_of(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))

    assert (date(2026, 10, 24), Hours.OFF_PEAK, timedelta(hours=9)) == (night.day, night.hours, night.end - night.start)


def test_each_colour_has_two_prices_with_names_of_their_own() -> None:
    named = {price_name(colour, hours) for colour in Colour for hours in Hours}

    assert set(PRICE_NAMES) == named
    assert ("red_hp", "blue_hc") == (price_name(Colour.RED, Hours.PEAK), price_name(Colour.BLUE, Hours.OFF_PEAK))


def test_a_winter_has_as_many_tempo_days_as_days() -> None:
    season = season_of(date(2026, 11, 23))
    starts = [tempo_day_start(day) for day in days_between(season.start, season.end)]

    assert sorted(set(starts)) == starts

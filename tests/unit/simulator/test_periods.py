"""Enedis's rules on dates."""

from datetime import UTC, date, datetime, timedelta

from simulator.households import Direction, household_of
from simulator.known_points import DEFAULT_USAGE_POINT
from simulator.periods import Objection, object_to, parse_day
from simulator.series import Measure, Period, Series
from tests.support.cases import case

# 00:30 on the 24th in Paris: the rules count Paris days, not UTC ones.
NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
TODAY = date(2026, 11, 24)
CURVE = Series(Measure.CURVE, Direction.CONSUMPTION)
ENERGY = Series(Measure.ENERGY, Direction.CONSUMPTION)
HOUSEHOLD = household_of(DEFAULT_USAGE_POINT)


def _object(start: date, end: date, series: Series = ENERGY) -> Objection | None:
    return object_to(Period(start, end), series, HOUSEHOLD, NOW)


def test_a_period_up_to_today_is_fine() -> None:
    assert _object(TODAY - timedelta(days=7), TODAY, CURVE) is None


def test_equal_or_reversed_dates_are_refused() -> None:
    assert _object(TODAY, TODAY) is Objection.REVERSED
    assert _object(TODAY, TODAY - timedelta(days=1)) is Objection.REVERSED


def test_an_end_after_today_is_refused() -> None:
    assert _object(TODAY, TODAY + timedelta(days=1)) is Objection.END_IN_FUTURE


def test_eight_days_are_too_long_for_a_curve_only() -> None:
    start = TODAY - timedelta(days=8)

    assert _object(start, TODAY, CURVE) is Objection.SPAN_TOO_LONG
    assert _object(start, TODAY, ENERGY) is None


def test_history_ends_fifteen_days_before_two_or_three_years() -> None:
    cases: list[tuple[Series, date]] = [(CURVE, date(2024, 11, 9)), (ENERGY, date(2023, 11, 9))]

    for series, oldest in cases:
        with case(series, oldest):
            day = timedelta(days=1)

            assert _object(oldest, oldest + day, series) is None
            assert _object(oldest - day, oldest + day, series) is Objection.BEYOND_HISTORY


def test_days_before_the_activation_are_refused() -> None:
    moved_in = household_of("99000000000088")
    first = moved_in.activation
    asked = Period(first - timedelta(days=1), first + timedelta(days=3))

    assert object_to(asked, ENERGY, moved_in, NOW) is Objection.BEFORE_ACTIVATION
    assert object_to(Period(first, asked.end), ENERGY, moved_in, NOW) is None


def test_only_a_real_day_in_full_is_a_date() -> None:
    for text in ["", "2026-02-30", "2026-2-03", "20260203", "2026-02-03T00:00:00", "2026-W06-2", "٢٠٢٦-02-03"]:
        with case(text):
            assert parse_day(text) is None


def test_a_day_is_parsed() -> None:
    assert parse_day("2026-02-03") == date(2026, 2, 3)

"""The requested duration of a consent, in calendar units."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.consents.duration import day_after
from tests.support.cases import case


def test_a_duration_is_counted_from_the_day() -> None:
    cases: list[tuple[str, date]] = [
        ("P1Y", date(2027, 11, 23)),
        ("P3Y", date(2029, 11, 23)),
        ("P36M", date(2029, 11, 23)),
        ("P1M", date(2026, 12, 23)),
        ("P2M", date(2027, 1, 23)),
        ("P1095D", date(2029, 11, 22)),
        ("P1D", date(2026, 11, 24)),
    ]

    for duration, expected in cases:
        with case(duration, expected):
            assert expected == day_after(date(2026, 11, 23), duration)


def test_a_day_that_the_other_month_does_not_have_becomes_its_last() -> None:
    assert date(2025, 2, 28) == day_after(date(2024, 2, 29), "P1Y")
    assert date(2028, 2, 29) == day_after(date(2024, 2, 29), "P48M")
    assert date(2026, 4, 30) == day_after(date(2026, 1, 31), "P3M")


def test_anything_else_is_refused() -> None:
    for text in ["", "P", "1Y", "P1", "PY", "P1W", "P-1Y", "P1Y2M", "PT1H", "P1Y ", "P٣Y", "P99999Y"]:
        with case(text), pytest.raises(ValueError, match="not a duration"):
            day_after(date(2026, 11, 23), text)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 3))
def test_years_are_twelve_months_and_lie_between_their_shortest_and_their_longest(day: date, years: int) -> None:
    later = day_after(day, f"P{years}Y")

    assert later == day_after(day, f"P{12 * years}M")
    assert 365 * years - 1 <= (later - day).days <= 366 * years

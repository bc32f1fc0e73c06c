"""The periods that may be requested."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.jobs.submission import check_period
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import AppError, ValidationFailed
from shared.readings.planning import history_start
from tests.support.cases import case

NOW = datetime(2026, 10, 20, 10, tzinfo=UTC)
TODAY = date(2026, 10, 20)
CURVE = DATASETS["consumption_load_curve"]

near_days = st.dates(date(2024, 9, 1), date(2026, 11, 30))


@given(start=near_days, end=near_days)
def test_a_period_is_accepted_exactly_when_it_lies_between_the_oldest_day_and_today(start: date, end: date) -> None:
    if history_start(CURVE, NOW) <= start < end <= TODAY:
        assert DayRange(start, end) == check_period(CURVE, start, end, NOW)
    else:
        with pytest.raises(AppError) as refusal:
            check_period(CURVE, start, end, NOW)
        assert refusal.value.errors


def test_each_dataset_has_its_own_depth() -> None:
    cases: list[tuple[str, int, int]] = [("consumption_load_curve", 24, 14), ("daily_consumption", 36, 14)]

    for name, months, days in cases:
        with case(name, months, days):
            oldest = date(2026 - months // 12, 10, 20) - timedelta(days=days)

            accepted = check_period(DATASETS[name], oldest, TODAY, NOW)

            assert oldest == accepted.start


def test_a_record_is_asked_for_without_days_and_that_means_today() -> None:
    for name in ["contract", "address", "identity", "contact"]:
        with case(name):
            assert DayRange(TODAY, date(2026, 10, 21)) == check_period(DATASETS[name], None, None, NOW)


def test_days_that_are_lacking_or_too_many_are_each_pointed_at() -> None:
    cases: list[tuple[str, date | None, date | None, list[str]]] = [
        ("contract", TODAY, None, ["/start"]),
        ("contract", None, TODAY, ["/end"]),
        ("contract", TODAY, TODAY, ["/start", "/end"]),
        ("daily_consumption", None, TODAY, ["/start"]),
        ("daily_consumption", TODAY, None, ["/end"]),
        ("daily_consumption", None, None, ["/start", "/end"]),
    ]

    for name, start, end, pointers in cases:
        with case(name, start, end, pointers):
            with pytest.raises(ValidationFailed) as refusal:
                check_period(DATASETS[name], start, end, NOW)

            assert pointers == [each.pointer for each in refusal.value.errors]

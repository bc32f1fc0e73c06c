"""Parsing periods from the command line."""

from datetime import date

import pytest

from cli.user.failures import WrongUse
from cli.user.periods import PeriodWords, parse_period
from shared.core.calendar import DayRange
from tests.support.cases import case

TODAY = date(2026, 3, 31)


def test_words_mean_days() -> None:
    cases: list[tuple[PeriodWords, date, date]] = [
        (PeriodWords(), date(2026, 3, 1), TODAY),
        (PeriodWords(last="1d"), date(2026, 3, 30), TODAY),
        (PeriodWords(last="2w"), date(2026, 3, 17), TODAY),
        # There is no 31 February.
        (PeriodWords(last="1m"), date(2026, 2, 28), TODAY),
        (PeriodWords(last="2y"), date(2024, 3, 31), TODAY),
        (PeriodWords(start="2026-01-05"), date(2026, 1, 5), TODAY),
        (PeriodWords(start="2026-01-05", end="2026-01-08"), date(2026, 1, 5), date(2026, 1, 8)),
        (PeriodWords(start="yesterday"), date(2026, 3, 30), TODAY),
        (PeriodWords(on="2025-10-26"), date(2025, 10, 26), date(2025, 10, 27)),
        (PeriodWords(on="yesterday"), date(2026, 3, 30), TODAY),
        (PeriodWords(on="2025-12"), date(2025, 12, 1), date(2026, 1, 1)),
        (PeriodWords(on="2025"), date(2025, 1, 1), date(2026, 1, 1)),
        # A current period, up to now.
        (PeriodWords(on="2026-03"), date(2026, 3, 1), TODAY),
        (PeriodWords(on="2026"), date(2026, 1, 1), TODAY),
    ]

    for words, start, end in cases:
        with case(words, start, end):
            assert DayRange(start, end) == parse_period(words, TODAY, default_days=30)


def test_what_means_nothing_is_wrong_use() -> None:
    cases: list[PeriodWords] = [
        PeriodWords(start="2026-01-05", last="3d"),
        PeriodWords(on="2026", last="3d"),
        PeriodWords(end="2026-01-05"),
        PeriodWords(start="2026-01-05", end="2026-01-05"),
        PeriodWords(start="2026-01-06", end="2026-01-05"),
        PeriodWords(start="5 January"),
        PeriodWords(last="30"),
        PeriodWords(last="0d"),
        PeriodWords(last="9999y"),
        PeriodWords(on="2026-13"),
        PeriodWords(on="0000"),
        PeriodWords(on="october"),
    ]

    for words in cases:
        with case(words), pytest.raises(WrongUse):
            parse_period(words, TODAY, default_days=30)

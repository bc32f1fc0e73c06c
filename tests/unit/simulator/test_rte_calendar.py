"""Every season of the simulated Tempo obeys the rules of the real one."""

from calendar import isleap
from collections import Counter
from datetime import date, timedelta
from itertools import groupby

from simulator.rte_calendar import UNSAID_DAY, colour_of, season_of
from simulator.rte_signals import hours_of, level_of, misread
from tests.support.cases import case

SEASONS = range(2014, 2045)


def _days(season: int) -> list[date]:
    first = date(season, 9, 1)
    return [first + timedelta(days=number) for number in range((date(season + 1, 9, 1) - first).days)]


def test_season_has_22_red_and_43_white_days_and_the_rest_is_blue() -> None:
    for season in SEASONS:
        with case(season):
            counts = Counter(colour_of(day) for day in _days(season))

            assert counts == {"RED": 22, "WHITE": 43, "BLUE": 301 if isleap(season + 1) else 300}


def test_red_and_white_days_are_where_they_may_be() -> None:
    for season in SEASONS:
        with case(season):
            days = _days(season)
            red = [day for day in days if colour_of(day) == "RED"]
            longest_red_run = max(len(list(run)) for colour, run in groupby(days, colour_of) if colour == "RED")

            assert {day.month for day in red} <= {11, 12, 1, 2, 3}
            assert not [day for day in red if day.weekday() >= 5]
            assert longest_red_run <= 5
            assert not [day for day in days if colour_of(day) == "WHITE" and day.weekday() == 6]


def test_season_turns_on_the_first_of_september() -> None:
    assert [season_of(date(2026, 8, 31)), season_of(date(2026, 9, 1))] == [2025, 2026]


def test_day_without_a_value_is_blue_in_truth() -> None:
    assert colour_of(UNSAID_DAY) == "BLUE"


def test_winter_has_some_tense_days_and_they_are_red_days_of_tempo() -> None:
    levels = {day: level_of(day) for day in _days(2026)}

    assert Counter(levels.values()) == {1: 359, 2: 4, 3: 2}
    assert {colour_of(day) for day, level in levels.items() if level > 1} == {"RED"}


def test_level_of_a_day_is_that_of_its_worst_hour() -> None:
    assert [max(hours_of(level)) for level in (1, 2, 3)] == [1, 2, 3]
    assert [len(hours_of(level)) for level in (1, 2, 3)] == [24] * 3


def test_misread_sentence_can_be_read_again() -> None:
    assert misread("Pas d\u2019alerte.").encode("cp1252").decode() == "Pas d\u2019alerte."

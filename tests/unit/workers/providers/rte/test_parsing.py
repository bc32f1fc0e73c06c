"""Parsing of RTE's responses, in every observed form."""

from datetime import date
from typing import Any

import pytest

from shared.core.errors import ProviderGarbage
from tests.support.cases import case
from tests.unit.workers.recorded import recorded_rte
from workers.providers.rte.parsing import parse_ecowatt, parse_open_data, parse_tempo


def signal(**changes: Any) -> dict[str, Any]:
    """One day of EcoWatt, changed."""
    return {"jour": "2026-12-08T00:00:00+01:00", "dvalue": 1, "message": "", "values": []} | changes


def colours(body: Any) -> dict[date, str | None]:
    """The colour of each day."""
    return {day: document["colour"] for day, document in parse_tempo(body).documents.items()}


def test_colours_belong_to_the_day_on_which_they_begin_in_whatever_order_they_come() -> None:
    expected = {
        date(2026, 12, 7): "BLUE",
        date(2026, 12, 8): "WHITE",
        date(2026, 12, 9): "RED",
        date(2026, 12, 10): "RED",
    }

    assert expected == colours(recorded_rte("tempo_winter"))


def test_the_days_around_a_change_of_the_clock_are_three_days() -> None:
    cases: list[tuple[str, date]] = [("tempo_spring", date(2026, 3, 28)), ("tempo_autumn", date(2026, 10, 24))]

    for name, first in cases:
        with case(name, first):
            assert [first.replace(day=first.day + number) for number in range(3)] == sorted(colours(recorded_rte(name)))


def test_a_day_with_a_wrong_offset_remains_the_day_that_is_written() -> None:
    body = recorded_rte("tempo_spring")
    for value in body["tempo_like_calendars"]["values"]:
        value["start_date"] = value["start_date"][:-6] + "+02:00"

    assert [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)] == sorted(colours(body))


def test_a_moment_in_utc_is_a_day_of_paris() -> None:
    body = {"tempo_like_calendars": {"values": [{"start_date": "2026-12-07T23:00:00Z", "value": "RED"}]}}

    assert {date(2026, 12, 8): "RED"} == colours(body)


def test_calendars_may_be_a_list() -> None:
    body = recorded_rte("tempo_winter")

    assert colours(body) == colours({"tempo_like_calendars": [body["tempo_like_calendars"]]})


def test_a_day_without_a_value_is_known_to_have_none() -> None:
    found = colours(recorded_rte("tempo_without_a_value"))

    assert {date(2022, 12, 27): "WHITE", date(2022, 12, 28): None, date(2022, 12, 29): "BLUE"} == found


def test_when_a_colour_was_said_is_kept_in_utc() -> None:
    document = parse_tempo(recorded_rte("tempo_winter")).documents[date(2026, 12, 8)]

    assert {"colour": "WHITE", "updated_at": "2026-12-07T09:20:00+00:00"} == document


def test_an_unknown_colour_spoils_its_day_alone() -> None:
    cases: list[Any] = ["PURPLE", "red", 1, ["RED"], {}, True]

    for value in cases:
        with case(value):
            body = recorded_rte("tempo_winter")
            body["tempo_like_calendars"]["values"][0]["value"] = value

            days = parse_tempo(body)

            assert (1, [date(2026, 12, 7), date(2026, 12, 8), date(2026, 12, 9)]) == (
                days.refused,
                sorted(days.documents),
            )


def test_another_answer_than_colours_is_refused() -> None:
    cases: list[Any] = [
        None,
        [],
        "BLUE",
        {},
        {"tempo_like_calendars": None},
        {"tempo_like_calendars": {"values": None}},
        {"signals": []},
    ]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_tempo(body)


def test_a_day_that_cannot_be_understood_is_counted() -> None:
    cases: list[Any] = [None, "2026-12-08", {}, {"start_date": "soon"}, {"start_date": "2026-12-08T05:00"}]

    for entry in cases:
        with case(entry):
            days = parse_tempo({"tempo_like_calendars": {"values": [entry]}})

            assert (1, {}) == (days.refused, days.documents)


def test_signals_have_a_level_a_message_and_an_hour_for_each_step() -> None:
    document = parse_ecowatt(recorded_rte("ecowatt_signals")).documents[date(2026, 12, 9)]

    assert {
        "level": 2,
        "message": "Système électrique tendu.",
        "hours": {str(hour): 2 if hour in (8, 19) else 1 for hour in range(24)},
        "generated_at": "2026-12-07T22:00:00+00:00",
    } == document


def test_signals_are_sorted_trimmed_and_without_the_hours_that_are_not_there() -> None:
    days = parse_ecowatt(recorded_rte("ecowatt_sandbox")).documents

    assert "Pas d\u2019alerte" == days[date(2022, 6, 6)]["message"]
    assert [str(hour) for hour in range(24)] == list(days[date(2022, 6, 6)]["hours"])
    assert [str(hour) for hour in range(7, 24)] == list(days[date(2022, 6, 3)]["hours"])


def test_a_bare_date_is_a_day_too() -> None:
    assert [date(2026, 12, 8)] == list(parse_ecowatt({"signals": [signal(jour="2026-12-08")]}).documents)


def test_a_day_without_a_known_level_is_left_out() -> None:
    cases: list[Any] = [0, 4, -1, None, True, 1.5, "high", [1]]

    for level in cases:
        with case(level):
            days = parse_ecowatt({"signals": [signal(dvalue=level), signal(jour="2026-12-09")]})

            assert (1, [date(2026, 12, 9)]) == (days.refused, list(days.documents))


def test_hours_that_are_none_are_missing_and_one_that_comes_twice_counts_as_the_worse() -> None:
    steps = [(0, 0), (2, 1), (2, 3), (2, 2), (24, 1), (-1, 1), ("5", 1), (True, 1), (7, 4), (8, None)]
    values = [{"pas": hour, "hvalue": level} for hour, level in steps]

    document = parse_ecowatt({"signals": [signal(values=values)]}).documents[date(2026, 12, 8)]

    assert {"0": 0, "2": 3} == document["hours"]


def test_what_is_no_message_is_none() -> None:
    cases: list[Any] = [None, 5, ["no"]]

    for message in cases:
        with case(message):
            days = parse_ecowatt({"signals": [signal(message=message)]}).documents

            assert "" == days[date(2026, 12, 8)]["message"]


def test_a_message_is_bounded() -> None:
    days = parse_ecowatt({"signals": [signal(message="x" * 100_000)]}).documents

    assert 1000 == len(days[date(2026, 12, 8)]["message"])


def test_another_answer_than_signals_is_refused() -> None:
    cases: list[Any] = [None, [], {}, {"signals": None}, {"signals": {}}]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_ecowatt(body)


def test_records_of_the_open_data_say_levels_as_numbers_texts_or_words() -> None:
    days = parse_open_data(recorded_rte("open_data")).documents

    assert {date(2022, 9, 1): 1, date(2023, 1, 10): 2, date(2024, 2, 1): 3} == {
        day: each["level"] for day, each in days.items()
    }
    assert {str(hour): 1 for hour in range(24)} == days[date(2022, 9, 1)]["hours"]


def test_a_message_whose_letters_were_confused_is_mended_and_another_one_left_as_it_is() -> None:
    days = parse_open_data(recorded_rte("open_data")).documents

    assert "Pas d\u2019alerte." == days[date(2022, 9, 1)]["message"]
    assert "Système tendu." == days[date(2023, 1, 10)]["message"]


def test_hours_that_a_record_lacks_are_missing() -> None:
    record = {"date": "2023-05-01", "couleur_du_jour": 1, "h3": 2, "h4": None, "h5": "vert", "h6": 9}

    document = parse_open_data({"results": [record]}).documents[date(2023, 5, 1)]

    assert {"3": 2, "5": 1} == document["hours"]

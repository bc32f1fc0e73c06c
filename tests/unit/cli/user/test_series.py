"""Readings in the form that charts need."""

from datetime import date, datetime, timedelta
from typing import Any

from cli.user.series import by_day, cells_of_day, parse_values, scale_for, step_name, summarize
from shared.core.calendar import PARIS, day_start
from tests.support.cases import case


def curve(day: date, watts: list[int], minutes: int = 30) -> list[dict[str, Any]]:
    """A load curve from midnight on, as the API returns it."""
    starts = [(day_start(day) + timedelta(minutes=minutes * index)).astimezone(PARIS) for index in range(len(watts))]
    return [
        {"start": start.isoformat(), "step": f"PT{minutes}M", "value": value}
        for start, value in zip(starts, watts, strict=True)
    ]


def test_a_day_has_as_many_cells_as_it_has_half_hours() -> None:
    cases: list[tuple[date, int]] = [(date(2026, 3, 29), 46), (date(2026, 11, 3), 48), (date(2026, 10, 25), 50)]

    for day, halves in cases:
        with case(day, halves):
            values = parse_values(curve(day, list(range(halves))))

            assert list(map(float, range(halves))) == cells_of_day(day, values, 30)
            assert {day: values} == by_day(values)


def test_a_gap_is_no_zero() -> None:
    day = date(2026, 11, 3)
    readings = curve(day, [0, 100, 200])
    del readings[1]
    readings[1]["value"] = None

    assert [0.0, None, None] == cells_of_day(day, parse_values(readings), 30)[:3]


def test_shorter_steps_are_averaged_and_longer_ones_fill_their_cells() -> None:
    day = date(2026, 11, 3)

    assert [200.0, None] == cells_of_day(day, parse_values(curve(day, [100, 200, 300], 10)), 30)[:2]
    assert [100.0, 100.0, 300.0, 300.0, None] == cells_of_day(day, parse_values(curve(day, [100, 300], 60)), 30)[:5]


def test_power_adds_up_to_energy_by_the_length_of_each_step() -> None:
    day = date(2026, 11, 3)
    values = parse_values(curve(day, [1000, 3000]) + curve(date(2026, 11, 4), [600], 10))

    summary = summarize(values, "W")

    assert (2100.0, "Wh") == (summary.total, summary.total_unit)
    assert (600.0, 3000.0) == (summary.least.value, summary.most.value)


def test_energy_adds_up_and_a_peak_does_not() -> None:
    days = [
        {"start": "2026-11-03T00:00:00+01:00", "step": "P1D", "value": 9_000},
        {"start": "2026-11-04T00:00:00+01:00", "step": "P1D", "value": 11_000, "at": "2026-11-04T19:30:00+01:00"},
    ]
    values = parse_values(days)

    assert 20_000.0 == summarize(values, "Wh").total
    assert summarize(values, "VA").total is None
    assert 10_000.0 == summarize(values, "VA").mean
    assert datetime(2026, 11, 4, 19, 30, tzinfo=PARIS) == values[1].at


def test_what_is_known_in_part_counts_in_the_total_alone() -> None:
    weeks = [
        {"start": "2026-11-02T00:00:00+01:00", "step": "P1W", "value": 10, "coverage": 0.1428},
        {"start": "2026-11-09T00:00:00+01:00", "step": "P1W", "value": 70, "coverage": 1},
        {"start": "2026-11-16T00:00:00+01:00", "step": "P1W", "value": 90, "coverage": 1},
    ]

    summary = summarize(parse_values(weeks), "kWh")

    assert (170.0, 80.0, 70.0) == (summary.total, summary.mean, summary.least.value)


def test_steps_have_names_from_a_day_on() -> None:
    cases: list[tuple[str, str]] = [("P1D", "day"), ("P1W", "week"), ("P1M", "month"), ("PT1H", ""), ("PT30M", "")]

    for step, name in cases:
        with case(step, name):
            assert name == step_name(parse_values([{"start": "2026-11-03T00:00:00+01:00", "step": step, "value": 1}]))


def test_large_numbers_get_larger_units() -> None:
    cases: list[tuple[float, str, tuple[float, str]]] = [
        (999.0, "Wh", (1.0, "Wh")),
        (1000.0, "Wh", (1000.0, "kWh")),
        (2.5e6, "Wh", (1e6, "MWh")),
        (3000.0, "VA", (1000.0, "kVA")),
        # A requested unit is kept.
        (5000.0, "kWh", (1.0, "kWh")),
    ]

    for top, unit, scale in cases:
        with case(top, unit, scale):
            assert scale == scale_for(top, unit)

"""Any real day of Paris, in any step, in either generation: Enedis's format of it is parsed as that day.

This module renders the days, from instants to wall times, without the program's code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readings.models import Reading
from tests.support.cases import case
from tests.unit.workers.recorded import request
from workers.providers.enedis.adapter_2026 import parse_measure
from workers.providers.enedis.adapter_v5 import parse_meter_reading

PARIS = ZoneInfo("Europe/Paris")
AUTUMN, SPRING = date(2026, 10, 25), date(2026, 3, 29)
STEPS = (5, 10, 15, 30, 60)

Point = tuple[str, int | None, str]


@dataclass(frozen=True)
class Slot:
    """One true interval of a day."""

    start: datetime
    minutes: int
    watts: int

    @property
    def point(self) -> Point:
        end = self.start + timedelta(minutes=self.minutes)
        return end.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S"), self.watts, f"PT{self.minutes}M"

    @property
    def reading(self) -> Reading:
        return Reading(self.start, f"PT{self.minutes}M", self.watts)


def slots(day: date, step: int, *, later_step: int | None = None, change_after: int = 0) -> list[Slot]:
    """A whole day; with another step from an hour counted from its start. All values are distinct."""
    start = datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=PARIS).astimezone(UTC)
    changes_at = start + timedelta(hours=change_after)
    found: list[Slot] = []
    while start < end:
        minutes = later_step if later_step and start >= changes_at else step
        found.append(Slot(start, minutes, 100 + len(found)))
        start += timedelta(minutes=minutes)
    return found


def parse_2026(points: Sequence[Point], day: date, days: int = 1) -> list[Reading]:
    written = [{"v": None if value is None else str(value), "d": label, "p": step} for label, value, step in points]
    quantity = {"grandeurMetier": "CONS", "grandeurPhysique": "PA", "unite": "W", "points": written}
    return parse_measure({"grandeur": [quantity]}, request("consumption_load_curve", day, day + timedelta(days=days)))


def parse_v5(points: Sequence[Point], day: date, days: int = 1) -> list[Reading]:
    written = [{"value": value, "date": label, "interval_length": step} for label, value, step in points]
    body = {"meter_reading": {"reading_type": {"unit": "W"}, "interval_reading": written}}
    return parse_meter_reading(body, request("consumption_load_curve", day, day + timedelta(days=days)))


Parse = Callable[..., list[Reading]]
generations = pytest.mark.parametrize("parse", [parse_2026, parse_v5])
# Half of the days have a clock change; since 1996 it is on the last Sundays of March and October.
CHANGES = [
    max(date(year, month, day) for day in range(25, 32) if date(year, month, day).weekday() == 6)
    for year in range(1996, 2036)
    for month in (3, 10)
]
real_days = st.dates(date(1996, 1, 1), date(2035, 12, 30)) | st.sampled_from(CHANGES)


@generations
@given(day=real_days, step=st.sampled_from(STEPS))
@settings(max_examples=60)
def test_what_is_written_of_a_day_is_read_as_that_day(parse: Parse, day: date, step: int) -> None:
    whole = slots(day, step)

    assert [slot.reading for slot in whole] == parse([slot.point for slot in whole], day)


@generations
@given(day=real_days, step=st.sampled_from(STEPS), later_step=st.sampled_from(STEPS), change_after=st.integers(0, 22))
@settings(max_examples=40)
def test_the_step_may_change_at_any_full_hour(
    parse: Parse, day: date, step: int, later_step: int, change_after: int
) -> None:
    whole = slots(day, step, later_step=later_step, change_after=change_after)

    assert [slot.reading for slot in whole] == parse([slot.point for slot in whole], day)


@generations
@given(day=real_days, step=st.sampled_from(STEPS), data=st.data())
@settings(max_examples=80)
def test_of_a_day_with_holes_nothing_is_read_that_was_not_so(
    parse: Parse, day: date, step: int, data: st.DataObject
) -> None:
    whole = slots(day, step)
    kept = data.draw(st.lists(st.sampled_from(whole), unique_by=lambda slot: slot.start))
    kept.sort(key=lambda slot: slot.start)

    readings = parse([slot.point for slot in kept], day)

    labels = [slot.point[0] for slot in whole]
    once = [slot.reading for slot in kept if labels.count(slot.point[0]) == 1]
    assert [] == [reading for reading in readings if reading not in [slot.reading for slot in kept]]
    assert [] == [reading for reading in once if reading not in readings]


@generations
@given(day=real_days, step=st.sampled_from(STEPS), seed=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_of_a_day_without_order_nothing_is_read_that_was_not_so(parse: Parse, day: date, step: int, seed: Any) -> None:
    whole = slots(day, step)
    shuffled = [slot.point for slot in whole]
    seed.shuffle(shuffled)

    readings = parse(shuffled, day)

    labels = [slot.point[0] for slot in whole]
    assert [slot.reading for slot in whole if labels.count(slot.point[0]) == 1] == [
        reading for reading in readings if labels.count(Slot(reading.start, step, 0).point[0]) == 1
    ]


def test_a_list_that_begins_with_the_newest_is_read_backwards() -> None:
    parsers: list[Parse] = [parse_2026, parse_v5]

    for parse in parsers:
        for step in STEPS:
            for day in [AUTUMN, SPRING, date(2026, 7, 14)]:
                with case(parse, step, day):
                    whole = slots(day, step)

                    assert [slot.reading for slot in whole] == parse([slot.point for slot in reversed(whole)], day)


def test_a_day_in_which_everything_stands_twice_is_that_day() -> None:
    parsers: list[Parse] = [parse_2026, parse_v5]

    for parse in parsers:
        for step in STEPS:
            with case(parse, step):
                whole = slots(AUTUMN, step)

                assert [slot.reading for slot in whole] == parse(
                    [slot.point for slot in whole for _ in range(2)], AUTUMN
                )


def test_a_week_around_the_change_keeps_every_interval() -> None:
    parsers: list[Parse] = [parse_2026, parse_v5]

    for parse in parsers:
        for step in STEPS:
            with case(parse, step):
                first = AUTUMN - timedelta(days=3)
                week = [slot for number in range(7) for slot in slots(first + timedelta(days=number), step)]

                assert [slot.reading for slot in week] == parse([slot.point for slot in week], first, days=7)


def hour_of(points: Sequence[str]) -> list[str]:
    """The parsed labels of the repeated hour: ``+02:30`` is its summer time, ``-02:30`` its winter time."""
    surely = [slot.point for slot in slots(AUTUMN, 30)]
    before, after = surely[:3], surely[7:]
    written: list[Point] = []
    for number, text in enumerate(points):
        label, _, value = text.partition("=")
        written.append((f"2026-10-25 {label}:00", int(value) if value else 500 + number, "PT30M"))
    found = []
    for reading in parse_2026([*before, *written, *after], AUTUMN):
        end = (reading.start + timedelta(minutes=30)).astimezone(PARIS)
        if end.hour == 2:
            found.append(f"{'-' if end.fold else '+'}{end:%H:%M}={reading.value}")
    return found


def test_what_can_be_decided_of_the_hour_that_comes_twice() -> None:
    cases: list[tuple[list[str], list[str]]] = [
        (["02:00", "02:30", "02:00", "02:30"], ["+02:00=500", "+02:30=501", "-02:00=502", "-02:30=503"]),
        # One of four is missing: the order determines which.
        (["02:30", "02:00", "02:30"], ["+02:30=500", "-02:00=501", "-02:30=502"]),
        (["02:00", "02:00", "02:30"], ["+02:00=500", "-02:00=501", "-02:30=502"]),
        (["02:00", "02:30", "02:30"], ["+02:00=500", "+02:30=501", "-02:30=502"]),
        (["02:00", "02:30", "02:00"], ["+02:00=500", "+02:30=501", "-02:00=502"]),
        # The hour of two labels that do not repeat or go back is ambiguous.
        (["02:00", "02:30"], []),
        (["02:00"], []),
        (["02:30"], []),
        # Two that do: one hour each.
        (["02:30", "02:00"], ["+02:30=500", "-02:00=501"]),
        (["02:00", "02:00"], ["+02:00=500", "-02:00=501"]),
        # The same value twice is two half-hours of a day in which nothing else is doubled.
        (["02:00=7", "02:00=7"], ["+02:00=7", "-02:00=7"]),
        # Three times the same label in a day that has it twice.
        (["02:00", "02:00", "02:00"], []),
        (["02:30", "02:00", "02:30", "02:00"], []),
    ]

    for written, read in cases:
        with case(written, read):
            assert read == hour_of(written)


def test_a_value_that_is_missing_holds_its_place_in_the_hour_that_comes_twice() -> None:
    whole = slots(AUTUMN, 30)
    points = [slot.point for slot in whole]
    points[3] = (points[3][0], None, points[3][2])

    assert [slot.reading for slot in whole if slot is not whole[3]] == parse_2026(points, AUTUMN)


def test_what_an_interval_after_it_covers_decides_too() -> None:
    """02:30 in winter would overlap the hour that ends at 03:00, so it is summer's."""
    after = [("2026-10-25 02:30:00", 7, "PT30M"), ("2026-10-25 03:00:00", 8, "PT60M")]

    assert [
        Reading(datetime(2026, 10, 25, 0, tzinfo=UTC), "PT30M", 7),
        Reading(datetime(2026, 10, 25, 1, tzinfo=UTC), "PT60M", 8),
    ] == parse_2026(after, AUTUMN)


def test_without_order_equal_values_of_the_hour_that_comes_twice_are_both_kept() -> None:
    points = [(label, 0, step) for label, _, step in (slot.point for slot in slots(AUTUMN, 30))]
    unsorted = [*points[1::2], *points[0::2]]

    assert 50 == len(parse_2026(unsorted, AUTUMN))


def test_a_label_within_the_hour_that_march_leaves_out_is_no_interval() -> None:
    points = [("2026-03-29 02:30:00", 7, "PT30M"), ("2026-03-29 03:30:00", 8, "PT30M")]

    assert [Reading(datetime(2026, 3, 29, 1, tzinfo=UTC), "PT30M", 8)] == parse_2026(points, SPRING)


def test_the_interval_that_ends_at_the_leap_may_be_written_either_way() -> None:
    expected = [Reading(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "PT30M", 7)]

    assert expected == parse_2026([("2026-03-29 02:00:00", 7, "PT30M")], SPRING)
    assert expected == parse_2026([("2026-03-29 03:00:00", 7, "PT30M")], SPRING)


def test_midnight_belongs_to_the_day_that_ends() -> None:
    for label in ["2026-09-09 00:00:00", "2026-09-08 24:00:00", "2026-09-09T00:00:00+02:00"]:
        with case(label):
            day = date(2026, 9, 8)

            assert [Reading(datetime(2026, 9, 8, 21, 30, tzinfo=UTC), "PT30M", 7)] == parse_2026(
                [(label, 7, "PT30M")], day
            )


def test_an_offset_that_paris_has_then_tells_the_hours_apart() -> None:
    cases: list[tuple[str, int]] = [("+02:00", 0), ("+01:00", 1)]

    for offset, hour in cases:
        with case(offset, hour):
            points = [(f"2026-10-25T02:30:00{offset}", 7, "PT30M")]

            assert [Reading(datetime(2026, 10, 25, hour, tzinfo=UTC), "PT30M", 7)] == parse_2026(points, AUTUMN)


def test_a_flood_of_labels_in_the_hour_that_comes_twice_takes_no_time() -> None:
    flood = [(f"2026-10-25 02:{number % 60:02}:00", number, "PT1M") for number in range(50_000)]

    assert len(parse_2026(flood, AUTUMN)) <= 120

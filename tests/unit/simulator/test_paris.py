"""Paris days: lengths, labels, publication."""

from collections import Counter
from datetime import UTC, date, datetime

from simulator.paris import (
    day_minutes,
    months_before,
    published_until,
    slot_end_labels,
    slot_start_minutes,
)
from tests.support.cases import case

SPRING = date(2026, 3, 29)
AUTUMN = date(2026, 10, 25)
PLAIN = date(2026, 6, 1)


def test_a_day_has_23_24_or_25_hours() -> None:
    cases: list[tuple[date, int]] = [(SPRING, 1380), (PLAIN, 1440), (AUTUMN, 1500)]

    for day, minutes in cases:
        with case(day, minutes):
            assert day_minutes(day) == minutes


def test_a_day_has_46_48_or_50_half_hours() -> None:
    cases: list[tuple[date, int]] = [(SPRING, 46), (PLAIN, 48), (AUTUMN, 50)]

    for day, count in cases:
        with case(day, count):
            assert len(slot_end_labels(day, 30)) == count


def test_labels_are_ends_of_slots_and_the_last_is_the_next_midnight() -> None:
    labels = slot_end_labels(PLAIN, 30)

    assert (labels[0], labels[-2], labels[-1]) == (
        "2026-06-01 00:30:00",
        "2026-06-01 23:30:00",
        "2026-06-02 00:00:00",
    )


def test_labels_of_the_repeated_hour_come_twice() -> None:
    repeated = [label for label, times in Counter(slot_end_labels(AUTUMN, 30)).items() if times == 2]

    assert repeated == ["2026-10-25 02:00:00", "2026-10-25 02:30:00"]


def test_labels_of_the_skipped_hour_never_come() -> None:
    labels = slot_end_labels(SPRING, 30)

    assert labels[3:5] == ("2026-03-29 03:00:00", "2026-03-29 03:30:00")


def test_slot_starts_follow_the_wall_clock() -> None:
    assert slot_start_minutes(SPRING, 60)[:4] == (0, 60, 180, 240)
    assert slot_start_minutes(AUTUMN, 60)[:5] == (0, 60, 120, 120, 180)


def test_yesterday_is_published_at_eight_in_paris_winter_and_summer() -> None:
    cases: list[tuple[datetime, date]] = [
        (datetime(2026, 11, 23, 6, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 23, 7, 0, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 7, 1, 5, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 7, 1, 6, 0, tzinfo=UTC), date(2026, 7, 1)),
    ]

    for now, expected in cases:
        with case(now, expected):
            assert published_until(now, 8) == expected


def test_months_are_counted_by_the_calendar() -> None:
    cases: list[tuple[date, int, date]] = [
        (date(2026, 11, 23), 24, date(2024, 11, 23)),
        (date(2026, 1, 31), 1, date(2025, 12, 31)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 30), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), -12, date(2025, 2, 28)),
    ]

    for day, months, expected in cases:
        with case(day, months, expected):
            assert months_before(day, months) == expected

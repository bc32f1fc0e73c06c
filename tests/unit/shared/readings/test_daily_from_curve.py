"""Daily energies from curves: exact for complete days, none for all others."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import day_seconds, day_start
from shared.readings.daily_from_curve import derive_daily, whole_days
from shared.readings.models import Coverage, Gap, Reading, Reason
from tests.support.cases import case

STEPS = {"PT5M": 300, "PT10M": 600, "PT15M": 900, "PT30M": 1800, "PT60M": 3600}
DAYS = st.one_of(
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2024, 2, 29)]),
)


def curve(day: date, step: str, watts: list[int]) -> list[Reading]:
    """A whole day of a curve; the watts are repeated as often as the day needs them."""
    seconds = STEPS[step]
    return [
        Reading(day_start(day) + timedelta(seconds=index * seconds), step, watts[index % len(watts)])
        for index in range(day_seconds(day) // seconds)
    ]


@given(DAYS, st.sampled_from(sorted(STEPS)), st.lists(st.integers(0, 36_000), min_size=1, max_size=50))
def test_a_whole_day_gives_the_energy_of_all_its_steps(day: date, step: str, watts: list[int]) -> None:
    readings = curve(day, step, watts)

    derived = list(derive_daily(readings))

    watt_hours = sum(reading.value * STEPS[step] for reading in readings) / 3600
    assert [Reading(day_start(day), "P1D", round(watt_hours))] == derived


@given(DAYS, st.sampled_from(sorted(STEPS)), st.data())
def test_a_day_that_lacks_one_step_gives_nothing(day: date, step: str, data: st.DataObject) -> None:
    readings = curve(day, step, [100])
    lost = data.draw(st.integers(0, len(readings) - 1))

    assert [] == list(derive_daily(readings[:lost] + readings[lost + 1 :]))


def test_a_day_of_a_clock_change_is_as_long_as_it_is() -> None:
    cases: list[tuple[date, int]] = [(date(2026, 3, 29), 46), (date(2026, 10, 25), 50)]

    for day, half_hours in cases:
        with case(day, half_hours):
            assert [half_hours * 500] == [reading.value for reading in derive_daily(curve(day, "PT30M", [1000]))]


def test_a_step_that_changes_within_the_day_weighs_what_it_lasts() -> None:
    day = date(2026, 6, 15)
    noon = day_start(day) + timedelta(hours=12)
    coarse = [reading for reading in curve(day, "PT60M", [1000]) if reading.start < noon]
    fine = [reading for reading in curve(day, "PT15M", [200]) if reading.start >= noon]

    assert [12 * 1000 + 12 * 200] == [reading.value for reading in derive_daily(coarse + fine)]


def test_only_the_days_without_any_gap_are_whole() -> None:
    now = datetime(2026, 6, 20, tzinfo=UTC)
    first, second = date(2026, 6, 15), date(2026, 6, 16)
    whole = Coverage(str(first), now, first, second)
    gap = Gap(second, second + timedelta(days=1), Reason.INCOMPLETE, partial=True)
    partial = replace(whole, window=str(second), since=second, through=second + timedelta(days=1), gaps=(gap,))

    assert {first} == whole_days({each.window: each for each in (whole, partial)})

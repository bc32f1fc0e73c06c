"""Values aggregated over hours, days, weeks and months: the same as a count minute by minute."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_seconds, day_start, days_between, next_month
from shared.core.datasets import DATASETS, Dataset, Quantity
from shared.readings.aggregation import NotComputable, Resolution, Summary, Unit, UnitChange, rounded, unit_shown
from shared.readings.column_batch import Columns, Number
from tests.support.cases import case

SPRING, AUTUMN, ORDINARY = date(2026, 3, 29), date(2026, 10, 25), date(2026, 1, 15)
STEPS = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}

Row = tuple[datetime, str, int]

days = st.dates(date(2015, 1, 1), date(2035, 12, 31)) | st.sampled_from([SPRING, AUTUMN, ORDINARY, date(2025, 12, 31)])
unhurried = settings(max_examples=60)


def curve_of(*rows: Row) -> Columns:
    columns = Columns()
    for start, step, value in rows:
        columns.add(step, [int(start.timestamp())], [value])
    return columns


def daily(first: date, values: Iterable[int | None], peak_hour: int | None = None) -> Columns:
    columns = Columns()
    for number, value in enumerate(values):
        if value is not None:
            start = int(day_start(first + timedelta(days=number)).timestamp())
            columns.add("P1D", [start], [value], [None if peak_hour is None else start + peak_hour * 3600])
    return columns


def summed_up(
    columns: Columns, resolution: Resolution, days: DayRange, *, quantity: Quantity = Quantity.POWER
) -> list[tuple[str, Number, Number | None]]:
    """Start in Paris, value in Wh (or the peak), coverage."""
    summary = Summary(quantity, resolution, None if quantity is Quantity.PEAK else Unit.WATT_HOURS, days)
    found = [summary.add(columns), summary.end()]
    return [
        (datetime.fromtimestamp(start, PARIS).isoformat(), value, coverage)
        for part in found
        for start, value, coverage in zip(part.starts, part.values, part.coverage, strict=True)
    ]


@st.composite
def curves(draw: st.DrawFn) -> tuple[list[Row], DayRange]:
    """Up to three days with arbitrary changes of step, off the hour, with gaps."""
    first = draw(days)
    last = first + timedelta(days=draw(st.integers(1, 3)))
    moment, end = day_start(first), day_start(last)
    rows: list[Row] = []
    while moment < end:
        step = draw(st.sampled_from(sorted(STEPS)))
        for _ in range(draw(st.integers(1, 30))):
            if moment < end and draw(st.integers(0, 9)):
                rows.append((moment, step, draw(st.integers(0, 36_000))))
            moment += timedelta(minutes=STEPS[step])
        moment += timedelta(minutes=draw(st.sampled_from([0, 0, 5, 30, 35, 300])))
    return rows, DayRange(first, last)


@cache
def hour_in_paris(hour: int) -> datetime:
    """An hour since 1970: Paris time differs from UTC by whole hours."""
    return datetime.fromtimestamp(hour * 3600, PARIS)


def minute_by_minute(rows: list[Row], resolution: Resolution, days: DayRange) -> dict[str, tuple[Fraction, int]]:
    """Watt-hours and minutes known of each interval: no arithmetic of intervals, just every minute."""
    watt_minutes: dict[str, int] = defaultdict(int)
    minutes: dict[str, int] = defaultdict(int)
    for start, step, watts in rows:
        first = int(start.timestamp()) // 60
        for minute in range(first, first + STEPS[step]):
            local = hour_in_paris(minute // 60)
            if days.start <= local.date() < days.end:
                match resolution:
                    case Resolution.HOUR:
                        name = local.isoformat()
                    case Resolution.DAY:
                        name = str(local.date())
                    case Resolution.WEEK:
                        name = str(local.date() - timedelta(days=local.weekday()))
                    case _:
                        name = str(local.date().replace(day=1))
                watt_minutes[name] += watts
                minutes[name] += 1
    return {name: (Fraction(watt_minutes[name], 60), minutes[name]) for name in minutes}


def minutes_in(name: str, resolution: Resolution) -> int:
    first = date.fromisoformat(name[:10])
    match resolution:
        case Resolution.HOUR:
            return 60
        case Resolution.DAY:
            last = first + ONE_DAY
        case Resolution.WEEK:
            last = first + timedelta(days=7)
        case _:
            last = next_month(first)
    return sum(day_seconds(day) for day in days_between(first, last)) // 60


@unhurried
@given(curves(), st.sampled_from(Resolution), st.integers(1, 40))
def test_energy_is_what_every_minute_adds_up_to(
    curve: tuple[list[Row], DayRange], resolution: Resolution, batch: int
) -> None:
    rows, days = curve
    expected = minute_by_minute(rows, resolution, days)

    summary = Summary(Quantity.POWER, resolution, Unit.WATT_HOURS, days)
    parts = [summary.add(curve_of(*rows[index : index + batch])) for index in range(0, len(rows), batch)]
    parts.append(summary.end())

    found = [
        (datetime.fromtimestamp(start, PARIS), value, coverage)
        for part in parts
        for start, value, coverage in zip(part.starts, part.values, part.coverage, strict=True)
    ]
    assert sorted(expected) == sorted(
        start.isoformat() if resolution is Resolution.HOUR else str(start.date()) for start, _, _ in found
    )
    assert [start for start, _, _ in found] == sorted(start for start, _, _ in found)
    for start, value, coverage in found:
        name = start.isoformat() if resolution is Resolution.HOUR else str(start.date())
        energy, minutes = expected[name]
        # The output has only the digits of the decimal number, without binary rounding errors.
        assert abs(Fraction(str(value)) - energy) <= Fraction(1, 2000)
        assert -3 <= Decimal(str(value)).as_tuple().exponent <= 0  # type: ignore[operator]  # finite
        whole = minutes_in(name, resolution)
        assert (minutes == whole) == (coverage == 1)
        assert coverage is not None
        assert 0 <= Fraction(minutes, whole) - Fraction(str(coverage)) < Fraction(1, 10_000)


def test_a_day_has_its_hours_and_each_is_told_apart() -> None:
    cases: list[tuple[date, int]] = [(SPRING, 23), (ORDINARY, 24), (AUTUMN, 25)]

    for day, hours in cases:
        with case(day, hours):
            rows = [(day_start(day) + timedelta(minutes=30 * n), "PT30M", 100) for n in range(hours * 2)]
            days = DayRange(day, day + ONE_DAY)

            found = summed_up(curve_of(*rows), Resolution.HOUR, days)

            assert hours == len({start for start, _, _ in found})
            assert [(100, 1)] * hours == [(value, coverage) for _, value, coverage in found]
            ((_, whole, coverage),) = summed_up(curve_of(*rows), Resolution.DAY, days)
            assert (hours * 100, 1) == (whole, coverage)


def test_an_interval_over_a_bound_counts_on_both_sides() -> None:
    rows = [(day_start(ORDINARY) + timedelta(minutes=30 + 60 * n), "PT60M", 1000 * (n + 1)) for n in range(2)]

    found = summed_up(curve_of(*rows), Resolution.HOUR, DayRange(ORDINARY, ORDINARY + ONE_DAY))

    assert [(500, 0.5), (1500, 1), (1000, 0.5)] == [(value, coverage) for _, value, coverage in found]


def test_steps_may_change_within_an_hour() -> None:
    start = day_start(ORDINARY)
    rows = [(start, "PT30M", 600), *((start + timedelta(minutes=30 + 10 * n), "PT10M", 100 * n) for n in range(3))]

    found = summed_up(curve_of(*rows), Resolution.HOUR, DayRange(ORDINARY, ORDINARY + ONE_DAY))

    assert [(f"{ORDINARY}T00:00:00+01:00", 350, 1)] == found


def test_what_lies_after_the_days_asked_for_does_not_count() -> None:
    late = day_start(ORDINARY + ONE_DAY) - timedelta(minutes=15)

    found = summed_up(curve_of((late, "PT30M", 400)), Resolution.DAY, DayRange(ORDINARY, ORDINARY + ONE_DAY))

    assert [(f"{ORDINARY}T00:00:00+01:00", 100, 0.0104)] == found


def test_a_part_that_is_nearly_whole_is_not_called_whole() -> None:
    first = date(2026, 1, 1)
    half_hours = 31 * 48
    rows = [(day_start(first) + timedelta(minutes=30 * n), "PT30M", 2) for n in range(half_hours - 1)]

    ((_, value, coverage),) = summed_up(curve_of(*rows), Resolution.MONTH, DayRange(first, next_month(first)))

    assert (half_hours - 1, 0.9993) == (value, coverage)


def test_a_week_begins_on_monday_and_a_month_on_its_first_day() -> None:
    first, last = date(2026, 9, 28), date(2026, 10, 12)
    values = [1000] * (last - first).days

    weeks = summed_up(daily(first, values), Resolution.WEEK, DayRange(first, last), quantity=Quantity.ENERGY)
    months = summed_up(daily(first, values), Resolution.MONTH, DayRange(first, last), quantity=Quantity.ENERGY)

    assert [("2026-09-28", 7000, 1), ("2026-10-05", 7000, 1)] == [(each[0][:10], *each[1:]) for each in weeks]
    # Of a month of 31 days and one hour, eleven days of 24 hours.
    assert [("2026-09-01", 3000, 0.1), ("2026-10-01", 11_000, 0.3543)] == [(each[0][:10], *each[1:]) for each in months]


def test_the_highest_power_of_a_week_is_that_of_its_highest_day_and_says_when() -> None:
    monday = date(2026, 10, 5)
    summary = Summary(Quantity.PEAK, Resolution.WEEK, None, DayRange(monday, monday + timedelta(days=7)))

    summary.add(daily(monday, [3000, None, 7000, 7000, 1000, 10, 20], peak_hour=19))
    found = summary.end()

    assert ([7000], [0.8571]) == (found.values, found.coverage)
    assert [int((day_start(monday + 2 * ONE_DAY) + timedelta(hours=19)).timestamp())] == found.peaks


def test_a_value_is_shown_in_another_unit_by_the_length_of_its_interval() -> None:
    cases: list[tuple[Unit, Number, Number]] = [
        (Unit.WATT_HOURS, 270, 12_960),
        (Unit.KILOWATT_HOURS, 0.27, 12.96),
        (Unit.WATTS, 540, 540),
    ]

    for unit, power, energy in cases:
        with case(unit, power, energy):
            half_hour = UnitChange(Quantity.POWER, unit).apply(curve_of((day_start(ORDINARY), "PT30M", 540)))
            day = UnitChange(Quantity.ENERGY, unit).apply(daily(ORDINARY, [12_960]))

            assert ([power], [energy]) == (half_hour.values, day.values)


def test_the_mean_power_of_a_day_knows_how_long_it_was() -> None:
    found = [UnitChange(Quantity.ENERGY, Unit.WATTS).apply(daily(day, [27_600])).values for day in (SPRING, ORDINARY)]

    assert [[1200], [1150]] == found


def test_registers_are_shown_in_the_unit_of_their_total() -> None:
    columns = Columns()
    columns.add("P1D", [int(day_start(ORDINARY).timestamp())], [30_100], None, [{"HCH": 10_001, "HPH": 20_099}])

    found = UnitChange(Quantity.INDEX, Unit.KILOWATT_HOURS).apply(columns)

    assert ([30.1], [{"HCH": 10.001, "HPH": 20.099}]) == (found.values, found.registers)


def test_a_quotient_is_written_with_the_digits_it_has() -> None:
    cases: list[tuple[int | Fraction, int, int, str]] = [
        (540, 1000, 6, "0.54"),
        (1, 6, 3, "0.167"),
        (12, 6, 3, "2"),
        (1, 2000, 3, "0"),
        (3, 2000, 3, "0.002"),
        (Fraction(1, 3), 1, 3, "0.333"),
        (-5, 3, 3, "-1.667"),
        (10**15 + 1, 1000, 3, "1000000000000.001"),
    ]

    for numerator, denominator, decimals, expected in cases:
        with case(numerator, denominator, decimals, expected):
            assert expected == repr(rounded(numerator, denominator, decimals))


def test_the_unit_of_an_answer() -> None:
    cases: list[tuple[Quantity, Resolution | None, Unit | None, str]] = [
        (Quantity.POWER, None, None, "W"),
        (Quantity.POWER, Resolution.HOUR, None, "Wh"),
        (Quantity.POWER, Resolution.MONTH, Unit.WATTS, "W"),
        (Quantity.POWER, None, Unit.KILOWATT_HOURS, "kWh"),
        (Quantity.ENERGY, Resolution.WEEK, None, "Wh"),
        (Quantity.ENERGY, None, Unit.WATTS, "W"),
        (Quantity.PEAK, Resolution.MONTH, None, "VA"),
        (Quantity.INDEX, None, Unit.KILOWATT_HOURS, "kWh"),
    ]

    for quantity, resolution, unit, expected in cases:
        with case(quantity, resolution, unit, expected):
            assert expected == unit_shown(of(quantity), resolution, unit)


def test_what_has_no_meaning_is_refused_with_a_reason() -> None:
    cases: list[tuple[Quantity, Resolution | None, Unit | None, str]] = [
        (Quantity.ENERGY, Resolution.HOUR, None, "resolution"),
        (Quantity.PEAK, Resolution.HOUR, None, "resolution"),
        (Quantity.PEAK, None, Unit.WATTS, "unit"),
        (Quantity.PEAK, Resolution.DAY, Unit.WATT_HOURS, "unit"),
        (Quantity.INDEX, Resolution.MONTH, None, "resolution"),
        (Quantity.INDEX, None, Unit.WATTS, "unit"),
    ]

    for quantity, resolution, unit, parameter in cases:
        with case(quantity, resolution, unit, parameter):
            with pytest.raises(NotComputable) as refused:
                unit_shown(of(quantity), resolution, unit)

            assert parameter == refused.value.parameter
            assert refused.value.reason.endswith(".")


def of(quantity: Quantity) -> Dataset:
    """A dataset of that kind."""
    return next(dataset for dataset in DATASETS.values() if dataset.quantity is quantity)

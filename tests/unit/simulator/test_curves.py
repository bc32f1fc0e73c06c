"""The readings agree with each other, on every day, for every household."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from simulator.curves import daily_watt_hours, load_curve, peak
from simulator.households import Direction, Household, household_of, known_households
from simulator.known_points import DEFAULT_USAGE_POINT, Profile
from simulator.paris import PARIS, day_minutes, day_start, days_between
from simulator.series import CurvePoint, Period, curve_points, day_energies, day_peaks, monthly_peaks, published_part
from tests.support.cases import case

CLOCK_CHANGES = [date(year, month, day) for year, month, day in ((2025, 3, 30), (2025, 10, 26), (2026, 3, 29))]
CLOCK_CHANGES.append(date(2026, 10, 25))

days = st.one_of(st.sampled_from(CLOCK_CHANGES), st.dates(min_value=date(2023, 1, 1), max_value=date(2028, 12, 31)))
households = st.one_of(
    st.sampled_from(known_households()),
    st.integers(min_value=0, max_value=10**14 - 1).map(lambda number: household_of(f"{number:014d}")),
)


@given(household=households, day=days, direction=st.sampled_from(Direction))
def test_the_curve_adds_up_to_the_daily_energy(household: Household, day: date, direction: Direction) -> None:
    if not household.flows(direction):
        return
    watts = load_curve(household, direction, day)

    assert sum(watts) * household.step_minutes(day) == daily_watt_hours(household, direction, day) * 60


@given(household=households, day=days)
def test_the_curve_fills_the_day_and_is_never_negative(household: Household, day: date) -> None:
    direction = Direction.CONSUMPTION if household.consumes else Direction.PRODUCTION
    watts = load_curve(household, direction, day)

    assert len(watts) * household.step_minutes(day) == day_minutes(day)
    assert min(watts) >= 0


@given(household=households.filter(lambda household: household.consumes), day=days)
def test_the_peak_lies_in_the_highest_slot_and_above_it(household: Household, day: date) -> None:
    watts = load_curve(household, Direction.CONSUMPTION, day)
    found = peak(household, day)
    slot = int((found.instant - day_start(day)).total_seconds()) // (household.step_minutes(day) * 60)

    assert watts[slot] == max(watts)
    assert found.volt_amperes >= max(watts)


@given(household=households.filter(lambda household: household.consumes), day=days)
def test_the_peak_belongs_to_its_paris_day(household: Household, day: date) -> None:
    assert peak(household, day).instant.astimezone(PARIS).date() == day


def test_readings_are_the_same_on_every_machine() -> None:
    household = household_of(DEFAULT_USAGE_POINT)
    day = date(2026, 1, 15)

    # Frozen values: a change here makes recorded runs incomparable.
    assert daily_watt_hours(household, Direction.CONSUMPTION, day) == 25_360
    assert load_curve(household, Direction.CONSUMPTION, day)[:4] == (569, 676, 644, 705)


def test_days_differ_from_each_other() -> None:
    household = household_of(DEFAULT_USAGE_POINT)
    month = days_between(date(2026, 1, 1), date(2026, 2, 1))
    curves = {load_curve(household, Direction.CONSUMPTION, day) for day in month}

    assert len(curves) == 31


def test_households_differ_from_each_other() -> None:
    day = date(2026, 1, 15)
    energies = {
        daily_watt_hours(household_of(f"{number:014d}"), Direction.CONSUMPTION, day) for number in range(100, 160)
    }

    assert len(energies) > 50


def _mean_watt_hours(usage_point_id: str, start: date, end: date, direction: Direction) -> float:
    energies = day_energies(household_of(usage_point_id), direction, Period(start, end))
    return sum(energy.watt_hours for energy in energies) / len(energies)


def test_heating_makes_winter_heavier_than_summer() -> None:
    winter = _mean_watt_hours(DEFAULT_USAGE_POINT, date(2026, 1, 1), date(2026, 2, 1), Direction.CONSUMPTION)
    summer = _mean_watt_hours(DEFAULT_USAGE_POINT, date(2026, 7, 1), date(2026, 8, 1), Direction.CONSUMPTION)

    assert winter > 2 * summer


def test_the_sun_makes_summer_heavier_than_winter_and_nights_dark() -> None:
    winter = _mean_watt_hours("99000000000033", date(2026, 1, 1), date(2026, 2, 1), Direction.PRODUCTION)
    summer = _mean_watt_hours("99000000000033", date(2026, 7, 1), date(2026, 8, 1), Direction.PRODUCTION)
    night = load_curve(household_of("99000000000033"), Direction.PRODUCTION, date(2026, 7, 1))[:8]

    assert summer > 2 * winter
    assert night == (0,) * 8


def test_the_night_tariff_fills_the_night() -> None:
    watts = load_curve(household_of("99000000000022"), Direction.CONSUMPTION, date(2026, 7, 1))

    assert sum(watts[:6]) + sum(watts[45:]) > sum(watts[6:24])


def test_a_second_home_is_nearly_empty_on_weekdays() -> None:
    household = household_of("99000000000044")
    energies = {
        day: daily_watt_hours(household, Direction.CONSUMPTION, day)
        for day in days_between(date(2026, 5, 1), date(2026, 7, 1))
    }

    assert all(energy < 1_500 for day, energy in energies.items() if day.weekday() < 5)
    assert any(energy > 3_000 for day, energy in energies.items() if day.weekday() >= 5)


def test_gaps_leave_out_points_and_days_but_never_change_a_value() -> None:
    household = household_of("99000000000055")
    period = Period(date(2026, 1, 1), date(2026, 4, 1))
    points = curve_points(household, Direction.CONSUMPTION, period)
    whole = sum(len(load_curve(household, Direction.CONSUMPTION, day)) for day in _days(period))
    energies = day_energies(household, Direction.CONSUMPTION, period)

    assert whole * 0.5 < len(points) < whole * 0.98
    assert 70 < len(energies) < 90
    assert all(
        energy.watt_hours == daily_watt_hours(household, Direction.CONSUMPTION, energy.day) for energy in energies
    )


def _days(period: Period) -> list[date]:
    return list(days_between(period.start, period.end))


def test_a_household_without_curve_still_has_daily_energy() -> None:
    household = household_of("99000000000066")
    period = Period(date(2026, 1, 1), date(2026, 1, 8))

    assert curve_points(household, Direction.CONSUMPTION, period) == []
    assert len(day_energies(household, Direction.CONSUMPTION, period)) == 7


def test_the_step_of_a_curve_can_change_inside_an_answer() -> None:
    household = household_of("99000000000121")
    points = curve_points(household, Direction.CONSUMPTION, Period(date(2026, 6, 14), date(2026, 6, 16)))

    assert [point.step_minutes for point in points] == [60] * 24 + [15] * 96


def test_curve_points_carry_the_labels_of_their_slots() -> None:
    household = household_of(DEFAULT_USAGE_POINT)
    points = curve_points(household, Direction.CONSUMPTION, Period(date(2026, 1, 15), date(2026, 1, 16)))
    first = load_curve(household, Direction.CONSUMPTION, date(2026, 1, 15))[0]

    assert points[0] == CurvePoint("2026-01-15 00:30:00", first, 30)


def test_a_month_keeps_its_highest_peak() -> None:
    household = household_of(DEFAULT_USAGE_POINT)
    daily = day_peaks(household, Period(date(2026, 1, 20), date(2026, 2, 10)))
    monthly = monthly_peaks(daily)

    assert [found.peak.volt_amperes for found in monthly] == [
        max(found.peak.volt_amperes for found in daily if found.day.month == month) for month in (1, 2)
    ]


def test_nothing_is_published_beyond_the_period_nor_before_its_hour() -> None:
    for hour in [0, 12, 23]:
        with case(hour):
            period = Period(date(2026, 1, 1), date(2026, 1, 4))
            now = datetime(2026, 1, 3, hour, 30, tzinfo=PARIS)
            expected = date(2026, 1, 2) if hour < 8 else date(2026, 1, 3)

            household = household_of(DEFAULT_USAGE_POINT)

            assert published_part(household, period, now, 8).end == expected
            assert published_part(household, period, now + timedelta(days=30), 8) == period


def test_a_badly_received_meter_is_sometimes_a_day_late() -> None:
    household = household_of("99000000000055")
    mornings = [datetime(2026, 1, day, 12, tzinfo=PARIS) for day in range(1, 32)]
    year = Period(date(2025, 1, 1), date(2026, 12, 31))
    delays = {(now.date() - published_part(household, year, now, 8).end).days for now in mornings}

    assert delays == {0, 1}


def test_profiles_all_have_a_known_household() -> None:
    assert {household.profile for household in known_households()} == set(Profile)

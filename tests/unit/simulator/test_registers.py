"""Registers grow by exactly the energy of the days between."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.curves import daily_watt_hours
from simulator.households import Direction, Household, household_of, known_households
from simulator.known_points import Profile
from simulator.registers import OFF_PEAK, PEAK, register_watt_hours, registers_of

ONE_DAY = timedelta(days=1)
FLOWING = [
    (household, direction) for household in known_households() for direction in Direction if household.flows(direction)
]


def _total(household: Household, direction: Direction, day: date) -> int:
    return sum(
        register_watt_hours(household, direction, register, day) for register in registers_of(household, direction)
    )


# The first read of a household's registers adds up years of days. Years before the reference count backwards.
@settings(max_examples=40)
@given(flowing=st.sampled_from(FLOWING), day=st.dates(min_value=date(2021, 6, 1), max_value=date(2026, 12, 31)))
def test_the_difference_of_two_days_is_the_energy_of_the_first(flowing: tuple[Household, Direction], day: date) -> None:
    household, direction = flowing
    if day < household.activation_of(direction):
        return
    grown = _total(household, direction, day + ONE_DAY) - _total(household, direction, day)

    assert grown == daily_watt_hours(household, direction, day)


def test_only_the_night_tariff_has_two_registers() -> None:
    night = household_of("99000000000022")

    assert registers_of(night, Direction.CONSUMPTION) == (OFF_PEAK, PEAK)
    assert {
        len(registers_of(household, Direction.CONSUMPTION))
        for household in known_households()
        if household.profile is not Profile.NIGHT_TARIFF
    } == {1}


def test_both_registers_of_the_night_tariff_turn() -> None:
    night = household_of("99000000000022")
    grown = [
        register_watt_hours(night, Direction.CONSUMPTION, register, date(2026, 2, 1))
        - register_watt_hours(night, Direction.CONSUMPTION, register, date(2026, 1, 1))
        for register in (OFF_PEAK, PEAK)
    ]

    assert min(grown) > 100_000

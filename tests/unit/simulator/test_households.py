"""A household is derived from its digits."""

from collections import Counter
from datetime import date

import pytest

from simulator.households import Direction, household_of, is_usage_point_id, known_households
from simulator.known_points import HOUSEHOLDS, Profile
from tests.support.cases import case


def test_only_fourteen_ascii_digits_are_a_usage_point() -> None:
    for text in ["", "1234567890123", "123456789012345", "1234567890123a", "१२३४५६७८९०१२३४", "9900000000001\n"]:
        with case(text):
            assert not is_usage_point_id(text)


def test_an_ill_formed_usage_point_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValueError, match="14 digits") as caught:
        household_of("1234abcd")

    assert "1234abcd" not in str(caught.value)


def test_every_known_point_can_be_no_real_one() -> None:
    assert all(is_usage_point_id(point) and point.startswith("99") for point in HOUSEHOLDS)


def test_unknown_points_take_every_profile_in_its_share() -> None:
    profiles = Counter(household_of(f"{number:014d}").profile for number in range(3_000))

    assert set(profiles) == set(Profile)
    assert profiles[Profile.STANDARD] > profiles[Profile.NIGHT_TARIFF] > profiles[Profile.SOLAR]


def test_a_producer_only_produces_and_a_solar_household_does_both() -> None:
    flows = {
        household.profile: (household.flows(Direction.CONSUMPTION), household.flows(Direction.PRODUCTION))
        for household in known_households()
    }

    assert flows[Profile.PRODUCER] == (False, True)
    assert flows[Profile.SOLAR] == (True, True)
    assert flows[Profile.STANDARD] == (True, False)


def test_panels_came_after_the_house() -> None:
    solar = household_of("99000000000033")

    assert solar.activation < solar.activation_of(Direction.PRODUCTION) < date(2022, 12, 31)
    assert solar.activation_of(Direction.CONSUMPTION) == solar.activation


def test_segments_name_what_flows() -> None:
    assert household_of("99000000000033").segments == ("C5", "P4")
    assert household_of("99000000000077").segments == ("P4",)

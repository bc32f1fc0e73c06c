"""Holders' details are stable and cannot be mistaken for those of real people."""

from simulator.holders import holder_of
from simulator.households import household_of


def test_papers_follow_from_the_digits() -> None:
    assert holder_of(household_of("99000000000011")) == holder_of(household_of("99000000000011"))
    assert holder_of(household_of("99000000000011")) != holder_of(household_of("99000000000022"))


def test_nobody_can_be_reached() -> None:
    holders = [holder_of(household_of(f"{number:014d}")) for number in range(500)]

    assert all(holder.email.endswith("@example.invalid") for holder in holders)
    # The ranges that the French numbering plan reserves for fiction.
    assert all(len(holder.landline) == 10 and holder.landline.startswith("019900") for holder in holders)
    assert all(len(holder.mobile) == 10 and holder.mobile.startswith("063998") for holder in holders)
    assert all(holder.last_name.startswith("TITULAIRE-") and holder.postal_code[:2] == "99" for holder in holders)


def test_a_company_has_a_name_of_its_own() -> None:
    assert holder_of(household_of("99000000000132")).company is not None
    assert holder_of(household_of("99000000000011")).company is None

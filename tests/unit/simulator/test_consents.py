"""Shares: stable guessable ids, one active share per point, and a file that survives a restart."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from simulator.consents import AlreadySharedError, Consents
from simulator.durations import DurationTooLongError, UnreadableDurationError, parse_duration
from tests.support.cases import case

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)
YEAR = timedelta(days=365)
POINT = "99000000000011"
OTHER = "99000000000022"


def test_ids_grow_by_one() -> None:
    consents = Consents(58_249)

    assert consents.grant(POINT, NOW, YEAR).authorisation_id == 58_249
    assert consents.grant(OTHER, NOW, YEAR).authorisation_id == 58_250


def test_a_shared_point_cannot_be_shared_again() -> None:
    consents = Consents(1)
    consents.grant(POINT, NOW, YEAR)

    with pytest.raises(AlreadySharedError):
        consents.grant(POINT, NOW, YEAR)


def test_sharing_again_after_revoking_gives_the_same_id() -> None:
    consents = Consents(1)
    first = consents.grant(POINT, NOW, YEAR)
    consents.grant(OTHER, NOW, YEAR)
    consents.revoke(POINT)

    assert not consents.is_active(POINT, TODAY)
    assert consents.grant(POINT, NOW, YEAR).authorisation_id == first.authorisation_id


def test_whoever_moves_in_gets_an_id_that_nobody_had(tmp_path: Path) -> None:
    consents = Consents(1, tmp_path / "consents.json")
    consents.grant(POINT, NOW, YEAR)
    consents.grant(OTHER, NOW, YEAR)

    consents.move_in(POINT)
    moved = Consents(1, tmp_path / "consents.json")

    assert not moved.is_active(POINT, TODAY)
    assert moved.by_authorisation(1, NOW) is None
    assert moved.grant(POINT, NOW, YEAR).authorisation_id == 3


def test_a_share_ends_on_its_day() -> None:
    consents = Consents(1)
    consents.grant(POINT, NOW, timedelta(days=10))

    assert consents.is_active(POINT, date(2026, 12, 2))
    assert not consents.is_active(POINT, date(2026, 12, 3))


def test_an_expired_share_can_be_renewed_with_the_same_id() -> None:
    consents = Consents(1)
    first = consents.grant(POINT, NOW, timedelta(days=10))
    again = consents.grant(POINT, NOW + timedelta(days=30), YEAR)

    assert again.authorisation_id == first.authorisation_id


def test_a_share_can_stay_invisible_for_a_while() -> None:
    consents = Consents(1)
    consents.grant(POINT, NOW, YEAR, visible_after=timedelta(seconds=5))

    assert consents.by_authorisation(1, NOW + timedelta(seconds=4)) is None
    assert consents.by_authorisation(1, NOW + timedelta(seconds=5)) is not None


def test_the_state_file_brings_shares_and_ids_back(tmp_path: Path) -> None:
    state_file = tmp_path / "state" / "consents.json"
    before = Consents(1, state_file)
    before.grant(OTHER, NOW, YEAR)
    before.grant(POINT, NOW, YEAR)
    before.revoke(OTHER)
    after = Consents(1, state_file)

    assert after.all() == before.all()
    assert after.grant(OTHER, NOW, YEAR).authorisation_id == 1


def test_durations_are_counted_by_the_calendar() -> None:
    cases: list[tuple[str, date]] = [
        ("P1Y", date(2027, 11, 23)),
        ("P36M", date(2029, 11, 23)),
        ("P3Y", date(2029, 11, 23)),
        ("P1Y4M", date(2028, 3, 23)),
        ("P2W", date(2026, 12, 7)),
        ("P1095D", date(2029, 11, 22)),
        ("P1096D", date(2029, 11, 23)),
    ]

    for text, end in cases:
        with case(text, end):
            assert TODAY + parse_duration(text, TODAY) == end


def test_what_is_no_positive_duration_is_unreadable() -> None:
    for text in ["", "P", "3Y", "P0D", "P-1D", "PT1H", "P1.5Y", "P1M1Y", "p1y", "P1Y "]:
        with case(text), pytest.raises(UnreadableDurationError):
            parse_duration(text, TODAY)


def test_more_than_three_years_is_too_long() -> None:
    for text in ["P4Y", "P37M", "P3Y1D", "P1097D", "P9999Y", "P157W"]:
        with case(text), pytest.raises(DurationTooLongError):
            parse_duration(text, TODAY)

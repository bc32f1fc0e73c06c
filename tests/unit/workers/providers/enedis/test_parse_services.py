"""The usage points of a consent: the entries of the subscribed services, one per measure and direction."""

from datetime import date
from typing import Any

import pytest

from shared.consents.models import GrantedPoint
from shared.core.datasets import Direction
from shared.core.errors import ProviderGarbage
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded
from workers.providers.enedis.adapter_2026 import parse_services

BOTH = frozenset({Direction.CONSUMPTION, Direction.PRODUCTION})


def entry(**changes: Any) -> dict[str, Any]:
    """One entry with the required fields, and changes; a change to ``...`` removes a field."""
    service = {
        "etatCode": "ACTIF",
        "pointId": CONSUMER,
        "soutirage": True,
        "injection": False,
        "dateFin": "2029-09-07",
        "autorisation": {"autorisationId": 4101},
        **changes,
    }
    return {name: value for name, value in service.items() if value is not ...}


def services(*entries: object) -> dict[str, Any]:
    return {"nbTotalServices": len(entries), "serviceSouscrit": list(entries)}


def test_the_five_entries_of_a_consumer_are_one_point() -> None:
    points = parse_services(recorded("services_consommateur"), 4101)

    assert [GrantedPoint(CONSUMER, frozenset({Direction.CONSUMPTION}), date(2029, 9, 7))] == points


def test_a_self_consumer_has_both_directions_until_the_last_service_ends() -> None:
    points = parse_services(recorded("services_autoconsommateur"), 4202)

    assert [GrantedPoint(SELF_CONSUMER, BOTH, date(2029, 10, 7))] == points


def test_an_authorisation_that_opens_nothing_gives_no_point() -> None:
    cases: list[dict[str, Any]] = [recorded("services_aucun"), {}, {"serviceSouscrit": None}, services()]

    for body in cases:
        with case(body):
            assert [] == parse_services(body, 4101)


def test_services_of_another_authorisation_do_not_count() -> None:
    assert [] == parse_services(recorded("services_consommateur"), 4202)


def test_an_entry_that_does_not_name_our_authorisation_does_not_count() -> None:
    cases: list[object] = [..., None, {}, {"autorisationId": 4102}, {"autorisationId": "4102"}]

    for authorisation in cases:
        with case(authorisation):
            assert [] == parse_services(services(entry(autorisation=authorisation)), 4101)


def test_an_authorisation_written_as_text_is_the_same_one() -> None:
    body = services(entry(autorisation={"autorisationId": "4101"}))

    assert [CONSUMER] == [point.prm for point in parse_services(body, 4101)]


def test_only_active_services_count() -> None:
    cases: list[str | None] = ["DEMANDE", "TERMINE", "SUPPRIME", "", None]

    for state in cases:
        with case(state):
            ended = entry(etatCode=state, injection=True, dateFin="2031-01-01")

            points = parse_services(services(ended, entry()), 4101)

            assert [GrantedPoint(CONSUMER, frozenset({Direction.CONSUMPTION}), date(2029, 9, 7))] == points


def test_two_points_under_one_authorisation_stay_two() -> None:
    body = services(entry(), entry(pointId=SELF_CONSUMER, soutirage=False, injection=True, dateFin=...))

    assert [
        GrantedPoint(CONSUMER, frozenset({Direction.CONSUMPTION}), date(2029, 9, 7)),
        GrantedPoint(SELF_CONSUMER, frozenset({Direction.PRODUCTION}), None),
    ] == parse_services(body, 4101)


def test_the_end_of_a_service_is_a_day() -> None:
    for end in ["2029-09-07", "2029-09-07T00:00:00+0200"]:
        with case(end):
            assert [date(2029, 9, 7)] == [
                point.expires_on for point in parse_services(services(entry(dateFin=end)), 4101)
            ]


def test_services_of_another_shape_are_garbage() -> None:
    cases: list[object] = [
        None,
        [],
        "text",
        services("text"),
        services(None),
        {"serviceSouscrit": 7},
        services(entry(etatCode=...)),
        services(entry(pointId=...)),
        services(entry(pointId=CONSUMER[:13])),
        services(entry(pointId=f"{CONSUMER}0")),
        services(entry(pointId="9900000000910x")),
        # Arabic-Indic digits are digits to Python; they are no usage point.
        services(entry(pointId="٩٩٠٠٠٠٠٠٠٠٩١٠١")),
        services(entry(dateFin="soon")),
        services(entry(dateFin=20290907)),
        services(entry(autorisation="4101")),
        services(entry(autorisation={"autorisationId": "many"})),
        services(entry(autorisation={"autorisationId": None})),
        services(entry(autorisation={"autorisationId": float("inf")})),
    ]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_services(body, 4101)


def test_a_granted_point_does_not_show_its_digits() -> None:
    (point,) = parse_services(recorded("services_consommateur"), 4101)

    assert CONSUMER not in repr(point)

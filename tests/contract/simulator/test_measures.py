"""The five measures of 2026: their captured shapes, their days, and all their refusals."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from simulator.clock import ManualClock
from tests.support.cases import case

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[httpx.Response]]
Share = Callable[[str], Awaitable[int]]

CURVE = "courbe_de_charge_consommation"
DAILY = "consommation_quotidienne"
PEAK = "puissance_conso_max_quotidienne"
PRODUCTION = "production_quotidienne"
PRODUCTION_CURVE = "courbe_de_charge_production"
STANDARD, SOLAR, GAPS, NO_CURVE, PRODUCER, RECENT = (f"990000000000{n}{n}" for n in (1, 3, 5, 6, 7, 8))
THREE_PHASE = "99000000000110"


def _points(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    points = answer.json()["grandeur"][0]["points"]
    assert isinstance(points, list)
    return points


async def test_a_curve_has_the_captured_shape(ask: Ask, share: Share) -> None:
    await share(STANDARD)
    body = (await ask(CURVE, "2026-11-20", "2026-11-22")).json()
    points: list[dict[str, Any]] = body["grandeur"][0].pop("points")

    assert body == {
        "idPrm": STANDARD,
        "etapeMetier": "BRUT",
        "periode": {"dateDebut": "2026-11-20", "dateFin": "2026-11-22"},
        "modeCalcul": "MESURE",
        "grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA", "unite": "W", "calendrier": []}],
        "contexte": [],
    }
    assert len(points) == 96
    assert points[0] | {"v": "?"} == {
        "v": "?",
        "d": "2026-11-20 00:30:00",
        "p": "PT30M",
        "n": "B",
        "iv": "0",
        "ec": "0",
    }
    assert points[-1]["d"] == "2026-11-22 00:00:00"
    assert all(point["v"].isdecimal() for point in points)


async def test_daily_energy_has_the_captured_shape(ask: Ask, share: Share) -> None:
    await share(STANDARD)
    body = (await ask(DAILY, "2026-11-20", "2026-11-22")).json()
    points: list[dict[str, Any]] = body["grandeur"][0].pop("points")

    assert body == {
        "idPrm": STANDARD,
        "etapeMetier": "BRUT",
        "periode": {"dateDebut": "2026-11-20", "dateFin": "2026-11-22"},
        "typeValeur": "GLOBALE",
        "modeCalcul": "DIFF.INDEX",
        "pas": "P1D",
        "grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "EA", "unite": "Wh", "calendrier": []}],
        "contexte": [],
    }
    assert [set(point) for point in points] == [{"v", "d"}] * 2
    assert [point["d"] for point in points] == ["2026-11-20", "2026-11-21"]


async def test_peaks_have_the_captured_shape_and_their_instant(ask: Ask, share: Share) -> None:
    await share(STANDARD)
    body = (await ask(PEAK, "2026-11-20", "2026-11-22")).json()
    points: list[dict[str, Any]] = body["grandeur"][0].pop("points")

    assert body == {
        "idPrm": STANDARD,
        "etapeMetier": "BRUT",
        "periode": {"dateDebut": "2026-11-20", "dateFin": "2026-11-22"},
        "modeCalcul": "MESURE",
        "pas": "P1D",
        "grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PMA", "unite": "VA", "calendrier": []}],
        "contexte": [],
    }
    assert [point["d"][:11] for point in points] == ["2026-11-20 ", "2026-11-21 "]


async def test_three_phases_are_added_when_all_are_asked_for(ask: Ask, share: Share) -> None:
    await share(THREE_PHASE)
    await share(STANDARD)
    three = await ask(PEAK, "2026-11-20", "2026-11-22", THREE_PHASE, grandeurPhysique="TOUT")
    single = await ask(PEAK, "2026-11-20", "2026-11-22", STANDARD, grandeurPhysique="TOUT")

    assert [found["grandeurPhysique"] for found in three.json()["grandeur"]] == ["PMA", "PMA1", "PMA2", "PMA3"]
    assert [found["grandeurPhysique"] for found in single.json()["grandeur"]] == ["PMA"]


async def test_a_month_has_one_peak(ask: Ask, share: Share) -> None:
    await share(STANDARD)
    answer = await ask(PEAK, "2026-09-01", "2026-11-01", mesuresPas="P1M")

    assert answer.json()["pas"] == "P1M"
    assert [point["d"][:7] for point in _points(answer)] == ["2026-09", "2026-10"]


async def test_production_names_its_direction(ask: Ask, share: Share) -> None:
    await share(SOLAR)
    daily = await ask(PRODUCTION, "2026-07-01", "2026-07-02", SOLAR)
    curve = await ask(PRODUCTION_CURVE, "2026-07-01", "2026-07-02", SOLAR)

    assert daily.json()["grandeur"][0]["grandeurMetier"] == "PROD"
    assert sum(int(point["v"]) for point in _points(curve)) / 2 == int(_points(daily)[0]["v"])


async def test_clock_changes_give_46_and_50_points_that_add_up(ask: Ask, share: Share) -> None:
    cases: list[tuple[str, str, int]] = [("2026-03-29", "2026-03-30", 46), ("2026-10-25", "2026-10-26", 50)]

    await share(STANDARD)
    for day, end, count in cases:
        with case(day, end, count):
            curve = _points(await ask(CURVE, day, end))
            daily = _points(await ask(DAILY, day, end))

            assert len(curve) == count
            assert sum(int(point["v"]) for point in curve) / 2 == int(daily[0]["v"])


async def test_october_repeats_its_labels(ask: Ask, share: Share) -> None:
    await share(STANDARD)
    labels = Counter(point["d"] for point in _points(await ask(CURVE, "2026-10-25", "2026-10-26")))

    assert sorted(label for label, times in labels.items() if times == 2) == [
        "2026-10-25 02:00:00",
        "2026-10-25 02:30:00",
    ]


async def test_yesterday_is_missing_until_eight_in_paris(
    ask: Ask, share: Share, enedis: httpx.AsyncClient, clock: ManualClock
) -> None:
    await share(STANDARD)
    await enedis.post("/control/clock", json={"now": "2026-11-24T07:59:59+01:00"})
    before = await ask(DAILY, "2026-11-22", "2026-11-24")
    clock.advance(1)
    after = await ask(DAILY, "2026-11-22", "2026-11-24")

    assert [point["d"] for point in _points(before)] == ["2026-11-22"]
    assert [point["d"] for point in _points(after)] == ["2026-11-22", "2026-11-23"]


async def test_only_yesterday_asked_too_early_is_no_measure(ask: Ask, share: Share, enedis: httpx.AsyncClient) -> None:
    await share(STANDARD)
    await enedis.post("/control/clock", json={"now": "2026-11-24T07:00:00+01:00"})
    answer = await ask(DAILY, "2026-11-23", "2026-11-24")

    assert (answer.status_code, answer.json()["error"]) == (404, "no_data_found")


async def test_gaps_are_absent_points(ask: Ask, share: Share) -> None:
    await share(GAPS)
    answers = [await ask(CURVE, f"2026-{month:02}-01", f"2026-{month:02}-08", GAPS) for month in range(1, 11)]

    assert 0 < sum(len(_points(answer)) for answer in answers) < 10 * 7 * 48


async def test_a_malformed_request_is_a_500(ask: Ask, share: Share) -> None:
    cases: list[tuple[str, dict[str, str | None]]] = [
        (DAILY, {"pointId": None}),
        (DAILY, {"pointId": "123"}),
        (DAILY, {"dateDebut": None}),
        (DAILY, {"dateDebut": "20/11/2026"}),
        (DAILY, {"dateDebut": "2026-02-30"}),
        (DAILY, {"dateFin": "2026-11-22T00:00:00"}),
        (DAILY, {"person_id": "1234567890"}),
        (DAILY, {"mesuresPas": "P1D"}),
        (CURVE, {"grandeurPhysique": "PMA"}),
        (PEAK, {"mesuresPas": None}),
        (PEAK, {"mesuresPas": "P1Y"}),
        (PEAK, {"grandeurPhysique": None}),
        (PEAK, {"grandeurPhysique": "PMA1"}),
    ]

    await share(STANDARD)
    for resource, change in cases:
        with case(resource, change):
            others = {"dateDebut": "2026-11-20", "dateFin": "2026-11-22", "pointId": STANDARD} | change
            answer = await ask(resource, "", "", **others)

            assert (answer.status_code, answer.json()["error"]) == (500, "technical_error")


async def test_a_repeated_parameter_is_a_500(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(STANDARD)
    query = f"pointId={STANDARD}&dateDebut=2026-11-20&dateDebut=2026-11-21&dateFin=2026-11-22"
    answer = await enedis.get(f"/mesure_synchrone_auto/v2/{DAILY}?{query}")

    assert answer.status_code == 500


async def test_each_broken_rule_has_its_refusal(ask: Ask, share: Share) -> None:
    cases: list[tuple[str, str, str, str, int, str]] = [
        (DAILY, STANDARD, "2026-11-22", "2026-11-20", 400, "ADAM-ERR0002"),
        (DAILY, STANDARD, "2026-11-22", "2026-11-22", 400, "ADAM-ERR0002"),
        (DAILY, RECENT, "2026-03-15", "2026-03-20", 400, "ADAM-ERR0123"),
        (CURVE, STANDARD, "2026-11-10", "2026-11-18", 400, "ADAM-ERR0126"),
        (CURVE, STANDARD, "2024-11-07", "2024-11-09", 400, "ADAM-ERR0125"),
        (DAILY, STANDARD, "2023-11-07", "2023-11-09", 400, "ADAM-ERR0125"),
        (DAILY, STANDARD, "2026-11-20", "2026-11-24", 400, "Invalid_request"),
        (PRODUCTION, STANDARD, "2026-11-20", "2026-11-22", 400, "ADAM-ERR0069"),
        (PRODUCTION_CURVE, STANDARD, "2026-11-20", "2026-11-22", 400, "ADAM-ERR0069"),
        (DAILY, PRODUCER, "2026-11-20", "2026-11-22", 400, "ADAM-ERR0069"),
        (CURVE, NO_CURVE, "2026-11-20", "2026-11-22", 404, "no_data_found"),
    ]

    for shared in {point for _, point, *_ in cases}:
        await share(shared)
    for resource, point, start, end, status, error in cases:
        with case(resource, point, start, end, status, error):
            answer = await ask(resource, start, end, point)

            assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_week_of_curve_and_years_of_days_are_allowed(ask: Ask, share: Share) -> None:
    await share(STANDARD)

    assert len(_points(await ask(CURVE, "2026-11-16", "2026-11-23"))) == 7 * 48
    assert len(_points(await ask(DAILY, "2023-11-23", "2026-11-23"))) == 1_096


async def test_a_point_without_consent_is_forbidden(ask: Ask) -> None:
    for resource in [DAILY, CURVE, PEAK]:
        with case(resource):
            answer = await ask(resource, "2026-11-20", "2026-11-22")

            assert (answer.status_code, answer.json()["error"]) == (403, "ADAM-DC-0008")


async def test_a_revoked_or_expired_consent_is_forbidden(ask: Ask, share: Share, enedis: httpx.AsyncClient) -> None:
    await share(STANDARD)
    await enedis.post("/control/revoke", json={"usage_point_id": STANDARD})
    revoked = await ask(DAILY, "2026-11-20", "2026-11-22")
    await enedis.post("/control/consents", json={"usage_point_id": SOLAR, "duration": "P1D"})
    await enedis.post("/control/clock", json={"now": "2026-11-24T00:00:00+01:00"})
    expired = await ask(DAILY, "2026-11-20", "2026-11-22", SOLAR)

    assert (revoked.status_code, expired.status_code) == (403, 403)


async def test_an_unknown_path_gets_the_gateway_answer(enedis: httpx.AsyncClient) -> None:
    answer = await enedis.get("/mesure_synchrone_auto/v1/metering_data/daily_consumption")

    assert (answer.status_code, answer.json()["code"]) == (404, "404")

"""The five measures of v5: their shapes, their refusals, and their agreement with 2026."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from simulator.known_points import HOUSEHOLDS
from tests.support.cases import case

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[httpx.Response]]
Share = Callable[[str], Awaitable[int]]

STANDARD, SOLAR, NO_CURVE, PRODUCER, RECENT = (f"990000000000{n}{n}" for n in (1, 3, 6, 7, 8))
DAILY = "/metering_data_dc/v5/daily_consumption"
CURVE = "/metering_data_clc/v5/consumption_load_curve"
PEAK = "/metering_data_dcmp/v5/daily_consumption_max_power"
PRODUCTION = "/metering_data_dp/v5/daily_production"
PRODUCTION_CURVE = "/metering_data_plc/v5/production_load_curve"
TWINS = {
    DAILY: "consommation_quotidienne",
    CURVE: "courbe_de_charge_consommation",
    PEAK: "puissance_conso_max_quotidienne",
    PRODUCTION: "production_quotidienne",
    PRODUCTION_CURVE: "courbe_de_charge_production",
}
READING_TYPES = {
    DAILY: {"measurement_kind": "energy", "measuring_period": "P1D", "unit": "Wh", "aggregate": "sum"},
    CURVE: {"unit": "W", "measurement_kind": "power", "aggregate": "average"},
    PEAK: {"measurement_kind": "power", "measuring_period": "P1D", "unit": "VA", "aggregate": "maximum"},
    PRODUCTION: {"measurement_kind": "energy", "measuring_period": "P1D", "unit": "Wh", "aggregate": "sum"},
    PRODUCTION_CURVE: {"unit": "W", "measurement_kind": "power", "aggregate": "average"},
}


async def _ask(enedis: httpx.AsyncClient, path: str, point: str, start: str, end: str) -> httpx.Response:
    return await enedis.get(path, params={"usage_point_id": point, "start": start, "end": end})


async def test_an_answer_has_the_captured_shape(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(SOLAR)
    for path, reading_type in READING_TYPES.items():
        with case(path):
            body = (await _ask(enedis, path, SOLAR, "2026-07-01", "2026-07-03")).json()
            readings: list[dict[str, str]] = body["meter_reading"].pop("interval_reading")

            assert body == {
                "meter_reading": {
                    "usage_point_id": SOLAR,
                    "start": "2026-07-01",
                    "end": "2026-07-03",
                    "quality": "BRUT",
                    "reading_type": reading_type,
                }
            }
            keys = {"value", "date"} | ({"interval_length", "measure_type"} if "load_curve" in path else set())
            assert {frozenset(reading) for reading in readings} == {frozenset(keys)}


def _as_v5(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {"v": "value", "d": "date", "p": "interval_length", "n": "measure_type"}
    return [{names[key]: value for key, value in point.items() if key in names} for point in points]


async def test_both_generations_give_the_same_readings_or_both_refuse(
    enedis: httpx.AsyncClient, ask: Ask, share: Share
) -> None:
    for point in HOUSEHOLDS:
        await share(point)
        for path, twin in TWINS.items():
            with case(point, path):
                legacy = await _ask(enedis, path, point, "2026-10-24", "2026-10-27")
                modern = await ask(twin, "2026-10-24", "2026-10-27", point)

                assert legacy.status_code == modern.status_code
                if legacy.status_code == 200:
                    points = _as_v5(modern.json()["grandeur"][0]["points"])
                    assert legacy.json()["meter_reading"]["interval_reading"] == points


async def test_a_malformed_request_is_a_400_that_says_what_is_wrong(enedis: httpx.AsyncClient, share: Share) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"usage_point_id": ""}, "usage_point_id parameter is required"),
        ({"usage_point_id": "123"}, "usage_point_id parameter must be 14 digits long"),
        ({"start": ""}, "Start date parameter is required"),
        ({"start": "01/07/2026"}, "Start date parameter must be in the format YYYY-MM-DD"),
        ({"end": ""}, "End date parameter is required"),
        ({"end": "2026-02-30"}, "End date parameter must be in the format YYYY-MM-DD"),
        ({"end": "2026-06-01"}, "Start date should be before end date."),
        ({"end": "2026-11-24"}, "The end date parameter must be earlier than the current date"),
    ]

    await share(STANDARD)
    for change, description in cases:
        with case(change, description):
            asked = {"usage_point_id": STANDARD, "start": "2026-07-01", "end": "2026-07-03"} | change
            answer = await enedis.get(DAILY, params=asked)

            assert answer.status_code == 400
            assert answer.json() == {"error": "Invalid_request", "error_description": description}


async def test_each_broken_rule_has_its_refusal(enedis: httpx.AsyncClient, share: Share) -> None:
    cases: list[tuple[str, str, str, str, int, str]] = [
        (DAILY, RECENT, "2026-03-15", "2026-03-20", 400, "ADAM-ERR0123"),
        (CURVE, STANDARD, "2026-11-10", "2026-11-18", 400, "ADAM-ERR0126"),
        (CURVE, STANDARD, "2024-11-07", "2024-11-09", 400, "ADAM-ERR0125"),
        (PRODUCTION, STANDARD, "2026-11-10", "2026-11-11", 400, "ADAM-ERR0069"),
        (DAILY, PRODUCER, "2026-11-10", "2026-11-11", 400, "ADAM-ERR0069"),
        (CURVE, NO_CURVE, "2026-11-10", "2026-11-11", 404, "no_data_found"),
    ]

    for shared in {point for _, point, *_ in cases}:
        await share(shared)
    for path, point, start, end, status, error in cases:
        with case(path, point, start, end, status, error):
            answer = await _ask(enedis, path, point, start, end)

            assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_point_without_consent_is_forbidden(enedis: httpx.AsyncClient) -> None:
    answer = await _ask(enedis, DAILY, STANDARD, "2026-07-01", "2026-07-03")

    assert (answer.status_code, answer.json()["error"]) == (403, "ADAM-DC-0008")


async def test_unknown_parameters_are_let_pass(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(STANDARD)
    asked = {"usage_point_id": STANDARD, "start": "2026-07-01", "end": "2026-07-03", "person_id": "1234567890"}

    assert (await enedis.get(DAILY, params=asked)).status_code == 200


async def test_all_apis_of_v5_share_one_quota_of_their_own(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(SOLAR)
    await enedis.post("/control/settings", json={"per_hour_v5": 3})
    paths = [DAILY, CURVE, PRODUCTION, PRODUCTION_CURVE]
    legacy = [await _ask(enedis, path, SOLAR, "2026-07-01", "2026-07-03") for path in paths]
    modern = await ask("consommation_quotidienne", "2026-07-01", "2026-07-03", SOLAR)

    assert [answer.status_code for answer in legacy] == [200, 200, 200, 429]
    assert legacy[3].json()["code"] == "900804"
    assert modern.status_code == 200


async def test_a_generation_can_be_gone(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    cases: list[tuple[list[str], tuple[int, int]]] = [([], (200, 200)), (["v5"], (404, 200)), (["2026"], (200, 404))]

    await share(STANDARD)
    for stopped, statuses in cases:
        with case(stopped, statuses):
            await enedis.post("/control/settings", json={"stopped_generations": stopped})
            legacy = await _ask(enedis, DAILY, STANDARD, "2026-07-01", "2026-07-03")
            modern = await ask("consommation_quotidienne", "2026-07-01", "2026-07-03")

            assert (legacy.status_code, modern.status_code) == statuses


async def test_faults_speak_the_language_of_the_generation_they_hit(
    enedis: httpx.AsyncClient, ask: Ask, share: Share
) -> None:
    await share(STANDARD)
    await enedis.post("/control/faults", json={"code": "ADAM-DC-0007", "count": 2})
    legacy = await _ask(enedis, DAILY, STANDARD, "2026-07-01", "2026-07-03")
    modern = await ask("consommation_quotidienne", "2026-07-01", "2026-07-03")

    assert (legacy.status_code, modern.status_code) == (403, 400)
    assert modern.json() == {
        "error": "ADAM-DC-0007",
        "error_description": "Le client n'est pas titulaire du point demandé.",
    }

"""The contract of Conso API over HTTP: both of its formats, its fetches, and its errors."""

import asyncio
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import httpx
import pytest

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.consents.models import UsagePoint
from shared.core.datasets import Direction
from shared.jobs.models import CallTicket
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

FIRST, END = date(2026, 10, 1), date(2026, 10, 3)
DAYS = {"start": "2026-10-01", "end": "2026-10-03"}
DAYS_OF_2026 = {"dateDebut": "2026-10-01", "dateFin": "2026-10-03"}
CURVE, CURVE_OF_2026 = "consumption_load_curve", "courbe_de_charge_consommation"


@pytest.fixture
async def usage_point(stage: Stage, person: Person) -> UsagePoint:
    """The account's meter, which also produces."""
    return await stage.grant(person, directions=list(Direction))


@pytest.fixture
async def hasty(stage: Stage) -> Stage:
    """A gateway that never waits for fetches."""
    settings = stage.resources.settings.model_copy(update={"compat_wait_seconds": 0.0})
    stage.app.state.resources = replace(stage.resources, settings=settings)
    return stage


async def ask(stage: Stage, person: Person, path: str = CURVE, **changes: Any) -> httpx.Response:
    params = {"prm": PRM, **DAYS, **changes}
    return await stage.client.get(f"/api/{path}", params=params, headers=person.headers)


async def store_one_series_of_each_kind(stage: Stage, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, FIRST, END)
    for dataset in ("daily_consumption", "daily_consumption_max_power", "daily_production"):
        await stage.store_months(usage_point, dataset, FIRST, END)


async def test_a_curve_is_answered_as_enedis_v5_has_it(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, FIRST, END)

    answer = await ask(stage, person)

    body = answer.json()
    intervals = body.pop("interval_reading")
    assert (200, "application/json") == (answer.status_code, answer.headers["Content-Type"])
    assert "private, no-cache" == answer.headers["Cache-Control"]
    assert {
        "usage_point_id": PRM,
        **DAYS,
        "quality": "BRUT",
        "reading_type": {"unit": "W", "measurement_kind": "power", "aggregate": "average"},
    } == body
    first = {"value": "0", "date": "2026-10-01 00:30:00", "interval_length": "PT30M", "measure_type": "B"}
    assert (96, first, "2026-10-03 00:00:00") == (len(intervals), intervals[0], intervals[-1]["date"])


async def test_daily_values_are_answered_as_enedis_v5_has_them(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await store_one_series_of_each_kind(stage, usage_point)
    daily = {
        "daily_consumption": (("Wh", "energy", "sum"), "2026-10-01"),
        "daily_production": (("Wh", "energy", "sum"), "2026-10-01"),
        "consumption_max_power": (("VA", "power", "maximum"), "2026-10-01 19:00:00"),
    }
    for path, (kind, first) in daily.items():
        answer = await ask(stage, person, path)

        said = answer.json()["reading_type"]
        shown = (said["unit"], said["measurement_kind"], said["aggregate"], said["measuring_period"])
        assert (*kind, "P1D") == shown, path
        intervals = answer.json()["interval_reading"]
        assert [{"value": "1", "date": first}, {"value": "2", "date": first.replace("-01", "-02")}] == intervals, path


# By path: the fields next to the period, the quantity, the first point.
BODIES_OF_2026 = {
    CURVE_OF_2026: (
        {"modeCalcul": "MESURE"},
        ("CONS", "PA", "W"),
        {"v": "0", "d": "2026-10-01 00:30:00", "p": "PT30M", "n": "B"},
    ),
    "consommation_quotidienne": (
        {"modeCalcul": "DIFF.INDEX", "typeValeur": "GLOBALE", "pas": "P1D"},
        ("CONS", "EA", "Wh"),
        {"v": "1", "d": "2026-10-01"},
    ),
    "production_quotidienne": (
        {"modeCalcul": "DIFF.INDEX", "typeValeur": "GLOBALE", "pas": "P1D"},
        ("PROD", "EA", "Wh"),
        {"v": "1", "d": "2026-10-01"},
    ),
    "puissance_conso_max_quotidienne": (
        {"modeCalcul": "MESURE", "pas": "P1D"},
        ("CONS", "PMA", "VA"),
        {"v": "1", "d": "2026-10-01 19:00:00"},
    ),
}


async def test_the_names_of_2026_are_answered_with_a_body_of_2026(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await store_one_series_of_each_kind(stage, usage_point)
    common = {"idPrm": PRM, "etapeMetier": "BRUT", "periode": DAYS_OF_2026, "contexte": []}
    for path, (root, quantity, point) in BODIES_OF_2026.items():
        answer = await stage.client.get(f"/api/{path}", params={"pointId": PRM, **DAYS_OF_2026}, headers=person.headers)

        body = answer.json()
        (measured,) = body.pop("grandeur")
        points = measured.pop("points")
        assert common | root == body, path
        named = dict(zip(("grandeurMetier", "grandeurPhysique", "unite"), quantity, strict=True))
        assert named | {"calendrier": []} == measured, path
        assert (point, 96 if path == CURVE_OF_2026 else 2) == (points[0], len(points)), path


async def test_either_names_of_parameters_and_a_slash_at_the_end_will_do(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, FIRST, END)
    new = {"pointId": PRM, **DAYS_OF_2026}

    async def body(path: str, params: dict[str, str]) -> Any:
        return (await stage.client.get(f"/api/{path}", params=params, headers=person.headers)).json()

    assert await body(CURVE, {"prm": PRM, **DAYS}) == await body(f"{CURVE}/", new)
    assert await body(CURVE_OF_2026, {"prm": PRM, **DAYS}) == await body(f"{CURVE_OF_2026}/", new)


async def test_days_that_are_not_over_are_left_out(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    today = stage.clock.now.date()
    await stage.store_curve(usage_point, FIRST, today)

    answer = await ask(stage, person, start="2026-10-19", end="2026-10-25")
    later = await ask(stage, person, start="2026-10-20", end="2026-10-25")

    assert (200, "2026-10-20", 48) == (
        answer.status_code,
        answer.json()["end"],
        len(answer.json()["interval_reading"]),
    )
    assert 404 == later.status_code


async def test_what_lacks_is_fetched_and_waited_for(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    asking = asyncio.create_task(ask(stage, person))
    job_id, number = await stage.take_task("interactive")
    ticket = CallTicket(job_id, number)
    await stage.resources.ledger.start_call(ticket, stage.clock.now, 10)
    await stage.store_curve(usage_point, FIRST, END)
    await stage.resources.ledger.settle(ticket, "ok", stage.clock.now)
    await stage.resources.events.publish(person.account.id, "job.succeeded", {"job_id": job_id})

    answer = await asking

    assert (200, 96) == (answer.status_code, len(answer.json()["interval_reading"]))


async def test_what_takes_longer_is_refused_with_when_to_ask_again(
    hasty: Stage, person: Person, usage_point: UsagePoint
) -> None:
    answer = await ask(hasty, person)

    assert (503, "Service Unavailable") == (answer.status_code, answer.json()["error"])
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_provider_that_is_down_is_told_with_when_to_ask_again(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.leave_alone(3600)

    answer = await ask(stage, person)

    assert (503, {"status", "message", "error"}) == (answer.status_code, set(answer.json()))
    assert 3600 - PATIENCE_SECONDS < int(answer.headers["Retry-After"]) <= 3600


async def test_a_used_up_quota_is_told_with_when_it_begins_anew(
    hasty: Stage, person: Person, usage_point: UsagePoint
) -> None:
    quotas = QuotaStore(hasty.resources.redis, {Quota.FETCH: 0, Quota.READ: 0})
    hasty.app.state.resources = replace(hasty.app.state.resources, quotas=quotas)

    answer = await ask(hasty, person)

    assert (429, "Too Many Requests") == (answer.status_code, answer.json()["error"])
    assert int(answer.headers["Retry-After"]) >= 1


WRONG: dict[str, dict[str, str | None]] = {
    "13 digits": {"prm": "1234567890123"},
    "a line break": {"prm": "98765432101234\n"},
    "no such day": {"start": "2026-10-32"},
    "another form": {"start": "01/10/2026"},
    "no day": {"end": "2026-10-01"},
    "backwards": {"end": "2026-09-30"},
    "too long": {"start": "1950-01-01"},
    "no point": {"prm": None},
    "no start": {"start": None},
    "no end": {"end": None},
}


async def test_wrong_parameters_are_refused_without_repeating_them(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for path, (case, changes) in product((CURVE, CURVE_OF_2026), WRONG.items()):
        params = {name: value for name, value in ({"prm": PRM, **DAYS} | changes).items() if value is not None}

        answer = await stage.client.get(f"/api/{path}", params=params, headers=person.headers)

        said = answer.json()
        assert (400, 400, "Bad Request") == (answer.status_code, said["status"], said["error"]), (path, case)
        assert isinstance(said["message"], str), (path, case)
        assert "987654321" not in answer.text, (path, case)


async def test_months_of_the_highest_power_are_not_offered(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    path = "puissance_conso_max_quotidienne"
    await store_one_series_of_each_kind(stage, usage_point)

    answers = [
        await ask(stage, person, path, mesuresPas="P1D", grandeurPhysique="TOUT"),
        await ask(stage, person, path, mesuresPas="P1M"),
        await ask(stage, person, path, grandeurPhysique="PA"),
    ]

    assert [200, 400, 400] == [answer.status_code for answer in answers]
    assert ["PMA"] == [each["grandeurPhysique"] for each in answers[0].json()["grandeur"]]


async def test_without_a_good_token_nothing_is_answered(stage: Stage) -> None:
    shown: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    ]
    for headers in shown:
        answer = await stage.client.get(f"/api/{CURVE}", params={"prm": PRM, **DAYS}, headers=headers)

        said = answer.json()
        assert (401, 401, "Unauthorized") == (answer.status_code, said["status"], said["error"]), headers
        assert "Bearer" == answer.headers["WWW-Authenticate"], headers


async def test_a_foreign_an_unknown_and_a_point_without_consent_are_refused_in_the_same_words(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    neighbour = await stage.create_person()
    await stage.grant(neighbour, OTHER_PRM)
    await stage.client.delete(f"/v1/consents/{usage_point.consent.id}", headers=person.headers)

    answers = [await ask(stage, person, prm=prm) for prm in (OTHER_PRM, "00000000000000", PRM)]

    assert [403, 403, 403] == [answer.status_code for answer in answers]
    assert 1 == len({answer.text for answer in answers})


async def test_what_was_stored_before_the_consent_ended_is_still_the_persons(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, FIRST, END)
    await stage.client.delete(f"/v1/consents/{usage_point.consent.id}", headers=person.headers)

    assert 200 == (await ask(stage, person)).status_code


async def test_a_direction_that_a_point_does_not_have_is_not_there(stage: Stage, person: Person) -> None:
    await stage.grant(person)

    answer = await ask(stage, person, "daily_production")

    assert (404, "Not Found") == (answer.status_code, answer.json()["error"])


async def test_no_log_record_holds_the_usage_point_or_the_token_even_before_it_is_masked(
    stage: Stage, person: Person, usage_point: UsagePoint, caplog: pytest.LogCaptureFixture
) -> None:
    made = await stage.client.post("/v1/account/keys", json={"format": "jwt"}, headers=person.headers)
    token = made.json()["api_key"]
    await stage.store_curve(usage_point, FIRST, END)

    for params in ({"prm": PRM, **DAYS}, {"pointId": PRM, **DAYS_OF_2026}, {"prm": PRM, "token": token}):
        await stage.client.get(f"/api/{CURVE}", params=params, headers={"Authorization": f"Bearer {token}"})

    assert 3 == caplog.text.count(f"/api/{CURVE}")
    for secret in (PRM, *token.split(".")[1:]):
        assert secret not in caplog.text

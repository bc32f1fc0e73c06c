"""MyElectricalData v1: refusals, logs, and the access state of a usage point."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.observability.logging import start_logging
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage
from tests.support.v1_requests import CURVE, DAYS, ask, jobs, used

pytestmark = pytest.mark.anyio


async def test_no_key_a_wrong_key_and_somebody_elses_point_are_refused_alike(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    intruder = await stage.create_person()

    answers = [
        await stage.client.get(DAYS),
        await stage.client.get(DAYS, headers={"Authorization": "rlv_wrong"}),
        await ask(stage, intruder),
        await ask(stage, intruder, DAYS.replace(PRM, OTHER_PRM)),
    ]

    assert [403] * 4 == [answer.status_code for answer in answers]
    assert [answers[0].json()] * 4 == [answer.json() for answer in answers]


async def test_many_wrong_keys_have_to_wait_and_a_right_one_has_not(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    strict = stage.resources.settings.model_copy(update={"failed_logins_per_minute": 1})
    stage.app.state.resources = replace(stage.resources, settings=strict)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    wrong = [await stage.client.get(DAYS, headers={"Authorization": "rlv_wrong"}) for _ in range(2)]
    right = await ask(stage, person)

    assert [403, 403, 200] == [answer.status_code for answer in [*wrong, right]]
    assert [False, True] == ["Retry-After" in answer.headers for answer in wrong]


CAN_NOT_BE_HAD = {
    "no day": (f"{CURVE}/start/2026-10-02/end/2026-10-02", 422),
    "no date": (f"{CURVE}/start/hier/end/2026-10-02", 422),
    "no usage point": (DAYS.replace(PRM, "123"), 422),
    "future": (f"{CURVE}/start/2026-10-20/end/2026-10-22", 404),
    "too old": (f"{CURVE}/start/2015-10-20/end/2015-10-22", 404),
    "direction not covered": (DAYS.replace("consumption_", "production_"), 403),
}


async def test_what_can_not_be_had_is_refused_in_words_that_repeat_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for case, (path, status) in CAN_NOT_BE_HAD.items():
        answer = await ask(stage, person, path)

        assert (status, ["detail"]) == (answer.status_code, list(answer.json())), case
        assert [] == [word for word in (PRM, "hier", "123", "2015") if word in answer.text], case
    assert [] == await jobs(stage, person)


async def test_a_consent_that_is_over_is_403(stage: Stage, person: Person) -> None:
    await stage.grant(person, expires_on=date(2026, 10, 20))

    answer = await ask(stage, person)

    assert 403 == answer.status_code
    assert "consentement" in answer.json()["detail"]


async def test_a_store_that_is_away_is_said_in_the_form_of_the_contract(
    stage: Stage, person: Person, usage_point: UsagePoint, nowhere: Redis
) -> None:
    stage.app.state.resources = replace(stage.resources, quotas=QuotaStore(nowhere, {Quota.FETCH: 1, Quota.READ: 1}))

    answer = await ask(stage, person, f"/valid_access/{PRM}")

    assert (503, ["detail"]) == (answer.status_code, list(answer.json()))
    assert "Retry-After" in answer.headers


@pytest.fixture
async def nowhere() -> AsyncIterator[Redis]:
    """A Redis that is unreachable."""
    async with Redis(port=9, retry=Retry(NoBackoff(), 0)) as client:
        yield client


async def test_no_usage_point_and_no_key_is_logged(
    stage: Stage, person: Person, usage_point: UsagePoint, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    start_logging(settings.log_level)
    for path in (DAYS, f"{DAYS}/cache/", f"/valid_access/{PRM}/", DAYS.replace("/end", "/fin")):
        await ask(stage, person, path.replace("2026-10-03", "2026-10-01"))

    written = capsys.readouterr().err
    assert "/consumption_load_curve/{usage_point_id}/start/{start}/end/{end}/cache/" in written
    assert [] == [secret for secret in (PRM, person.api_key) if secret in written]


async def test_anybody_may_ask_whether_the_gateway_answers(stage: Stage) -> None:
    answers = [await stage.client.get(path) for path in ("/ping", "/ping/")]

    assert [
        {"status": True, "information": "Le service fonctionne.", "nb_client": 0, "waiting_estimation": "0.0s"}
    ] * 2 == [answer.json() for answer in answers]


async def test_what_a_key_is_worth_is_told_in_the_forms_that_clients_parse(
    impatient: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await ask(impatient, person)
    for end in ("", "/cache", "/cache/"):
        access = (await ask(impatient, person, f"/valid_access/{PRM}{end}")).json()

        assert datetime(2026, 10, 20, 12) == datetime.strptime(access.pop("last_call"), "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ001, DTZ007  # as the clients read it
        assert {
            "valid": True,
            "information": "Le consentement est actif.",
            "consent_expiration_date": "2029-10-19T00:00:00",
            "call_number": 1,
            "quota_reached": False,
            "quota_limit": impatient.resources.settings.fetch_quota,
            "quota_reset_at": "2026-10-21T00:00:00.000000",
            "ban": False,
        } == access, end
    assert (1, 0) == await used(impatient, person)


async def test_an_ended_consent_and_a_used_up_quota_are_told(stage: Stage, person: Person) -> None:
    await stage.grant(person, expires_on=date(2026, 10, 20))
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 1})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)

    access = (await ask(stage, person, f"/valid_access/{PRM}")).json()

    assert (False, True, "2026-10-20T00:00:00") == (
        access["valid"],
        access["quota_reached"],
        access["consent_expiration_date"],
    )

"""The time series of MyElectricalData v1, and their preconditions: authentication, fetching, waiting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, Job, Lane
from shared.observability.logging import start_logging
from shared.readings.models import Gap, Reason
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

CURVE = f"/consumption_load_curve/{PRM}"
DAYS = f"{CURVE}/start/2026-10-01/end/2026-10-03"


@pytest.fixture
async def impatient(stage: Stage) -> Stage:
    """A gateway that never waits for fetches."""
    hasty = stage.resources.settings.model_copy(update={"compat_wait_seconds": 0.0})
    stage.app.state.resources = stage.resources = replace(stage.resources, settings=hasty)
    return stage


async def ask(stage: Stage, person: Person, path: str = DAYS) -> httpx.Response:
    """Send a request as the clients do: with only the key."""
    return await stage.client.get(path, headers={"Authorization": person.api_key})


async def used(stage: Stage, person: Person) -> tuple[int, int]:
    """The used quotas: fetch requests and read requests."""
    quotas = {
        each.quota: each.used for each in await stage.resources.quotas.load(person.account.id, {}, stage.clock.now)
    }
    return quotas[Quota.FETCH], quotas[Quota.READ]


async def jobs(stage: Stage, person: Person) -> list[Job]:
    return (await stage.resources.job_list.load_page(person.account.id, 10)).jobs


async def do_the_call(stage: Stage, person: Person, call: list[Any]) -> None:
    """Finish a call as a worker does; the test has stored its days."""
    job_id, number = call
    ticket = CallTicket(job_id, number)
    await stage.resources.ledger.start_call(ticket, stage.clock.now, 10)
    await stage.resources.ledger.settle(ticket, "ok", stage.clock.now)
    await stage.resources.events.publish(person.account.id, "job.succeeded", {"job_id": job_id})


# Stored data


async def test_what_is_stored_is_answered_with_by_each_of_the_addresses(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    answers = [await ask(stage, person, DAYS + end) for end in ("", "/", "/cache", "/cache/")]
    bearer = await stage.client.get(DAYS, headers=person.headers)

    meter = bearer.json()["meter_reading"]
    assert [bearer.json()] * 4 == [answer.json() for answer in answers]
    assert (PRM, "2026-10-01", "2026-10-03", 96) == (
        *(meter[name] for name in ("usage_point_id", "start", "end")),
        len(meter["interval_reading"]),
    )
    assert {
        "value": "47",
        "date": "2026-10-02 00:00:00",
        "interval_length": "PT30M",
        "measure_type": "B",
    } == meter["interval_reading"][47]
    assert (0, 5) == await used(stage, person)


async def test_three_years_of_days_come_in_one_answer(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    end = NOON.date() + timedelta(days=2)
    start = end - timedelta(days=1095)
    await stage.store_months(usage_point, "daily_consumption_max_power", start, NOON.date())

    answer = await ask(stage, person, f"/daily_consumption_max_power/{PRM}/start/{start}/end/{end}/cache/")

    meter = answer.json()["meter_reading"]
    assert (200, 1093, "2026-10-20") == (answer.status_code, len(meter["interval_reading"]), meter["end"])
    assert {"value": "19", "date": "2026-10-19 19:00:00"} == meter["interval_reading"][-1]


@pytest.mark.parametrize(
    ("gap", "status"),
    [
        pytest.param(Reason.NO_MEASURE, 404, id="nothing measured"),
        pytest.param(Reason.CONSENT_LOST, 403, id="consent lost"),
        pytest.param(Reason.PROVIDER_ERROR, 503, id="asked in vain"),
    ],
)
async def test_where_nothing_is_stored_it_is_said_why(
    stage: Stage, person: Person, usage_point: UsagePoint, gap: Reason, status: int
) -> None:
    days = [date(2026, 10, 1), date(2026, 10, 2)]
    later = None if gap is Reason.NO_MEASURE else NOON + timedelta(hours=1)
    gaps = {day: Gap(day, day + timedelta(days=1), gap, ask_again_at=later) for day in days}
    await stage.store_curve(usage_point, days[0], date(2026, 10, 3), gaps)

    answer = await ask(stage, person)

    assert (status, ["detail"]) == (answer.status_code, list(answer.json()))
    assert (status == 503) == ("Retry-After" in answer.headers)


# Data to fetch


async def test_what_is_fetched_in_time_is_answered_with(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    asking = asyncio.create_task(ask(stage, person))
    call = await stage.take_task("interactive")
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await do_the_call(stage, person, call)

    answer = await asking

    assert (200, 96) == (answer.status_code, len(answer.json()["meter_reading"]["interval_reading"]))
    assert (1, 0) == await used(stage, person)


async def test_what_takes_longer_goes_on_and_the_next_try_joins_it(
    impatient: Stage, person: Person, usage_point: UsagePoint
) -> None:
    late = [await ask(impatient, person) for _ in range(2)]
    await impatient.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await do_the_call(impatient, person, await impatient.take_task("interactive"))
    served = await ask(impatient, person)

    assert [503, 503, 200] == [answer.status_code for answer in [*late, served]]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in late)
    assert [["detail"]] * 2 == [list(answer.json()) for answer in late]
    assert 1 == len(await jobs(impatient, person))
    assert (1, 2) == await used(impatient, person)


@pytest.mark.parametrize(
    ("lane", "start"),
    [
        pytest.param(Lane.BULK, date(2026, 10, 1), id="of the refresh"),
        pytest.param(Lane.INTERACTIVE, date(2026, 10, 2), id="of fewer days"),
    ],
)
async def test_a_job_that_may_take_hours_or_brings_too_little_is_not_waited_for(
    impatient: Stage, person: Person, usage_point: UsagePoint, lane: Lane, start: date
) -> None:
    series, days = Series(person.account.id, usage_point.id, "consumption_load_curve"), DayRange(start, NOON.date())
    other = await impatient.resources.jobs.create_job(series, days, lane, [days], {}, NOON)

    await ask(impatient, person)

    assert [date(2026, 10, 1)] == [job.start for job in await jobs(impatient, person) if job.id != other.id]
    assert (1, 0) == await used(impatient, person)


async def test_a_key_that_may_only_read_is_given_what_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers, json={"scopes": ["read"]})
    reader = Person(person.account, made.json()["api_key"])
    before = await ask(stage, reader)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    after = await ask(stage, reader)

    assert [403, 200] == [before.status_code, after.status_code]
    assert 48 == len(after.json()["meter_reading"]["interval_reading"])
    assert [] == await jobs(stage, person)


async def test_a_period_is_fetched_as_far_as_it_can_be_had(
    impatient: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await ask(impatient, person, f"/daily_consumption/{PRM}/start/2010-01-01/end/2027-01-01")

    (job,) = await jobs(impatient, person)
    assert (date(2023, 10, 6), date(2026, 10, 20)) == (job.start, job.end)


async def test_a_used_up_quota_is_409_and_takes_away_nothing_that_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 1})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)
    refused = await ask(stage, person)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    partly = await ask(stage, person)
    no_more = await ask(stage, person)

    assert [409, 200, 409] == [answer.status_code for answer in (refused, partly, no_more)]
    assert 48 == len(partly.json()["meter_reading"]["interval_reading"])
    assert "Retry-After" in refused.headers


async def test_a_provider_that_is_left_alone_is_asked_for_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.leave_alone(3600)

    answer = await ask(stage, person)

    assert 503 == answer.status_code
    assert 3600 - PATIENCE_SECONDS < int(answer.headers["Retry-After"]) <= 3600
    assert (0, 0) == await used(stage, person)


# Authentication and refusals


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


# Preliminary requests of a client


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

"""Loss of the last key: the account starts again. The stored data cannot be decrypted, and is deleted."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import select

from shared.accounts.store import Caller
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.core.errors import NotFound, Unauthenticated
from shared.crypto.vault import CannotOpen, Opener, SealContext
from shared.jobs.models import Lane
from shared.lifecycle.erasure import SECOND_PASS_AFTER
from shared.readings.models import Coverage
from shared.readings.store import ReadingStore
from shared.storage.tables import erasures
from tests.support.api_gateway import PRM, Person, Stage, half_hours

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
DAY = date(2026, 10, 18)
NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
async def stored(stage: Stage, person: Person, usage_point: UsagePoint) -> UsagePoint:
    """The account's usage point, with a stored day."""
    await stage.store_curve(usage_point, DAY, NEXT_DAY)
    return usage_point


async def recover(stage: Stage, person: Person) -> Person:
    """The same account, with the new key."""
    path = f"/v1/admin/accounts/{person.account.id}/recovery"
    answer = await stage.client.post(path, headers=stage.admin)
    assert 201 == answer.status_code, answer.text
    assert "no-store" == answer.headers["Cache-Control"]
    assert person.account.id == answer.json()["account_id"]
    return Person(person.account, answer.json()["api_key"])


async def read(stage: Stage, person: Person, day: date) -> list[Any]:
    path = f"/v1/usage-points/{PRM}/readings/{CURVE}"
    params = {"start": str(day), "end": str(day + timedelta(days=1))}
    answer = await stage.client.get(path, params=params, headers=person.headers)
    assert 200 == answer.status_code, answer.text
    readings: list[Any] = answer.json()["readings"]
    return readings


async def renewed_point(stage: Stage, person: Person) -> UsagePoint:
    return await stage.resources.usage_points.find(person.account.id, PRM)


async def keys_of_redis(stage: Stage) -> list[str]:
    return [key.decode() async for key in stage.resources.redis.scan_iter()]


async def test_every_key_there_was_is_revoked_and_the_new_one_lets_in(stage: Stage, person: Person) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers)

    recovered = await recover(stage, person)

    for old in (person.headers, {"X-API-Key": made.json()["api_key"]}):
        assert 401 == (await stage.client.get("/v1/account", headers=old)).status_code
    shown = (await stage.client.get("/v1/account", headers=recovered.headers)).json()
    assert (person.account.id, ["fetch", "manage", "read"]) == (shown["id"], shown["key"]["scopes"])
    assert 1 == len(await stage.resources.accounts.keys.list_keys(person.account.id))


async def test_usage_points_and_consents_stay(stage: Stage, person: Person, stored: UsagePoint) -> None:
    named = await stage.resources.usage_points.change(stored, {"label": "Home"}, "test", stage.clock.now)

    await recover(stage, person)

    renewed = await renewed_point(stage, person)
    assert stored.id != renewed.id
    assert replace(named, id=renewed.id) == renewed
    assert [renewed.id] == await stage.resources.usage_points.active_ids(stage.clock.now)


async def test_nothing_that_was_stored_is_left_or_shown(stage: Stage, person: Person, stored: UsagePoint) -> None:
    assert 48 == len(await read(stage, person, DAY))

    recovered = await recover(stage, person)

    assert [] == await read(stage, recovered, DAY)
    assert [] == [key for key in await keys_of_redis(stage) if stored.id in key]
    assert [] == [key for key in await keys_of_redis(stage) if key.startswith(("readings:", "coverage:"))]


async def test_the_new_key_opens_what_is_fetched_after_and_the_old_private_key_does_not(
    stage: Stage, person: Person, stored: UsagePoint
) -> None:
    before = await stage.resources.accounts.authenticate(person.api_key)
    recovered = await recover(stage, person)
    renewed = await renewed_point(stage, person)

    await stage.store_curve(renewed, NEXT_DAY, NEXT_DAY + timedelta(days=1))

    assert 48 == len(await read(stage, recovered, NEXT_DAY))
    series = Series(person.account.id, renewed.id, CURVE)
    with pytest.raises(CannotOpen):
        list(await stage.resources.readings.open_windows(series, [str(NEXT_DAY)], before.private_key))


async def test_a_copy_of_what_was_stored_does_not_open_with_the_new_key_wherever_it_is_put(
    stage: Stage, person: Person, stored: UsagePoint
) -> None:
    key = f"readings:{person.account.id}:{stored.id}:{CURVE}"
    blob: Any = await stage.resources.redis.hget(key, str(DAY))
    recovered = await recover(stage, person)
    renewed = await renewed_point(stage, person)

    caller = await stage.resources.accounts.authenticate(recovered.api_key)

    assert blob is not None
    for usage_point_id in (stored.id, renewed.id):
        context = SealContext(person.account.id, usage_point_id, CURVE, str(DAY))
        with pytest.raises(CannotOpen):
            Opener(caller.private_key, stage.resources.server).open(blob, context)


async def test_what_was_on_its_way_is_not_stored(stage: Stage, person: Person, stored: UsagePoint) -> None:
    series = Series(person.account.id, stored.id, CURVE)
    days = DayRange(NEXT_DAY, NEXT_DAY + timedelta(days=1))
    job = await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, stage.clock.now)
    old_public_key = await stage.resources.accounts.load_public_key(person.account.id)

    await recover(stage, person)

    known = Coverage(str(NEXT_DAY), stage.clock.now, days.start, days.end)
    assert not await stage.resources.readings.save_window(job, known, half_hours(NEXT_DAY), old_public_key)
    assert [] == [key for key in await keys_of_redis(stage) if stored.id in key]
    with pytest.raises(NotFound):
        await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, stage.clock.now)


async def test_who_was_let_in_before_makes_no_other_key_after(stage: Stage, person: Person) -> None:
    before = await stage.resources.accounts.authenticate(person.api_key)
    await recover(stage, person)

    with pytest.raises(Unauthenticated):
        await stage.resources.accounts.keys.create_key(before.key, before.opened, stage.clock.now)

    assert 1 == len(await stage.resources.accounts.keys.list_keys(person.account.id))


async def test_keys_that_are_made_at_the_same_moment_do_not_outlive_it(stage: Stage, person: Person) -> None:
    before = await stage.resources.accounts.authenticate(person.api_key)

    async def make(caller: Caller) -> None:
        await stage.resources.accounts.keys.create_key(caller.key, caller.opened, stage.clock.now)

    await asyncio.gather(*(make(before) for _ in range(8)), recover(stage, person), return_exceptions=True)

    (key,) = await stage.resources.accounts.keys.list_keys(person.account.id)
    assert before.key.id != key.id


async def test_a_second_recovery_makes_the_key_of_the_first_one_worthless(stage: Stage, person: Person) -> None:
    first, second = await recover(stage, person), await recover(stage, person)

    assert 401 == (await stage.client.get("/v1/account", headers=first.headers)).status_code
    assert 200 == (await stage.client.get("/v1/account", headers=second.headers)).status_code


async def test_nobody_else_is_concerned(stage: Stage, person: Person, stored: UsagePoint) -> None:
    other = await stage.create_person()
    point = await stage.grant(other, "98765432105678")
    await stage.store_curve(point, DAY, NEXT_DAY)

    await recover(stage, person)

    series = Series(other.account.id, point.id, CURVE)
    caller = await stage.resources.accounts.authenticate(other.api_key)
    assert 48 == len(list(await stage.resources.readings.open_windows(series, [str(DAY)], caller.private_key)))


async def test_it_is_written_down_for_both_and_the_account_is_told(stage: Stage, person: Person) -> None:
    after = await stage.resources.events.last_event_id(person.account.id)

    await recover(stage, person)

    (key,) = await stage.resources.accounts.keys.list_keys(person.account.id)
    details = {"key_id": key.id, "usage_points": 0}
    (of_account, *_) = await stage.resources.audit.load_events(person.account.id)
    (of_admin, *_) = await stage.resources.audit.load_events("admin")
    assert ("admin", "account.recovered", details) == (of_account.actor, of_account.action, of_account.details)
    assert {"account_id": person.account.id, **details} == of_admin.details
    events = await stage.resources.events.next_events(person.account.id, after, 1)
    assert ["account.recovered"] == [event.type for event in events]


async def test_what_could_not_be_cleared_at_once_is_cleared_later(
    stage: Stage, person: Person, stored: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = stage.resources

    async def refused(_store: ReadingStore, _series: Series) -> None:
        raise RedisConnectionError("synthetic outage")

    with monkeypatch.context() as outage:
        outage.setattr(ReadingStore, "erase_series", refused)
        await resources.recovery.recover(person.account.id, stage.clock.now)
    assert [] != [key for key in await keys_of_redis(stage) if stored.id in key]

    await resources.erasure.finish(stage.clock.now + SECOND_PASS_AFTER)

    assert [] == [key for key in await keys_of_redis(stage) if stored.id in key]
    assert [] == list(await resources.database.read(select(erasures)))


async def test_an_account_that_is_not_there_can_not_be_recovered(stage: Stage) -> None:
    path = "/v1/admin/accounts/acct_0123456789abcdef01234567/recovery"

    answer = await stage.client.post(path, headers=stage.admin)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert [] == await stage.resources.audit.load_events("admin")


async def test_an_administrator_erases_an_account(stage: Stage, person: Person, stored: UsagePoint) -> None:
    path = f"/v1/admin/accounts/{person.account.id}"

    answers = [(await stage.client.delete(path, headers=stage.admin)).status_code for _ in range(2)]

    assert [204, 404] == answers
    assert 401 == (await stage.client.get("/v1/account", headers=person.headers)).status_code
    assert [] == [key for key in await keys_of_redis(stage) if stored.id in key]
    (event, *_) = await stage.resources.audit.load_events("admin")
    assert ("admin", "account.erased") == (event.actor, event.action)


async def test_an_administrator_forgets_what_is_stored_of_an_account_which_stays(
    stage: Stage, person: Person, stored: UsagePoint
) -> None:
    path = f"/v1/admin/accounts/{person.account.id}/readings"

    answer = await stage.client.delete(path, headers=stage.admin)

    assert (200, {"windows": 1, "jobs_cancelled": 0}) == (answer.status_code, answer.json())
    assert [] == await read(stage, person, DAY)
    assert stored.id == (await renewed_point(stage, person)).id
    (of_account, *_) = await stage.resources.audit.load_events(person.account.id)
    (of_admin, *_) = await stage.resources.audit.load_events("admin")
    assert ("admin", "readings.erased") == (of_account.actor, of_account.action)
    assert ("readings.erased", {"account_id": person.account.id}) == (of_admin.action, of_admin.details)

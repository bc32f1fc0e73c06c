"""MyElectricalData v1's deletions take effect immediately and permanently; the usage point and its consent stay."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.accounts.api_keys import Scope
from shared.accounts.daily_quota import Quota
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Direction, Series
from shared.jobs.models import Job, Lane
from shared.readings.models import Coverage
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage, half_hours
from tests.support.states import take_state
from tests.support.storing import save_record

pytestmark = pytest.mark.anyio

CURVE, DAILY, PEAKS = "consumption_load_curve", "daily_consumption", "daily_consumption_max_power"
RECORDS = {"contracts": "contract", "addresses": "address", "identity": "identity", "contact": "contact"}


async def delete(stage: Stage, person: Person, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return await stage.client.delete(path, headers=headers or {"Authorization": person.api_key})


async def erased(stage: Stage, person: Person, path: str) -> dict[str, Any]:
    answer = await delete(stage, person, path)
    assert 200 == answer.status_code, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def windows(stage: Stage, usage_point: UsagePoint, dataset: str) -> list[str]:
    return await stage.resources.readings.window_names(Series(usage_point.account_id, usage_point.id, dataset))


async def store_record(stage: Stage, usage_point: UsagePoint, dataset: str) -> None:
    known = Coverage("current", NOON, NOON.date(), NOON.date() + timedelta(days=1))
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    series = Series(usage_point.account_id, usage_point.id, dataset)
    await save_record(stage.resources.readings, series, known, {"segment": "C5", "kind": "person"}, public_key)


async def submit(stage: Stage, usage_point: UsagePoint, dataset: str) -> Job:
    days = DayRange(date(2026, 10, 1), date(2026, 10, 3))
    series = Series(usage_point.account_id, usage_point.id, dataset)
    return await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOON)


async def other_key(stage: Stage, person: Person, *scopes: Scope, expires_at: datetime | None = None) -> str:
    """Create another key of the account, with fewer scopes."""
    caller = await stage.resources.accounts.authenticate(person.api_key, NOON)
    _, api_key = await stage.resources.accounts.keys.create_key(
        caller.key, caller.opened, NOON, scopes=scopes, expires_at=expires_at
    )
    return api_key


async def limited(stage: Stage, person: Person) -> dict[str, str]:
    """The headers of a key that may read and fetch, as clients of this contract send it."""
    return {"Authorization": await other_key(stage, person, Scope.READ, Scope.FETCH)}


async def test_the_windows_that_the_days_touch_go_and_the_answer_says_where_they_were(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for slash in ("", "/"):
        await stage.store_months(usage_point, PEAKS, date(2026, 7, 1), date(2026, 10, 20))

        answer = await erased(stage, person, f"/{PEAKS}/{PRM}/start/2026-08-31/end/2026-09-02/cache{slash}")

        assert {
            "usage_point_id": PRM,
            "path": [f"/{PEAKS}/{PRM}/start/2026-08-01/end/2026-10-01/cache"],
            "purge": True,
        } == answer, slash
        assert ["2026-07", "2026-10"] == await windows(stage, usage_point, PEAKS), slash


async def test_of_each_series_nothing_to_erase_is_no_error_and_ends_in_the_future_neither(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for dataset in (DAILY, CURVE, PEAKS, "daily_production", "production_load_curve"):
        answer = await erased(stage, person, f"/{dataset}/{PRM}/start/2023-10-24/end/2026-10-22/cache")

        assert {"usage_point_id": PRM, "path": [], "purge": True} == answer


async def test_a_curve_that_is_being_fetched_does_not_come_back(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    job, day = await submit(stage, usage_point, CURVE), date(2026, 10, 1)

    await erased(stage, person, f"/{CURVE}/{PRM}/start/2026-10-01/end/2026-10-08/cache")

    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    coverage = Coverage(str(day), NOON, day, day + timedelta(days=1))
    assert not await stage.resources.readings.save_window(job, coverage, half_hours(day), public_key)
    assert [] == await windows(stage, usage_point, CURVE)


async def test_a_record_goes_and_who_asks_again_has_it_fetched_anew(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    impatient = stage.resources.settings.model_copy(update={"compat_wait_seconds": 0.01})
    stage.app.state.resources = replace(stage.resources, settings=impatient)
    for word, dataset in RECORDS.items():
        await store_record(stage, usage_point, dataset)

        answer = await erased(stage, person, f"/{word}/{PRM}/cache")

        assert {"usage_point_id": PRM, "path": f"/{word}/{PRM}/cache", "delete": True} == answer
        assert [] == await windows(stage, usage_point, dataset)
        again = await stage.client.get(f"/{word}/{PRM}/cache", headers={"Authorization": person.api_key})
        assert 503 == again.status_code
    jobs = [
        await stage.resources.jobs.load_job(each) for each in await stage.resources.jobs.list_job_ids(person.account.id)
    ]
    assert set(RECORDS.values()) == {job.dataset for job in jobs if job is not None and not job.status.ended}


async def test_the_whole_cache_of_a_point_goes_and_that_of_no_other(stage: Stage, person: Person) -> None:
    point, other = await stage.grant(person), await stage.grant(person, OTHER_PRM)
    for each in (point, other):
        await stage.store_curve(each, date(2026, 10, 1), date(2026, 10, 3))
        await stage.store_months(each, "consumption_index", date(2026, 10, 1), date(2026, 10, 2))
        await store_record(stage, each, "contract")
    job = await submit(stage, point, DAILY)

    answer = await erased(stage, person, f"/cache/{PRM}/")

    assert {
        "usage_point_id": PRM,
        "path": [f"/{CURVE}/{PRM}/start/2026-10-01/end/2026-10-03/cache", f"/contracts/{PRM}/cache"],
        "purge": True,
    } == answer
    assert [] == [name for dataset in DATASETS for name in await windows(stage, point, dataset)]
    assert 4 == len([name for dataset in DATASETS for name in await windows(stage, other, dataset)])
    ended = await stage.resources.jobs.load_job(job.id)
    assert ended is not None
    assert "cancelled" == ended.status
    assert {PRM, OTHER_PRM} == {
        each.prm for each in await stage.resources.usage_points.list_for_account(person.account.id)
    }
    (event, *_) = await stage.resources.audit.load_events(person.account.id)
    assert ("readings.erased", {"usage_point": point.id}) == (event.action, event.details)
    assert event.actor.startswith("key_")


PATHS = [
    f"/{CURVE}/{PRM}/start/2026-10-01/end/2026-10-08/cache",
    f"/contracts/{PRM}/cache",
    f"/cache/{PRM}",
]


async def test_neither_a_stranger_nor_a_key_that_may_not_manage_removes_anything(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await store_record(stage, usage_point, "contract")
    stranger, of_limited_key = await stage.create_person(), await limited(stage, person)
    for path in PATHS:
        answers = [
            await delete(stage, stranger, path),
            await delete(stage, person, path, of_limited_key),
            await delete(stage, person, path, {"Authorization": "rlv_wrong"}),
        ]

        assert [(403, ["detail"])] * 3 == [(each.status_code, list(each.json())) for each in answers], path
        assert answers[0].text == answers[2].text, path
        assert 2 == len(await windows(stage, usage_point, CURVE)), path
        assert 1 == len(await windows(stage, usage_point, "contract")), path


async def test_days_that_are_none_erase_nothing(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    for days in ("start/2026-10-02/end/2026-10-02", "start/2026-10-02/end/2026-10-01", "start/hier/end/2026-10-01"):
        answer = await delete(stage, person, f"/{CURVE}/{PRM}/{days}/cache")

        assert (422, ["detail"]) == (answer.status_code, list(answer.json())), days
        assert 2 == len(await windows(stage, usage_point, CURVE)), days


async def test_a_reset_gives_another_key_of_the_same_rights_and_the_one_shown_stays_good(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    expires_at = NOON + timedelta(days=7)
    shown = await other_key(stage, person, Scope.READ, Scope.MANAGE, expires_at=expires_at)

    answer = await stage.client.get(f"/reset/{PRM}", headers={"Authorization": shown})

    assert (200, PRM) == (answer.status_code, answer.json()["usage_point_id"])
    assert "no-store" == answer.headers["Cache-Control"]
    made, old = [await stage.resources.accounts.authenticate(each, NOON) for each in (answer.json()["token"], shown)]
    assert made.key.id != old.key.id
    assert (old.account.id, frozenset({Scope.READ, Scope.MANAGE}), expires_at) == (
        made.account.id,
        made.key.scopes,
        made.key.expires_at,
    )
    assert old.private_key == made.private_key
    (event, *_) = await stage.resources.audit.load_events(person.account.id)
    assert ("key.created", old.key.id) == (event.action, event.actor)


async def test_a_reset_is_not_for_a_stranger_nor_for_a_key_that_may_not_manage(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    stranger = await stage.create_person()
    headers = [await limited(stage, person), {"Authorization": stranger.api_key}, {}]

    answers = [await stage.client.get(f"/reset/{PRM}/", headers=each) for each in headers]

    assert [403] * 3 == [each.status_code for each in answers]
    assert 2 == len(await stage.resources.accounts.keys.list_keys(person.account.id))
    assert 1 == len(await stage.resources.accounts.keys.list_keys(stranger.account.id))


async def fetches(stage: Stage, person: Person) -> int:
    usages = await stage.resources.quotas.load(person.account.id, {}, NOON)
    return next(each.used for each in usages if each.quota is Quota.FETCH)


async def share(stage: Stage, person: Person) -> None:
    """Grant an account a usage point that another account holds: it has proved knowledge of its contract."""
    consent, state = await stage.resources.authorization_states.create(person.account.id, NOON)
    await take_state(stage.resources.authorization_states, state, NOON, next(stage.authorisations))
    await stage.resources.grants.grant(
        consent.id, [GrantedPoint(PRM, frozenset({Direction.CONSUMPTION}), None)], NOON, proved=True
    )


async def test_an_administrator_gives_every_holder_of_a_point_todays_requests_anew(stage: Stage) -> None:
    holders, other = [await stage.create_person() for _ in range(2)], await stage.create_person()
    await stage.grant(holders[0])
    await share(stage, holders[1])
    await stage.grant(other, OTHER_PRM)
    for each in (*holders, other):
        await stage.resources.quotas.take(each.account.id, Quota.FETCH, None, NOON)

    headers = {"ADMIN_API_KEY": stage.resources.settings.admin_api_key.get_secret_value()}
    answer = await stage.client.delete(f"/admin/reset/{PRM}", headers=headers)

    assert (200, {"usage_point_id": PRM, "reset": True}) == (answer.status_code, answer.json())
    assert [0, 0, 1] == [await fetches(stage, each) for each in (*holders, other)]
    for each in holders:
        (event, *_) = await stage.resources.audit.load_events(each.account.id)
        assert ("admin", "quota.reset") == (event.actor, event.action)
    chain = await stage.resources.audit.load_events("admin")
    assert {each.account.id for each in holders} == {event.details["account_id"] for event in chain}
    assert PRM not in str(chain)


async def test_a_point_that_nobody_holds_is_not_there_for_an_administrator(stage: Stage) -> None:
    headers = {"ADMIN_API_KEY": stage.resources.settings.admin_api_key.get_secret_value()}

    answer = await stage.client.delete(f"/admin/reset/{OTHER_PRM}/", headers=headers)

    assert (404, ["detail"]) == (answer.status_code, list(answer.json()))


async def test_no_other_key_resets_a_quota(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.resources.quotas.take(person.account.id, Quota.FETCH, None, NOON)
    admin = stage.resources.settings.admin_api_key.get_secret_value()
    shown = [
        {},
        {"ADMIN_API_KEY": "wrong"},
        {"ADMIN_API_KEY": person.api_key},
        {"Authorization": person.api_key},
        # Only the header of the contract counts, and only the whole key.
        {"Authorization": f"Bearer {admin}"},
        {"ADMIN_API_KEY": admin[:-1]},
    ]

    answers = [await stage.client.delete(f"/admin/reset/{PRM}", headers=each) for each in shown]

    assert [(403, ["detail"])] * 6 == [(each.status_code, list(each.json())) for each in answers]
    assert 1 == await fetches(stage, person)

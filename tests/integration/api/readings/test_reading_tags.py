"""Conditional requests: whether data read before is still current."""

from datetime import date, timedelta

import pytest

from shared.accounts.daily_quota import Quota
from shared.consents.models import UsagePoint
from shared.core.datasets import Series
from shared.readings.models import Gap, Reason
from shared.readings.store import ReadingStore
from tests.support.api_gateway import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"
DAILY = f"/v1/usage-points/{PRM}/readings/daily_consumption"
FIRST = date(2026, 10, 1)
DAYS = {"start": "2026-10-01", "end": "2026-10-08"}


async def tag_of(stage: Stage, person: Person, path: str = CURVE, accept: str = "*/*", **query: str) -> str:
    headers = {**person.headers, "Accept": accept}
    answer = await stage.client.get(path, params={**DAYS, **query}, headers=headers)
    assert 200 == answer.status_code
    return answer.headers["ETag"]


async def test_nothing_is_sent_twice_and_nothing_opened_for_that(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 8))
    tag = await tag_of(stage, person)

    async def refuse(*_: object) -> None:
        raise AssertionError("a blob was taken from the store")

    for name in ("load_windows", "load_blobs", "open_windows"):
        monkeypatch.setattr(ReadingStore, name, refuse)
    answer = await stage.client.get(CURVE, params=DAYS, headers={**person.headers, "If-None-Match": tag})

    assert (304, b"", tag) == (answer.status_code, answer.content, answer.headers["ETag"])
    assert ("private, no-cache", "hit") == (answer.headers["Cache-Control"], answer.headers["X-Cache-Status"])
    used = await stage.resources.quotas.load(person.account.id, {}, stage.clock.now)
    assert {Quota.FETCH: 0, Quota.READ: 2} == {each.quota: each.used for each in used}


async def test_a_tag_is_known_among_others_and_in_either_strength(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    tag = await tag_of(stage, person)
    for shown in (f'"x", {tag}', tag.removeprefix("W/"), "*"):
        answer = await stage.client.get(CURVE, params=DAYS, headers={**person.headers, "If-None-Match": shown})

        assert 304 == answer.status_code, shown


async def test_each_question_has_a_tag_of_its_own(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 8))
    tags = [
        await tag_of(stage, person),
        await tag_of(stage, person, end="2026-10-07"),
        await tag_of(stage, person, accept="text/csv"),
        await tag_of(stage, person, resolution="hour"),
        await tag_of(stage, person, resolution="day"),
        await tag_of(stage, person, unit="kWh"),
    ]

    assert len(tags) == len(set(tags))
    assert tags[0] == await tag_of(stage, person)


async def test_a_tag_changes_with_what_is_stored_and_with_what_is_said_of_the_rest(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    nothing = await tag_of(stage, person)
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 7))
    stored = await tag_of(stage, person)
    stage.clock.now = NOON + timedelta(minutes=1)
    still = await tag_of(stage, person)
    lacking = Gap(FIRST, date(2026, 10, 2), Reason.NO_MEASURE)
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 2), {FIRST: lacking})
    fetched_again = await tag_of(stage, person)
    await stage.resources.readings.erase_series(stage_series(usage_point))

    assert stored == still
    assert 3 == len({nothing, stored, fetched_again})
    assert nothing == await tag_of(stage, person)


async def test_the_tag_of_daily_values_changes_with_the_curve_that_gives_them(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 8))
    before = await tag_of(stage, person, DAILY)
    stage.clock.now = NOON + timedelta(minutes=1)
    await stage.store_curve(usage_point, FIRST, date(2026, 10, 2))

    assert before != await tag_of(stage, person, DAILY)


async def test_another_gateways_tag_of_the_same_is_another(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    """The tag cannot be computed from the requested data."""
    from api.http.etags import entity_tag
    from shared.crypto.vault import ServerSecret

    mine = entity_tag(stage.resources.server, b"[]")

    assert mine != entity_tag(ServerSecret("another-secret-of-these-tests-0123456789"), b"[]")


def stage_series(usage_point: UsagePoint) -> Series:
    return Series(usage_point.account_id, usage_point.id, "consumption_load_curve")

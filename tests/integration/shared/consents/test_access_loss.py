"""Refusals of a usage point in a real database: counted over days, reset by a success, access lost at the limit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from shared.accounts.store import AccountStore
from shared.consents.loss_policy import Refusals
from shared.consents.models import ConsentStatus, GrantedPoint, UsagePoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import ConsentMissing
from shared.crypto.vault import ServerSecret
from shared.storage.database import Database
from tests.support.consent_objects import ConsentObjects
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
DAY = timedelta(days=1)
THURSDAY = MONDAY + 3 * DAY
PRM, OTHER_PRM = "99999999999991", "99888888888882"


@dataclass
class Household:
    """An account with usage points under one consent, and the SQL statements that its store has sent."""

    store: ConsentObjects
    account_id: str
    statements: list[str] = field(default_factory=list)

    async def share(self, *prms: str, now: datetime = MONDAY) -> str:
        consent, state = await self.store.authorization_states.create(self.account_id, now)
        await take_state(self.store.authorization_states, state, now, 58_249)
        points = [GrantedPoint(each, frozenset(Direction), date(2028, 1, 1)) for each in prms]
        await self.store.grants.grant(consent.id, points, now)
        return consent.id

    async def point(self, prm: str = PRM) -> UsagePoint:
        return await self.store.usage_points.find(self.account_id, prm)

    async def refuse(self, *moments: datetime, prm: str = PRM) -> list[bool]:
        point = await self.point(prm)
        return [await self.store.access_loss.note_refusal(point.id, moment) for moment in moments]


@pytest.fixture
async def household(database_url: str) -> AsyncIterator[Household]:
    database, server = Database(database_url), ServerSecret("synthetic-server-secret-number-one-0000")
    account, _ = await AccountStore(database, server).create_account(MONDAY)
    household = Household(ConsentObjects.on(database, server), account.id)

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        household.statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield household
    await database.close()


async def test_a_point_that_was_never_refused_says_so(household: Household) -> None:
    await household.share(PRM)

    assert None is (await household.point()).refusals


async def test_a_bad_day_leaves_the_consent_active(household: Household) -> None:
    await household.share(PRM)

    lost = await household.refuse(*(MONDAY + timedelta(minutes=each) for each in range(30)))

    point = await household.point()
    assert not any(lost)
    assert Refusals(MONDAY, MONDAY + timedelta(minutes=29), 1) == point.refusals
    assert point.consent.is_active(MONDAY)


async def test_refusals_on_three_days_over_three_days_end_it_once(household: Household) -> None:
    consent_id = await household.share(PRM)

    lost = await household.refuse(MONDAY, MONDAY + DAY, THURSDAY, THURSDAY + DAY)

    assert [False, False, True, False] == lost
    point, consent = await household.point(), await household.store.consents.load(consent_id)
    assert (ConsentStatus.LOST, ConsentStatus.LOST) == (point.consent.status, consent.status)
    assert not consent.is_active(THURSDAY)
    assert [] == await household.store.usage_points.active_ids(THURSDAY)
    with pytest.raises(ConsentMissing):
        await household.store.usage_points.load_active(point.id, THURSDAY)


async def test_a_success_begins_the_count_anew(household: Household) -> None:
    await household.share(PRM)
    await household.refuse(MONDAY, MONDAY + DAY)

    await household.store.access_loss.note_success(await household.point(), MONDAY + DAY)

    assert None is (await household.point()).refusals
    assert [False, False] == await household.refuse(THURSDAY, THURSDAY + DAY)


async def test_a_success_without_a_refusal_before_it_writes_once_a_day_that_the_consent_was_seen_to_hold(
    household: Household,
) -> None:
    await household.share(PRM)
    seen = []
    for moment in (MONDAY + DAY, MONDAY + DAY, THURSDAY):
        point = await household.point()
        household.statements.clear()
        await household.store.access_loss.note_success(point, moment)
        wrote = bool(household.statements)
        seen.append(((await household.point()).consent.seen_on, wrote))

    tuesday, thursday = day_of(MONDAY + DAY), day_of(THURSDAY)
    assert [(tuesday, True), (tuesday, False), (thursday, True)] == seen


async def test_a_success_that_is_noted_late_takes_no_later_day_back(household: Household) -> None:
    await household.share(PRM)
    point = await household.point()
    await household.store.access_loss.note_success(point, THURSDAY)

    await household.store.access_loss.note_success(point, MONDAY + DAY)

    assert day_of(THURSDAY) == (await household.point()).consent.seen_on


async def test_a_success_that_was_late_does_not_bring_a_lost_consent_back(household: Household) -> None:
    await household.share(PRM)
    await household.refuse(MONDAY, MONDAY + DAY)
    begun_before = await household.point()
    await household.refuse(THURSDAY)

    await household.store.access_loss.note_success(begun_before, THURSDAY)

    assert ConsentStatus.LOST is (await household.point()).consent.status


async def test_refusals_at_the_same_moment_are_each_seen(household: Household) -> None:
    await household.share(PRM)
    point = await household.point()
    await household.refuse(MONDAY, MONDAY + DAY)

    lost = await asyncio.gather(*(household.store.access_loss.note_refusal(point.id, THURSDAY) for _ in range(10)))

    assert 1 == sum(lost)


async def test_of_several_points_one_alone_is_lost_and_the_consent_with_the_last(household: Household) -> None:
    consent_id = await household.share(PRM, OTHER_PRM)
    days = (MONDAY, MONDAY + DAY, THURSDAY)

    await household.refuse(*days)
    after_one = await household.store.consents.load(consent_id)
    one, other = await household.point(), await household.point(OTHER_PRM)
    still_asked = await household.store.usage_points.active_ids(THURSDAY)
    await household.refuse(*days, prm=OTHER_PRM)
    after_both = await household.store.consents.load(consent_id)

    assert (ConsentStatus.LOST, ConsentStatus.GRANTED) == (one.consent.status, other.consent.status)
    assert [other.id] == still_asked
    assert (ConsentStatus.GRANTED, ConsentStatus.LOST) == (after_one.status, after_both.status)


async def test_a_new_consent_opens_a_lost_point_again(household: Household) -> None:
    lost_id = await household.share(PRM)
    await household.refuse(MONDAY, MONDAY + DAY, THURSDAY)
    before = await household.point()

    renewed_id = await household.share(PRM, now=THURSDAY)

    point = await household.point()
    assert (before.id, renewed_id, None) == (point.id, point.consent.id, point.refusals)
    assert point.consent.is_active(THURSDAY)
    assert ConsentStatus.LOST is (await household.store.consents.load(lost_id)).status


async def test_a_refusal_of_a_point_that_is_gone_is_nothing(household: Household) -> None:
    assert not await household.store.access_loss.note_refusal("up_unknown", MONDAY)

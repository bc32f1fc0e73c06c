"""Erasure of an account concurrent with other operations on it: none of its data is left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from itertools import count, product

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from shared.config.settings import Settings
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.datasets import DATASETS, Direction
from shared.core.errors import AppError
from shared.lifecycle.erasure import OWNER, SECOND_PASS_AFTER
from shared.readings.models import Reason
from shared.resources import Resources, open_resources
from shared.storage.tables import usage_points
from tests.support.dumps import redis_dump, sql_dump
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 10, 20, 10, tzinfo=UTC)
ROUNDS = 6
numbers = count(1)
IdempotentOperation = Callable[[Resources, UsagePoint, str], Awaitable[object]]


@pytest.fixture
async def processes(settings: Settings) -> AsyncIterator[tuple[Resources, Resources]]:
    """The stores as opened by two processes."""
    async with open_resources(settings) as one, open_resources(settings) as other:
        yield one, other


async def begun_consent(resources: Resources, account_id: str) -> str:
    """A consent after the callback, during its exchange."""
    consent, state = await resources.authorization_states.create(account_id, NOW)
    await take_state(resources.authorization_states, state, NOW, next(numbers))
    return consent.id


async def grant(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.grants.grant(consent_id, [GrantedPoint(f"9900000010{next(numbers):04}")], NOW)


async def renew(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.grants.grant(consent_id, [GrantedPoint(point.prm, frozenset(Direction))], NOW)


async def refuse(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.access_loss.note_refusal(point.id, NOW)


async def lack(resources: Resources, point: UsagePoint, consent_id: str) -> None:
    await resources.usage_points.note_unavailable(point.id, next(iter(DATASETS)), Reason.WRONG_DIRECTION, NOW)


async def name(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.usage_points.change(point, {"label": "synthetic"}, "key_1", NOW)


async def write_down(resources: Resources, point: UsagePoint, consent_id: str) -> None:
    await resources.audit.note(point.account_id, NOW, "key_1", "synthetic.action")


async def revoke(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.consents.revoke(point.consent.id, point.account_id, "key_1", NOW)


async def ask_for_consent(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.authorization_states.create(point.account_id, NOW)


async def erase_point(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    return await resources.erasure.erase_usage_point(point, "key_1", NOW)


async def make_key(resources: Resources, point: UsagePoint, consent_id: str) -> object:
    (key,) = await resources.accounts.keys.list_keys(point.account_id)
    return await resources.accounts.keys.create_key(key, b"\0" * 32, NOW)


DEEDS = [grant, renew, refuse, lack, name, write_down, revoke, ask_for_consent, erase_point, make_key]


async def test_an_account_is_erased_whatever_is_done_at_the_same_moment(
    processes: tuple[Resources, Resources],
) -> None:
    one, other = processes
    for deed, round_number in product(DEEDS, range(ROUNDS)):
        account, _ = await one.accounts.create_account(NOW)
        await one.grants.grant(
            await begun_consent(one, account.id), [GrantedPoint(f"9900000000{next(numbers):04}")], NOW
        )
        (point,) = await one.usage_points.list_for_account(account.id)
        consent_id = await begun_consent(one, account.id)

        receipt, outcome = await asyncio.gather(
            one.erasure.erase_account(account.id, OWNER, NOW),
            late(round_number, deed(other, point, consent_id)),
            return_exceptions=True,
        )
        await one.erasure.finish(NOW + SECOND_PASS_AFTER)

        assert not isinstance(receipt, BaseException), (deed.__name__, receipt)
        # A late operation is refused, by our checks or by the database's constraints.
        told = isinstance(outcome, (AppError, IntegrityError, ValueError))
        assert told or not isinstance(outcome, BaseException), (deed.__name__, outcome)
        dump = await redis_dump(one.redis) + await sql_dump(one.database)
        left = [each for each in (account.id, point.id, consent_id, point.consent.id) if each in dump]
        assert [] == left, deed.__name__


async def test_a_usage_point_is_erased_whatever_is_done_at_the_same_moment(
    processes: tuple[Resources, Resources],
) -> None:
    one, other = processes
    for deed in (renew, refuse, lack, name, revoke, erase_point):
        account, _ = await one.accounts.create_account(NOW)
        for round_number in range(ROUNDS):
            prm = f"9900000000{next(numbers):04}"
            await one.grants.grant(await begun_consent(one, account.id), [GrantedPoint(prm)], NOW)
            point = await one.usage_points.find(account.id, prm)
            consent_id = await begun_consent(one, account.id)

            outcomes = await asyncio.gather(
                one.erasure.erase_usage_point(point, "key_1", NOW),
                late(round_number, deed(other, point, consent_id)),
                return_exceptions=True,
            )
            await one.erasure.finish(NOW + SECOND_PASS_AFTER)

            failures = [each for each in outcomes if isinstance(each, BaseException)]
            assert [] == [each for each in failures if not isinstance(each, AppError)], deed.__name__
            # A late operation leaves the id in the audit log; the point itself is deleted.
            assert point.id not in repr(await one.database.read(select(usage_points.c.id))), deed.__name__
            assert point.id not in await redis_dump(one.redis), deed.__name__
        assert await one.audit.find_break(account.id) is None, deed.__name__


async def late(round_number: int, deed: Awaitable[object]) -> object:
    """Delay a little more in each round, to hit another step of the erasure; nothing may be left after any."""
    await asyncio.sleep(round_number * 0.002)
    return await deed

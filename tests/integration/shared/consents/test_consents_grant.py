"""The usage points of a granted consent, in a real database: bound all or none, and only to its account."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from shared.accounts.store import AccountStore
from shared.consents.models import ConsentStatus, GrantedPoint, UsagePoint
from shared.core.datasets import Direction
from shared.core.errors import ConsentEmpty, ConsentMissing, ConsentRefused, NotFound, UsagePointTaken
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.storage.database import Database
from tests.support.consent_objects import ConsentObjects
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

SECRET, OTHER_SECRET = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(SECRET)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PRM, OTHER_PRM = "99999999999991", "88888888888882"
EXPIRES_ON = date(2027, 11, 22)
AFTER_EXPIRY = datetime(2027, 11, 22, 12, tzinfo=UTC)
CONSUMPTION, PRODUCTION = Direction.CONSUMPTION, Direction.PRODUCTION
BOTH_WAYS = frozenset({CONSUMPTION, PRODUCTION})
# Each account has its own authorisation number at the provider.
AUTHORISATIONS = count(58_249)
POINT = GrantedPoint(PRM, frozenset({CONSUMPTION}), EXPIRES_ON)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database used by this test only."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> ConsentObjects:
    """The consents and usage points in it."""
    return ConsentObjects.on(database, SERVER)


@pytest.fixture
async def account_ids(database: Database) -> list[str]:
    """Two independent accounts."""
    accounts = AccountStore(database, SERVER)
    return [(await accounts.create_account(NOW))[0].id for _ in range(2)]


async def exchanging(store: ConsentObjects, account_id: str, expected_prm: str | None = None) -> str:
    """A consent after the callback, during its exchange."""
    consent, state = await store.authorization_states.create(account_id, NOW, expected_prm)
    await take_state(store.authorization_states, state, NOW, next(AUTHORISATIONS))
    return consent.id


async def granted(store: ConsentObjects, account_id: str, *points: GrantedPoint, now: datetime = NOW) -> str:
    """A consent that was exchanged for these usage points."""
    consent_id = await exchanging(store, account_id)
    await store.grants.grant(consent_id, points, now)
    return consent_id


async def test_a_grant_binds_the_point_with_its_direction_and_expiry(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id = await granted(store, account_ids[0], POINT)

    bound = await store.usage_points.find(account_ids[0], PRM)

    consent = await store.consents.load(consent_id)
    assert (ConsentStatus.GRANTED, NOW, EXPIRES_ON) == (consent.status, consent.granted_at, consent.expires_on)
    assert UsagePoint(bound.id, account_ids[0], PRM, POINT.directions, NOW, consent) == bound
    assert bound == await store.usage_points.load(bound.id)
    assert bound == await store.usage_points.load_active(bound.id, NOW)
    assert [bound] == await store.usage_points.list_for_account(account_ids[0])
    assert PRM not in repr(bound)


async def test_the_directions_of_a_point_are_kept(store: ConsentObjects, account_ids: list[str]) -> None:
    kept = {
        f"9999999999999{number}": frozenset(directions)
        for number, directions in enumerate([frozenset(), {CONSUMPTION}, {PRODUCTION}, BOTH_WAYS])
    }

    await granted(store, account_ids[0], *(GrantedPoint(prm, each, EXPIRES_ON) for prm, each in kept.items()))

    assert kept == {prm: (await store.usage_points.find(account_ids[0], prm)).directions for prm in kept}


async def test_a_consent_lasts_as_long_as_the_longest_of_its_points(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    lasting: list[tuple[list[date | None], date | None]] = [
        ([date(2027, 1, 1), date(2028, 1, 1)], date(2028, 1, 1)),
        ([date(2027, 1, 1), None], None),
        ([None], None),
    ]
    prms = (f"9999999999999{number}" for number in range(10))
    for known, (expiries, expected) in enumerate(lasting):
        before = len(await store.usage_points.list_for_account(account_ids[0]))
        points = [GrantedPoint(next(prms), BOTH_WAYS, expiry) for expiry in expiries]

        consent_id = await granted(store, account_ids[0], *points)

        assert expected == (await store.consents.load(consent_id)).expires_on, known
        assert before + len(points) == len(await store.usage_points.list_for_account(account_ids[0])), known


async def test_granted_twice_nothing_changes(store: ConsentObjects, account_ids: list[str]) -> None:
    consent_id = await granted(store, account_ids[0], POINT)
    before = await store.usage_points.list_for_account(account_ids[0])

    await store.grants.grant(consent_id, [replace(POINT, directions=BOTH_WAYS), GrantedPoint(OTHER_PRM)], NOW)
    await store.grants.fail(consent_id, "provider_garbage", NOW)

    assert before == await store.usage_points.list_for_account(account_ids[0])


async def test_granted_ten_times_at_once_the_point_is_bound_once(store: ConsentObjects, account_ids: list[str]) -> None:
    """The queue may deliver the exchange twice: neither may mark the other's result as failed."""
    consent_id = await exchanging(store, account_ids[0])

    await asyncio.gather(*(store.grants.grant(consent_id, [POINT], NOW) for _ in range(10)))

    assert [PRM] == [point.prm for point in await store.usage_points.list_for_account(account_ids[0])]
    assert ConsentStatus.GRANTED is (await store.consents.load(consent_id)).status


async def test_two_accounts_that_bind_one_point_at_once_do_not_both_get_it(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    rounds, outcomes = 5, []
    # From the second round on, both connections are open, and the two exchanges really run concurrently.
    for n in range(rounds):
        consent_ids = [await exchanging(store, account_id) for account_id in account_ids]
        grants = (
            store.grants.grant(consent_id, [replace(POINT, prm=f"7777777777777{n}")], NOW) for consent_id in consent_ids
        )
        outcomes.append(await asyncio.gather(*grants, return_exceptions=True))

    assert [[UsagePointTaken]] * rounds == [[type(each) for each in pair if each is not None] for pair in outcomes]
    assert rounds == sum([len(await store.usage_points.list_for_account(account_id)) for account_id in account_ids])


async def test_a_second_consent_takes_over_the_point_it_opens_again(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    await granted(store, account_ids[0], POINT)
    first = await store.usage_points.find(account_ids[0], PRM)

    renewed = replace(POINT, directions=BOTH_WAYS, expires_on=date(2029, 1, 1))
    consent_id = await granted(store, account_ids[0], renewed, now=NOW + timedelta(days=300))

    (second,) = await store.usage_points.list_for_account(account_ids[0])
    assert (first.id, first.created_at) == (second.id, second.created_at)
    assert (consent_id, BOTH_WAYS, date(2029, 1, 1)) == (
        second.consent.id,
        second.directions,
        second.consent.expires_on,
    )


# Refusals


async def test_a_grant_of_nothing_is_refused(store: ConsentObjects, account_ids: list[str]) -> None:
    consent_id = await exchanging(store, account_ids[0])

    with pytest.raises(ConsentEmpty):
        await store.grants.grant(consent_id, [], NOW)

    assert ConsentStatus.EXCHANGING is (await store.consents.load(consent_id)).status


async def test_a_point_other_than_the_announced_one_is_refused_and_nothing_is_bound(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id = await exchanging(store, account_ids[0], expected_prm=PRM)

    with pytest.raises(ConsentRefused) as refusal:
        await store.grants.grant(consent_id, [POINT, GrantedPoint(OTHER_PRM)], NOW)

    assert PRM not in str(refusal.value)
    assert OTHER_PRM not in str(refusal.value)
    assert [] == await store.usage_points.list_for_account(account_ids[0])
    assert ConsentStatus.EXCHANGING is (await store.consents.load(consent_id)).status
    await store.grants.grant(consent_id, [POINT], NOW)
    assert 1 == len(await store.usage_points.list_for_account(account_ids[0]))


async def test_a_point_that_another_account_holds_is_refused_and_nothing_is_bound(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)
    before = await store.usage_points.list_for_account(holder)
    consent_id = await exchanging(store, other)

    with pytest.raises(UsagePointTaken) as refusal:
        await store.grants.grant(consent_id, [GrantedPoint(OTHER_PRM), POINT], NOW)

    assert PRM not in str(refusal.value)
    assert [] == await store.usage_points.list_for_account(other)
    assert before == await store.usage_points.list_for_account(holder)


async def test_a_point_goes_to_another_account_once_the_holders_consent_is_over(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)

    await granted(store, other, replace(POINT, expires_on=date(2029, 1, 1)), now=AFTER_EXPIRY)

    theirs = await store.usage_points.find(other, PRM)
    was = await store.usage_points.find(holder, PRM)
    assert theirs.id != was.id
    assert [theirs.id] == await store.usage_points.active_ids(AFTER_EXPIRY)
    with pytest.raises(ConsentMissing):
        await store.usage_points.load_active(was.id, AFTER_EXPIRY)
    assert theirs == await store.usage_points.load_active(theirs.id, AFTER_EXPIRY)


async def test_a_consent_nobody_knows_is_no_consent(store: ConsentObjects) -> None:
    with pytest.raises(NotFound):
        await store.grants.grant("cons_unknown", [POINT], NOW)


async def test_a_point_is_found_only_by_its_account(store: ConsentObjects, account_ids: list[str]) -> None:
    await granted(store, account_ids[0], POINT)

    for account_id, prm in [(account_ids[1], PRM), (account_ids[0], OTHER_PRM), (account_ids[0], "")]:
        with pytest.raises(NotFound):
            await store.usage_points.find(account_id, prm)
    with pytest.raises(NotFound):
        await store.usage_points.load("up_unknown")
    assert [] == await store.usage_points.list_for_account(account_ids[1])


async def test_the_active_points_of_all_accounts_come_in_pages(store: ConsentObjects, account_ids: list[str]) -> None:
    active = [GrantedPoint(f"1111111111111{n}", BOTH_WAYS, EXPIRES_ON) for n in range(5)]
    await granted(store, account_ids[0], *active[:3])
    await granted(store, account_ids[1], *active[3:])
    await granted(store, account_ids[1], GrantedPoint(PRM, BOTH_WAYS, date(2026, 11, 22)))  # over today
    expected = {
        point.id
        for account_id in account_ids
        for point in await store.usage_points.list_for_account(account_id)
        if point.prm != PRM
    }

    pages = [await store.usage_points.active_ids(NOW, limit=2)]
    while pages[-1]:
        pages.append(await store.usage_points.active_ids(NOW, after=pages[-1][-1], limit=2))

    assert [2, 2, 1, 0] == [len(page) for page in pages]
    assert sorted(expected) == [each for page in pages for each in page]


# The contents of the file


async def test_no_digit_of_a_point_is_in_the_file_in_clear(
    store: ConsentObjects, account_ids: list[str], stored_bytes: Callable[[], bytes]
) -> None:
    await granted(store, account_ids[0], POINT, GrantedPoint(OTHER_PRM))
    await store.authorization_states.create(account_ids[0], NOW, expected_prm="77777777777773")
    (point, _) = await store.usage_points.list_for_account(account_ids[0])

    stored = await asyncio.to_thread(stored_bytes)

    assert point.id.encode() in stored  # the usage point is stored: the next checks are not vacuous
    for prm in (PRM, OTHER_PRM, "77777777777773"):
        assert prm.encode() not in stored
        assert int(prm).to_bytes(6, "big") not in stored


async def test_points_are_found_bound_again_and_refused_to_others_after_a_change_of_the_servers_secret(
    store: ConsentObjects, database: Database, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)
    before = await store.usage_points.find(holder, PRM)
    announced = await exchanging(store, holder, expected_prm=PRM)

    changed = ConsentObjects.on(database, ServerSecret(OTHER_SECRET, [SECRET]))

    assert before == await changed.usage_points.find(holder, PRM)
    with pytest.raises(UsagePointTaken):
        await granted(changed, other, POINT)
    await changed.grants.grant(announced, [POINT], NOW)
    assert [before.id] == [point.id for point in await changed.usage_points.list_for_account(holder)]
    forgotten = ConsentObjects.on(database, ServerSecret(OTHER_SECRET))
    with pytest.raises(NotFound):
        await forgotten.usage_points.find(holder, PRM)
    with pytest.raises(CannotOpen):
        await forgotten.usage_points.list_for_account(holder)

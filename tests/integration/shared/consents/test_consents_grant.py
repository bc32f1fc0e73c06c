"""What a granted consent binds, in a real database: all of it or nothing, to its account and to no other one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from shared.accounts.store import AccountStore
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.consents.store import ConsentStore, UsagePoint
from shared.core.datasets import Direction
from shared.core.errors import ConsentEmpty, ConsentMissing, ConsentRefused, NotFound, UsagePointTaken
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.storage.database import Database
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
# Each person has a number of their own at the provider.
AUTHORISATIONS = count(58_249)
POINT = GrantedPoint(PRM, frozenset({CONSUMPTION}), EXPIRES_ON)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database of this test alone."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> ConsentStore:
    """The consents and usage points in it."""
    return ConsentStore(database, SERVER)


@pytest.fixture
async def account_ids(database: Database) -> list[str]:
    """Two accounts that know nothing of each other."""
    accounts = AccountStore(database, SERVER)
    return [(await accounts.create_account(NOW))[0].id for _ in range(2)]


async def exchanging(store: ConsentStore, account_id: str, expected_prm: str | None = None) -> str:
    """A consent that came back and is being exchanged."""
    consent, state = await store.create_consent(account_id, NOW, expected_prm)
    await take_state(store, state, NOW, next(AUTHORISATIONS))
    return consent.id


async def granted(store: ConsentStore, account_id: str, *points: GrantedPoint, now: datetime = NOW) -> str:
    """A consent that was exchanged for these points."""
    consent_id = await exchanging(store, account_id)
    await store.grant(consent_id, points, now)
    return consent_id


async def test_a_grant_binds_the_point_with_its_direction_and_expiry(
    store: ConsentStore, account_ids: list[str]
) -> None:
    consent_id = await granted(store, account_ids[0], POINT)

    bound = await store.find_usage_point(account_ids[0], PRM)

    consent = await store.load_consent(consent_id)
    assert (ConsentStatus.GRANTED, NOW, EXPIRES_ON) == (consent.status, consent.granted_at, consent.expires_on)
    assert UsagePoint(bound.id, account_ids[0], PRM, POINT.directions, NOW, consent) == bound
    assert bound == await store.load_usage_point(bound.id)
    assert bound == await store.load_active_usage_point(bound.id, NOW)
    assert [bound] == await store.list_usage_points(account_ids[0])
    assert PRM not in repr(bound)


async def test_the_directions_of_a_point_are_kept(store: ConsentStore, account_ids: list[str]) -> None:
    kept = {
        f"9999999999999{number}": frozenset(directions)
        for number, directions in enumerate([frozenset(), {CONSUMPTION}, {PRODUCTION}, BOTH_WAYS])
    }

    await granted(store, account_ids[0], *(GrantedPoint(prm, each, EXPIRES_ON) for prm, each in kept.items()))

    assert kept == {prm: (await store.find_usage_point(account_ids[0], prm)).directions for prm in kept}


async def test_a_consent_lasts_as_long_as_the_longest_of_its_points(
    store: ConsentStore, account_ids: list[str]
) -> None:
    lasting: list[tuple[list[date | None], date | None]] = [
        ([date(2027, 1, 1), date(2028, 1, 1)], date(2028, 1, 1)),
        ([date(2027, 1, 1), None], None),
        ([None], None),
    ]
    prms = (f"9999999999999{number}" for number in range(10))
    for known, (expiries, expected) in enumerate(lasting):
        before = len(await store.list_usage_points(account_ids[0]))
        points = [GrantedPoint(next(prms), BOTH_WAYS, expiry) for expiry in expiries]

        consent_id = await granted(store, account_ids[0], *points)

        assert expected == (await store.load_consent(consent_id)).expires_on, known
        assert before + len(points) == len(await store.list_usage_points(account_ids[0])), known


async def test_granted_twice_nothing_changes(store: ConsentStore, account_ids: list[str]) -> None:
    consent_id = await granted(store, account_ids[0], POINT)
    before = await store.list_usage_points(account_ids[0])

    await store.grant(consent_id, [replace(POINT, directions=BOTH_WAYS), GrantedPoint(OTHER_PRM)], NOW)
    await store.fail_consent(consent_id, "provider_garbage", NOW)

    assert before == await store.list_usage_points(account_ids[0])


async def test_granted_ten_times_at_once_the_point_is_bound_once(store: ConsentStore, account_ids: list[str]) -> None:
    """The queue may deliver the exchange twice: neither may fail what the other one did."""
    consent_id = await exchanging(store, account_ids[0])

    await asyncio.gather(*(store.grant(consent_id, [POINT], NOW) for _ in range(10)))

    assert [PRM] == [point.prm for point in await store.list_usage_points(account_ids[0])]
    assert ConsentStatus.GRANTED is (await store.load_consent(consent_id)).status


async def test_two_accounts_that_bind_one_point_at_once_do_not_both_get_it(
    store: ConsentStore, account_ids: list[str]
) -> None:
    rounds, outcomes = 5, []
    # Only from the second round on are both connections open, and the two really at the same step.
    for n in range(rounds):
        consent_ids = [await exchanging(store, account_id) for account_id in account_ids]
        grants = (store.grant(consent_id, [replace(POINT, prm=f"7777777777777{n}")], NOW) for consent_id in consent_ids)
        outcomes.append(await asyncio.gather(*grants, return_exceptions=True))

    assert [[UsagePointTaken]] * rounds == [[type(each) for each in pair if each is not None] for pair in outcomes]
    assert rounds == sum([len(await store.list_usage_points(account_id)) for account_id in account_ids])


async def test_a_second_consent_takes_over_the_point_it_opens_again(
    store: ConsentStore, account_ids: list[str]
) -> None:
    await granted(store, account_ids[0], POINT)
    first = await store.find_usage_point(account_ids[0], PRM)

    renewed = replace(POINT, directions=BOTH_WAYS, expires_on=date(2029, 1, 1))
    consent_id = await granted(store, account_ids[0], renewed, now=NOW + timedelta(days=300))

    (second,) = await store.list_usage_points(account_ids[0])
    assert (first.id, first.created_at) == (second.id, second.created_at)
    assert (consent_id, BOTH_WAYS, date(2029, 1, 1)) == (
        second.consent.id,
        second.directions,
        second.consent.expires_on,
    )


# What is refused


async def test_a_grant_of_nothing_is_refused(store: ConsentStore, account_ids: list[str]) -> None:
    consent_id = await exchanging(store, account_ids[0])

    with pytest.raises(ConsentEmpty):
        await store.grant(consent_id, [], NOW)

    assert ConsentStatus.EXCHANGING is (await store.load_consent(consent_id)).status


async def test_a_point_other_than_the_announced_one_is_refused_and_nothing_is_bound(
    store: ConsentStore, account_ids: list[str]
) -> None:
    consent_id = await exchanging(store, account_ids[0], expected_prm=PRM)

    with pytest.raises(ConsentRefused) as refusal:
        await store.grant(consent_id, [POINT, GrantedPoint(OTHER_PRM)], NOW)

    assert PRM not in str(refusal.value)
    assert OTHER_PRM not in str(refusal.value)
    assert [] == await store.list_usage_points(account_ids[0])
    assert ConsentStatus.EXCHANGING is (await store.load_consent(consent_id)).status
    await store.grant(consent_id, [POINT], NOW)
    assert 1 == len(await store.list_usage_points(account_ids[0]))


async def test_a_point_that_another_account_holds_is_refused_and_nothing_is_bound(
    store: ConsentStore, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)
    before = await store.list_usage_points(holder)
    consent_id = await exchanging(store, other)

    with pytest.raises(UsagePointTaken) as refusal:
        await store.grant(consent_id, [GrantedPoint(OTHER_PRM), POINT], NOW)

    assert PRM not in str(refusal.value)
    assert [] == await store.list_usage_points(other)
    assert before == await store.list_usage_points(holder)


async def test_a_point_goes_to_another_account_once_the_holders_consent_is_over(
    store: ConsentStore, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)

    await granted(store, other, replace(POINT, expires_on=date(2029, 1, 1)), now=AFTER_EXPIRY)

    theirs = await store.find_usage_point(other, PRM)
    was = await store.find_usage_point(holder, PRM)
    assert theirs.id != was.id
    assert [theirs.id] == await store.active_usage_point_ids(AFTER_EXPIRY)
    with pytest.raises(ConsentMissing):
        await store.load_active_usage_point(was.id, AFTER_EXPIRY)
    assert theirs == await store.load_active_usage_point(theirs.id, AFTER_EXPIRY)


async def test_a_consent_nobody_knows_is_no_consent(store: ConsentStore) -> None:
    with pytest.raises(NotFound):
        await store.grant("cons_unknown", [POINT], NOW)


async def test_a_point_is_found_only_by_its_account(store: ConsentStore, account_ids: list[str]) -> None:
    await granted(store, account_ids[0], POINT)

    for account_id, prm in [(account_ids[1], PRM), (account_ids[0], OTHER_PRM), (account_ids[0], "")]:
        with pytest.raises(NotFound):
            await store.find_usage_point(account_id, prm)
    with pytest.raises(NotFound):
        await store.load_usage_point("up_unknown")
    assert [] == await store.list_usage_points(account_ids[1])


async def test_the_active_points_of_all_accounts_come_in_pages(store: ConsentStore, account_ids: list[str]) -> None:
    active = [GrantedPoint(f"1111111111111{n}", BOTH_WAYS, EXPIRES_ON) for n in range(5)]
    await granted(store, account_ids[0], *active[:3])
    await granted(store, account_ids[1], *active[3:])
    await granted(store, account_ids[1], GrantedPoint(PRM, BOTH_WAYS, date(2026, 11, 22)))  # over today
    expected = {
        point.id
        for account_id in account_ids
        for point in await store.list_usage_points(account_id)
        if point.prm != PRM
    }

    pages = [await store.active_usage_point_ids(NOW, limit=2)]
    while pages[-1]:
        pages.append(await store.active_usage_point_ids(NOW, after=pages[-1][-1], limit=2))

    assert [2, 2, 1, 0] == [len(page) for page in pages]
    assert sorted(expected) == [each for page in pages for each in page]


# What the file holds


async def test_no_digit_of_a_point_is_in_the_file_in_clear(
    store: ConsentStore, account_ids: list[str], stored_bytes: Callable[[], bytes]
) -> None:
    await granted(store, account_ids[0], POINT, GrantedPoint(OTHER_PRM))
    await store.create_consent(account_ids[0], NOW, expected_prm="77777777777773")
    (point, _) = await store.list_usage_points(account_ids[0])

    stored = await asyncio.to_thread(stored_bytes)

    assert point.id.encode() in stored  # the point is there: what follows is no empty promise
    for prm in (PRM, OTHER_PRM, "77777777777773"):
        assert prm.encode() not in stored
        assert int(prm).to_bytes(6, "big") not in stored


async def test_points_are_found_bound_again_and_refused_to_others_after_a_change_of_the_servers_secret(
    store: ConsentStore, database: Database, account_ids: list[str]
) -> None:
    holder, other = account_ids
    await granted(store, holder, POINT)
    before = await store.find_usage_point(holder, PRM)
    announced = await exchanging(store, holder, expected_prm=PRM)

    changed = ConsentStore(database, ServerSecret(OTHER_SECRET, [SECRET]))

    assert before == await changed.find_usage_point(holder, PRM)
    with pytest.raises(UsagePointTaken):
        await granted(changed, other, POINT)
    await changed.grant(announced, [POINT], NOW)
    assert [before.id] == [point.id for point in await changed.list_usage_points(holder)]
    forgotten = ConsentStore(database, ServerSecret(OTHER_SECRET))
    with pytest.raises(NotFound):
        await forgotten.find_usage_point(holder, PRM)
    with pytest.raises(CannotOpen):
        await forgotten.list_usage_points(holder)

"""Events on a real server: an account's listeners, and no others, receive its events in order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.events.store import Event, EventStore
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server, as processes open it."""
    client = Redis.from_url(redis_url, socket_timeout=60)
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> EventStore:
    """The events in it."""
    return EventStore(redis)


async def test_events_are_heard_in_order_and_only_by_their_account(store: EventStore) -> None:
    start = await store.last_event_id("acct_1")
    await store.publish("acct_1", "job.progress", {"job_id": "job_1"})
    await store.publish("acct_2", "job.failed", {"job_id": "job_9"})
    await store.publish("acct_1", "job.succeeded", {"job_id": "job_1", "note": "é"})

    events = await store.next_events("acct_1", start, 1)

    assert [
        Event(events[0].id, "job.progress", {"job_id": "job_1"}),
        Event(events[1].id, "job.succeeded", {"job_id": "job_1", "note": "é"}),
    ] == events
    assert "0-0" == start
    assert events[1].id == await store.last_event_id("acct_1")
    assert [events[1]] == await store.next_events("acct_1", events[0].id, 1)


async def test_who_waits_is_woken_by_the_next_event(store: EventStore, redis: Redis) -> None:
    await store.publish("acct_1", "job.progress", {"job_id": "job_1"})
    waiting = asyncio.create_task(store.next_events("acct_1", await store.last_event_id("acct_1"), PATIENCE_SECONDS))
    while not [each for each in await redis.client_list() if "b" in each["flags"]]:  # noqa: ASYNC110  # no event here
        await asyncio.sleep(0)

    await store.publish("acct_1", "job.succeeded", {"job_id": "job_1"})

    assert ["job.succeeded"] == [event.type for event in await waiting]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_events_are_heard_in_both_dialects_of_the_server(protocol: int, redis_url: str) -> None:
    async with Redis.from_url(redis_url, protocol=protocol) as redis:
        store = EventStore(redis)
        await store.publish("acct_1", "job.succeeded", {"job_id": "job_1"})

        heard = await store.next_events("acct_1", "0-0", 1)
        nothing = await store.next_events("acct_1", heard[-1].id, 0)

    assert ([{"job_id": "job_1"}], []) == ([event.data for event in heard], nothing)


async def test_a_wait_without_event_ends_empty(store: EventStore) -> None:
    assert [] == await store.next_events("acct_1", "0-0", 0)
    assert [] == await store.next_events("acct_1", "0-0", 0.01)


async def test_an_account_keeps_its_newest_events_and_about_a_thousand_of_them(store: EventStore, redis: Redis) -> None:
    for first in range(0, 1500, 50):
        await asyncio.gather(
            *(store.publish("acct_1", "job.progress", {"n": str(n)}) for n in range(first, min(first + 50, 1499)))
        )
    await store.publish("acct_1", "job.progress", {"n": "1499"})

    kept = await store.next_events("acct_1", "0-0", 1)

    assert 1000 <= len(kept) < 1200
    assert "1499" == kept[-1].data["n"]

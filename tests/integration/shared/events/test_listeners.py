"""Listeners of one process: one shared connection, limits, and no loss or memory growth with a slow listener."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.core.errors import ServiceUnavailable, TooManyListeners
from shared.events.listeners import WAITS_PER_ACCOUNT, EventListeners, Purpose
from shared.events.store import Event, EventStore
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    client = Redis.from_url(redis_url, socket_timeout=60)
    yield client
    await client.aclose()


@pytest.fixture
async def listening(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventListeners]:
    """At most two streams per account, five in total; only the key "good" is valid."""
    monkeypatch.setattr("shared.events.listeners._READY_SECONDS", PATIENCE_SECONDS)

    async def usable(key_ids: object) -> set[str]:
        return {"good"}

    listening = EventListeners(EventStore(redis), usable, streams_per_account=2, streams=5)
    yield listening
    await listening.close()


async def test_many_listeners_take_one_connection(listening: EventListeners, redis: Redis) -> None:
    listeners = [listening.join(f"acct_{n}", Purpose.WAIT) for n in range(200)]
    await listening.ready()
    for listener in listeners:
        listener.catch_up()
    subscribers = [each for each in await redis.client_list() if each["sub"] != "0"]

    await EventStore(redis).publish("acct_7", "job.progress", {"job_id": "job_1"})
    is_told = await listeners[7].wait(PATIENCE_SECONDS)

    assert 1 == len(subscribers)
    assert is_told
    assert [{"job_id": "job_1"}] == [event.data for event in listeners[7].take()]
    assert [] == [event for listener in listeners for event in listener.take()]


async def test_an_account_and_a_process_have_so_many_streams_and_waits_are_counted_apart(
    listening: EventListeners,
) -> None:
    streams = [listening.join(f"acct_{n}", Purpose.STREAM) for n in (1, 1, 2, 2)]
    for _ in range(WAITS_PER_ACCOUNT):
        listening.join("acct_1", Purpose.WAIT)

    for purpose in Purpose:
        with pytest.raises(TooManyListeners):
            listening.join("acct_1", purpose)
    listening.join("acct_3", Purpose.STREAM)
    with pytest.raises(ServiceUnavailable):
        listening.join("acct_4", Purpose.STREAM)
    listening.leave(streams[0])
    listening.leave(streams[0])
    listening.join("acct_1", Purpose.STREAM)

    assert {Purpose.STREAM: 5, Purpose.WAIT: WAITS_PER_ACCOUNT} == listening.count


async def test_a_listener_keeps_so_many_events_and_then_only_that_it_is_behind(listening: EventListeners) -> None:
    listener = listening.join("acct_1", Purpose.STREAM)
    was_new, is_new = listener.catch_up(), listener.catch_up()
    for n in range(200):
        listener.hear(Event(f"{n}-0", "job.progress", {}))
    was_behind = listener.behind
    listener.hear(Event("200-0", "job.progress", {}))

    assert (True, False, False, True) == (was_new, is_new, was_behind, listener.behind)
    assert [] == listener.take()
    assert listener.catch_up()


async def test_who_has_lost_its_key_is_ended_and_who_came_without_stays(listening: EventListeners) -> None:
    good, bad, none = (listening.join("acct_1", Purpose.WAIT, key_id) for key_id in ("good", "bad", None))

    await listening.check_keys()

    assert (False, True, False) == (good.ended, bad.ended, none.ended)


async def test_at_the_end_everybody_is_woken_and_nobody_joins(listening: EventListeners) -> None:
    listener = listening.join("acct_1", Purpose.WAIT)
    listener.catch_up()

    listening.end()

    assert await listener.wait(PATIENCE_SECONDS)
    assert listener.ended
    with pytest.raises(ServiceUnavailable):
        listening.join("acct_1", Purpose.WAIT)


async def test_without_its_store_a_process_is_not_ready_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.events.listeners._READY_SECONDS", 0.05)
    async with Redis.from_url("unix:///nowhere.sock") as nowhere:

        async def usable(key_ids: object) -> set[str]:
            return set()

        listening = EventListeners(EventStore(nowhere), usable, streams_per_account=1, streams=1)
        listener = listening.join("acct_1", Purpose.STREAM)
        await listening.ready()
        is_told = await listener.wait(0.01)
        await listening.close()

    assert not is_told

"""Events (Redis): published to the listeners of an account. They contain types and ids; never a reading.

Each account has one bounded stream, from which listeners resume. Every event is also published on one channel, so that
a process receives the events of all accounts over a single connection, and is delivered to the subscribed webhooks.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from shared.core.errors import ServiceUnavailable
from shared.events.delivery_keys import KEPT, QUIET_TYPES
from shared.storage.redis_scripts import RedisScript
from shared.storage.tombstones import erased_key

EVENT_TYPES = (
    "job.progress",
    "job.succeeded",
    "job.partial",
    "job.failed",
    "job.cancelled",
    "readings.updated",
    "consent.granted",
    "consent.awaiting",
    "consent.failed",
    "consent.shared",
    "consent.expiring",
    "consent.expired",
    "consent.revoked",
    "webhook.disabled",
    "account.recovered",
    "account.erased",
)
"""All event types."""
ACCOUNT_ERASED = "account.erased"
NO_EVENT = "0-0"
"""The id before the first event."""
_KEPT_EVENTS = 1000
_CHANNEL = "events"
# After this silence the connection is pinged; if nothing is received after that either, it is dead.
_QUIET_SECONDS = 10.0

# Ended jobs whose end is not yet published, by time: the ledger adds a job in the step that ends it.
_UNTOLD = "untold"
_TELLING_TAKES = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of an account: a type and ids; never a reading."""

    id: str
    type: str
    data: Mapping[str, str]

    @property
    def happened_at(self) -> datetime:
        """The time of the event, by the clock of the store, to the millisecond."""
        return datetime.fromtimestamp(position_of(self.id)[0] / 1000, UTC)


class EventStore:
    """The events of all accounts."""

    def __init__(self, redis: Redis) -> None:
        """Store them in this Redis."""
        self._redis = redis
        self._publish: RedisScript[int] = RedisScript(
            redis, "shared.events", "publish", {**KEPT, "quiet_types": QUIET_TYPES}
        )

    async def publish(self, account_id: str, event_type: str, data: Mapping[str, str]) -> None:
        """Publish an event of an account; does nothing once the account is erased."""
        await self._tell(account_id, event_type, data, even_if_erased=False)

    async def publish_end(self, account_id: str, job_id: str, event_type: str) -> None:
        """Publish the end of a job. Idempotent, also for concurrent calls."""
        await self._tell(account_id, event_type, {"job_id": job_id}, even_if_erased=False, ended_job=job_id)

    async def untold_jobs(self, now: datetime, limit: int = 200) -> list[str]:
        """Jobs that ended a while ago without a published event, because the process died."""
        latest = (now - _TELLING_TAKES).timestamp()
        ids = await cast(Awaitable[list[bytes]], self._redis.zrangebyscore(_UNTOLD, "-inf", latest, 0, limit))
        return [each.decode() for each in ids]

    async def forget_end(self, job_id: str) -> None:
        """Publish nothing for a job that no longer exists."""
        await self._redis.zrem(_UNTOLD, job_id)

    async def say_goodbye(self, account_id: str, job_ids: Sequence[str]) -> None:
        """Publish the last events of an erased account to its listeners: its cancelled jobs, and its erasure."""
        for job_id in job_ids:
            await self._tell(account_id, "job.cancelled", {"job_id": job_id}, even_if_erased=True)
        await self._tell(account_id, ACCOUNT_ERASED, {}, even_if_erased=True)

    async def last_event_id(self, account_id: str) -> str:
        """The id of the account's last event: later ones are new."""
        return await self.find_place(account_id, None)

    async def find_place(self, account_id: str, after: str | None) -> str:
        """``after``, when all events after it are still stored; else the id of the account's last event."""
        try:
            known = await cast(Awaitable[Mapping[str, Any]], self._redis.xinfo_stream(events_key(account_id)))
        except ResponseError:
            return NO_EVENT  # No event was ever published.
        newest: str = known["last-generated-id"].decode()
        oldest: str = known["first-entry"][0].decode() if known["first-entry"] else newest
        if known["entries-added"] == known["length"]:
            oldest = NO_EVENT  # No event was ever trimmed.
        is_kept = after is not None and position_of(oldest) <= position_of(after) <= position_of(newest)
        return after if after is not None and is_kept else newest

    async def load_events(self, account_id: str, after: str = NO_EVENT, limit: int = _KEPT_EVENTS * 2) -> list[Event]:
        """The stored events after that one, oldest first."""
        entries = await cast(
            Awaitable[list[Any]], self._redis.xrange(events_key(account_id), min=f"({after}", count=limit)
        )
        return [_event(*entry) for entry in entries]

    async def next_events(self, account_id: str, after: str, wait_seconds: float) -> list[Event]:
        """The events after that one, as soon as there are any, or none on timeout."""
        reply = await cast(
            Awaitable[list[Any] | None],
            self._redis.xread({events_key(account_id): after}, block=max(1, int(wait_seconds * 1000))),
        )
        return [_event(*entry) for _, stream in _streams(reply) for entry in stream]

    async def hear(self) -> AsyncIterator[tuple[str, Event] | None]:
        """The events from now on, with their account. ``None`` whenever the subscription begins: earlier events are in
        the store. Raises `ServiceUnavailable` when the connection is lost.
        """
        try:
            async for heard in self._hear():
                yield heard
        except (RedisError, OSError) as error:
            raise ServiceUnavailable from error

    async def _hear(self) -> AsyncIterator[tuple[str, Event] | None]:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(_CHANNEL)
            is_tried = False
            while True:
                message = await channel.get_message(timeout=_QUIET_SECONDS)
                if message is None:
                    if is_tried:
                        raise RedisConnectionError("the channel of events is silent")
                    await channel.ping()
                is_tried = message is None
                match message:
                    case {"type": "subscribe"}:
                        yield None
                    case {"type": "message", "data": bytes(said)}:
                        account_id, event_id, event_type, data = said.split(b" ", 3)
                        yield account_id.decode(), Event(event_id.decode(), event_type.decode(), orjson.loads(data))

    async def trim(self, account_id: str, before: datetime) -> None:
        """Remove the events of an account that are older than that."""
        # The ids use the clock of Redis, which may differ from this process's.
        seconds, microseconds = await self._redis.time()
        ahead_seconds = seconds + microseconds / 1e6 - datetime.now(UTC).timestamp()
        minimum = int((before.timestamp() + ahead_seconds) * 1000)
        await self._redis.xtrim(events_key(account_id), minid=minimum, approximate=False)

    async def forget_ids(self, account_id: str, ids: Collection[str]) -> None:
        """Erase the events of an account that contain one of these ids."""
        entries = await cast(Awaitable[list[Any]], self._redis.xrange(events_key(account_id)))
        gone = [id_ for id_, each in entries if not set(ids).isdisjoint(orjson.loads(each[b"data"]).values())]
        if gone:
            await self._redis.xdel(events_key(account_id), *gone)

    async def forget_account(self, account_id: str) -> None:
        """Erase the events of an account."""
        await self._redis.delete(events_key(account_id))

    async def _tell(
        self,
        account_id: str,
        event_type: str,
        data: Mapping[str, str],
        *,
        even_if_erased: bool,
        ended_job: str = "",
    ) -> None:
        if event_type not in EVENT_TYPES:
            raise ValueError("an event of this type is not declared")
        await self._publish(
            events=events_key(account_id),
            erased=erased_key(account_id),
            account=account_id,
            type=event_type,
            data=orjson.dumps(dict(data)),
            kept=_KEPT_EVENTS,
            even_if_erased=int(even_if_erased),
            ended_job=ended_job,
            now_ms=int(datetime.now(UTC).timestamp() * 1000),
        )


def position_of(event_id: str) -> tuple[int, int]:
    """The sort key of an event id: milliseconds since 1970, and a sequence number."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


def events_key(account_id: str) -> str:
    """The key of an account's events."""
    return f"events:{account_id}"


def _event(event_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    return Event(event_id.decode(), fields[b"type"].decode(), orjson.loads(fields[b"data"]))


def _streams(reply: Any) -> list[Any]:
    """RESP2 returns pairs, RESP3 a mapping of lists of lists."""
    if isinstance(reply, Mapping):
        return [(name, [entry for batch in batches for entry in batch]) for name, batches in reply.items()]
    return reply or []

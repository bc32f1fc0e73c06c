"""Events (Redis): telling whoever listens to an account what happened. Types and ids; never a reading.

Each account has one bounded stream, which listeners resume from and webhooks are fed by: reading it takes nothing away.
What is added to any of them is also called out on one channel, so that a process hears of all accounts by one
connection, however many listen.
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
"""Everything that is ever told."""
ACCOUNT_ERASED = "account.erased"
NO_EVENT = "0-0"
"""The id before the first event of all."""
_KEPT_EVENTS = 1000
_CHANNEL = "events"
# When nothing was heard for so long, the connection is tried; when nothing comes after that either, it is dead.
_QUIET_SECONDS = 10.0

# Jobs that have ended, by when, until that is told: the ledger adds to it in the step that ends them.
_UNTOLD = "untold"
_TELLING_TAKES = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an account's things: a type, and ids; never a reading."""

    id: str
    type: str
    data: Mapping[str, str]

    @property
    def happened_at(self) -> datetime:
        """When, by the clock of the store, to the millisecond."""
        return datetime.fromtimestamp(position_of(self.id)[0] / 1000, UTC)


class EventStore:
    """The events of all accounts."""

    def __init__(self, redis: Redis) -> None:
        """Keep them in this Redis."""
        self._redis = redis
        self._publish: RedisScript[int] = RedisScript(
            redis, "shared.events", "publish", {**KEPT, "quiet_types": QUIET_TYPES}
        )

    async def publish(self, account_id: str, event_type: str, data: Mapping[str, str]) -> None:
        """Tell whoever listens to an account; nobody, once it is erased."""
        await self._tell(account_id, event_type, data, even_if_erased=False)

    async def publish_end(self, account_id: str, job_id: str, event_type: str) -> None:
        """Tell how a job ended: once, however often and by how many this is called."""
        await self._tell(account_id, event_type, {"job_id": job_id}, even_if_erased=False, ended_job=job_id)

    async def untold_jobs(self, now: datetime, limit: int = 200) -> list[str]:
        """Jobs that ended a while ago and of which that was not told: whoever had to has died."""
        latest = (now - _TELLING_TAKES).timestamp()
        ids = await cast(Awaitable[list[bytes]], self._redis.zrangebyscore(_UNTOLD, "-inf", latest, 0, limit))
        return [each.decode() for each in ids]

    async def forget_end(self, job_id: str) -> None:
        """Of a job that is gone nothing is told."""
        await self._redis.zrem(_UNTOLD, job_id)

    async def say_goodbye(self, account_id: str, job_ids: Sequence[str]) -> None:
        """The last events of an erased account, for who listens at this moment: its jobs are over, and so is it."""
        for job_id in job_ids:
            await self._tell(account_id, "job.cancelled", {"job_id": job_id}, even_if_erased=True)
        await self._tell(account_id, ACCOUNT_ERASED, {}, even_if_erased=True)

    async def last_event_id(self, account_id: str) -> str:
        """Where the account's events end now: what comes after is new."""
        return await self.find_place(account_id, None)

    async def find_place(self, account_id: str, after: str | None) -> str:
        """``after``, when everything that came after this event is kept; else where the account's events end now."""
        try:
            known = await cast(Awaitable[Mapping[str, Any]], self._redis.xinfo_stream(events_key(account_id)))
        except ResponseError:
            return NO_EVENT  # Nothing was ever told.
        newest: str = known["last-generated-id"].decode()
        oldest: str = known["first-entry"][0].decode() if known["first-entry"] else newest
        if known["entries-added"] == known["length"]:
            oldest = NO_EVENT  # Nothing was ever forgotten.
        is_kept = after is not None and position_of(oldest) <= position_of(after) <= position_of(newest)
        return after if after is not None and is_kept else newest

    async def load_events(self, account_id: str, after: str = NO_EVENT, limit: int = _KEPT_EVENTS * 2) -> list[Event]:
        """The events after that one that are kept, oldest first."""
        entries = await cast(
            Awaitable[list[Any]], self._redis.xrange(events_key(account_id), min=f"({after}", count=limit)
        )
        return [_event(*entry) for entry in entries]

    async def next_events(self, account_id: str, after: str, wait_seconds: float) -> list[Event]:
        """The events after that one, as soon as there are any, or none when the wait is over."""
        reply = await cast(
            Awaitable[list[Any] | None],
            self._redis.xread({events_key(account_id): after}, block=max(1, int(wait_seconds * 1000))),
        )
        return [_event(*entry) for _, stream in _streams(reply) for entry in stream]

    async def hear(self) -> AsyncIterator[tuple[str, Event] | None]:
        """What happens from now on, and to which account. ``None`` whenever it begins to hear: what happened before
        is in the store. Raises `ServiceUnavailable` when it hears nothing any more.
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
        """Forget the events of an account that are older than that."""
        # The ids are by the clock of Redis, which need not agree with this process's.
        seconds, microseconds = await self._redis.time()
        ahead_seconds = seconds + microseconds / 1e6 - datetime.now(UTC).timestamp()
        minimum = int((before.timestamp() + ahead_seconds) * 1000)
        await self._redis.xtrim(events_key(account_id), minid=minimum, approximate=False)

    async def forget_ids(self, account_id: str, ids: Collection[str]) -> None:
        """Erase those events of an account that name one of these."""
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
    """What orders the ids of events: milliseconds since 1970, and a number within."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


def events_key(account_id: str) -> str:
    """Where an account's events are."""
    return f"events:{account_id}"


def _event(event_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
    return Event(event_id.decode(), fields[b"type"].decode(), orjson.loads(fields[b"data"]))


def _streams(reply: Any) -> list[Any]:
    """RESP2 gives pairs, RESP3 a mapping of lists of lists."""
    if isinstance(reply, Mapping):
        return [(name, [entry for batch in batches for entry in batch]) for name, batches in reply.items()]
    return reply or []

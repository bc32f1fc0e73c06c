"""Slots of a provider's quota, shared by every worker on every machine through scripts in Redis.

Exact sliding windows. A slot is given shortly ahead of its time, and counts as used at the *latest* time at which its
holder may still send; when the request has been written, the holder confirms the actual time, and the slot counts from
then. So the time stored in Redis is never too early, however late a process is: docs/decisions/0017. The clock is that
of Redis: the clocks of workers need not agree. ``bulk`` has its own hourly limit below the provider's, is spread over
the second, and yields while a call in ``interactive`` waits for the next slot.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.core.errors import NoSlotYet
from shared.jobs.models import Lane
from shared.quota.circuit_breaker import CircuitBreaker, Patience
from shared.quota.quota_status import KNOWN_KEY, circuit_key, known_name, slots_key
from shared.storage.redis_scripts import RedisScript

AHEAD_SECONDS = 0.05
"""The longest time by which a slot is given in advance."""
TOLERANCE_SECONDS = 0.5
"""How long after its time a slot may be used: long enough to open a connection."""
# The clocks of a provider and of Redis drift within an hour; a second of it is 0.03 % of the quota.
_HOUR_SECONDS = 3600 + 1
# Bulk calls keep this fraction of an even distance, so that an interactive call has a slot soon, and a late call delays
# no other.
_EVENNESS = 0.9
# A call that would have to wait longer is rescheduled, because a waiting worker does no other work.
_HORIZON_SECONDS = 1.5
# How long a bulk call yields before it tries again.
_STAND_BACK_SECONDS = 0.05
_KEPT_SECONDS = 3600 + 60
# Doubled with each refusal for a burst, from the least to the widest, and reset after ten minutes without a refusal.
_LEAST_MARGIN_SECONDS, _WIDEST_MARGIN_SECONDS, _MARGIN_KEPT_SECONDS = 0.005, 0.1, 600
# The timer resolution of the operating system.
_GRAIN_SECONDS = 0.0015
# The seconds that an append-only file may lose in a crash, with `appendfsync everysec`.
_LOST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota of a provider per API: calls in any second, in any hour, and the hourly limit for bulk.

    ``margin_seconds``: a margin added to each second, because the network delay to the provider varies.
    """

    per_second: int
    per_hour: int
    bulk_per_hour: int
    margin_seconds: float = 0.005

    @classmethod
    def shared_out(
        cls, per_second: int, per_hour: int, interactive_share: float, margin_seconds: float = 0.005
    ) -> "Quota":
        """Reserve a share of the hour for interactive calls; bulk always has at least one call."""
        bulk_per_hour = max(1, per_hour - round(per_hour * interactive_share))
        return cls(per_second, per_hour, bulk_per_hour, margin_seconds)


@dataclass(frozen=True, slots=True)
class _Grant:
    """A slot by this process's clock: when it may be used, from and until; and the largest possible difference to the
    clock of Redis."""

    who: str
    begins: float
    ends: float
    redis_ahead_seconds: float


class PacedSlot:
    """A slot that was taken. Implements `workers.upstream.port.Slot`."""

    def __init__(self, pacer: "Pacer", api: str, lane: Lane) -> None:
        """A slot of ``pacer``, which takes it."""
        self.worked: bool | None = None
        self._pacer = pacer
        self._api = api
        self._lane = lane
        self._grant: _Grant
        self._is_reached = False
        self._confirming: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Wait until a slot is near. Raises `NoSlotYet` when none is."""
        self._grant = await self._pacer.grant(self._api, self._lane)

    async def reach(self) -> None:
        """Wait for the time of the slot, or take another slot when that has passed. Raises `NoSlotYet`."""
        clock = asyncio.get_running_loop().time
        while (now := clock()) < self._grant.begins or now > self._grant.ends:
            if (left := self._grant.begins - now) > 0:
                # The event loop wakes up to a millisecond late, which would be lost in every second.
                await asyncio.sleep(left - _GRAIN_SECONDS if left > _GRAIN_SECONDS else 0)
            else:
                await self._pacer.give_back(self._api, self._grant)
                await self._pacer.circuit.note(self._api, self._grant.who, None)
                await self.take()
        self._is_reached = True

    def sent(self) -> None:
        """Confirm that the request was written: the slot counts from now, and not from the latest possible time."""
        moment = asyncio.get_running_loop().time() + self._grant.redis_ahead_seconds
        self._confirming = asyncio.create_task(self._pacer.confirm(self._api, self._grant, moment))

    async def end(self) -> None:
        """Return an unused slot, and report the outcome of the call to the circuit breaker.

        Raises `NoSlotYet` when the call was a failed probe, because the failure is not the call's own.
        """
        if not self._is_reached:
            await self._pacer.give_back(self._api, self._grant)
        if self._confirming is not None:
            # Without a confirmation the slot counts for half a second longer than necessary.
            with suppress(RedisError):
                await self._confirming
        pause_ends = await self._pacer.circuit.note(self._api, self._grant.who, self.worked)
        if pause_ends is not None:
            raise NoSlotYet(retry_at=pause_ends)


class Pacer:
    """The slots of one provider. Implements `workers.upstream.port.Slots`."""

    def __init__(self, redis: Redis, provider: str, quota: Quota, patience: Patience | None = None) -> None:
        """Share ``quota`` among all processes that use ``redis``; ``patience`` configures the circuit breaker."""
        self.circuit = CircuitBreaker(redis, provider, patience or Patience())
        self._redis = redis
        self._provider = provider
        self._quota = quota
        self._take: RedisScript[list[bytes]] = RedisScript(redis, "shared.quota", "take")
        self._close: RedisScript[None] = RedisScript(redis, "shared.quota", "close")
        self._server = ""

    @asynccontextmanager
    async def slot(self, api: str, lane: Lane) -> AsyncIterator[PacedSlot]:
        """A slot in the near future. Raises `NoSlotYet` when the next slot is later, and as `PacedSlot.end` does."""
        slot = PacedSlot(self, api, lane)
        await slot.take()
        try:
            yield slot
        finally:
            await slot.end()

    async def close_until(self, api: str, moment: datetime) -> None:
        """Give no slots of this API before that time. A time in the near future means that the limit per second was
        exceeded because of varying network delay: the margin is then widened for a while."""
        seconds = (moment - datetime.now(UTC)).total_seconds()
        least_margin = 2 * max(self._quota.margin_seconds, _LEAST_MARGIN_SECONDS) if seconds < _HORIZON_SECONDS else 0
        await self._close(
            closed=f"{self._prefix(api)}:closed",
            margin=f"{self._prefix(api)}:margin",
            seconds=seconds,
            least_margin=least_margin,
            widest_margin=max(_WIDEST_MARGIN_SECONDS, self._quota.margin_seconds),
            margin_kept=_MARGIN_KEPT_SECONDS,
        )

    async def grant(self, api: str, lane: Lane) -> _Grant:
        """The next slot, at most `AHEAD_SECONDS` before its time. Raises `NoSlotYet`."""
        clock, who = asyncio.get_running_loop().time, secrets.token_hex(8)
        while True:
            before = clock()
            reply = await self._take(**self._keys(api), **self._arguments(api, lane, who))
            after = clock()
            taken, moment, now, self._server = int(reply[0]), float(reply[1]), float(reply[2]), reply[3].decode()
            if taken:
                # Redis read its clock between `before` and `after`: never too early, never too late.
                ends = before + moment + TOLERANCE_SECONDS - now
                return _Grant(who, after + moment - now, ends, now - before)
            if moment - now > _HORIZON_SECONDS:
                raise NoSlotYet(retry_at=datetime.now(UTC) + timedelta(seconds=moment - now))
            # Not as early as possible: a slot that is still slightly too far ahead would need another request.
            await asyncio.sleep(max(moment - now - AHEAD_SECONDS / 2, 0.001))

    async def confirm(self, api: str, grant: _Grant, moment: float) -> None:
        """Record that this slot was used at that time, by the clock of Redis."""
        prefix = self._prefix(api)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zadd(prefix, {grant.who: round(moment, 6)}, xx=True)
            pipeline.zrem(f"{prefix}:unsent", grant.who)
            await pipeline.execute()

    async def give_back(self, api: str, grant: _Grant) -> None:
        """Return a slot that will not be used."""
        prefix = self._prefix(api)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in (prefix, f"{prefix}:bulk", f"{prefix}:unsent"):
                pipeline.zrem(key, grant.who)
            await pipeline.execute()

    def _keys(self, api: str) -> dict[str, str]:
        prefix = self._prefix(api)
        of_api = {each: f"{prefix}:{each}" for each in ("bulk", "unsent", "closed", "waiting", "server", "margin")}
        return {"slots": prefix, **of_api, "circuit": circuit_key(self._provider, api), "known": KNOWN_KEY}

    def _arguments(self, api: str, lane: Lane, who: str) -> dict[str, str | int | float]:
        quota = self._quota
        return {
            "name": known_name(self._provider, api),
            "who": who,
            "is_bulk": int(lane is Lane.BULK),
            "server_known": self._server,
            "per_second": quota.per_second,
            "per_hour": quota.per_hour,
            "bulk_per_hour": quota.bulk_per_hour,
            "margin_seconds": quota.margin_seconds,
            "hour": _HOUR_SECONDS,
            "spread": _EVENNESS / quota.per_second,
            "ahead": AHEAD_SECONDS,
            "tolerance": TOLERANCE_SECONDS,
            "horizon": _HORIZON_SECONDS,
            "stand_back": _STAND_BACK_SECONDS,
            "kept": _KEPT_SECONDS,
            "lost_seconds": _LOST_SECONDS,
            "probe_seconds": self.circuit.patience.probe_seconds,
        }

    def _prefix(self, api: str) -> str:
        return slots_key(self._provider, api)

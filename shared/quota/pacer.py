"""Slots of a provider's quota, shared by every worker on every machine through scripts in Redis.

Exact sliding windows. A slot is given a moment ahead, and counts as used at the *latest* moment at which its holder may
still send; when the request has been written, the holder says when that was, and the slot counts from then. So what
stands in Redis is never earlier than the truth, however late a process is: docs/decisions/0017. The clock is that of
Redis: workers on two machines need not agree on the time. ``bulk`` has an hourly limit of its own below the provider's,
spreads over the second, and stands back while somebody in ``interactive`` waits for the next slot.
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
"""A slot is given so long before its moment, at the most."""
TOLERANCE_SECONDS = 0.5
"""A slot may be used until so long after its moment: long enough for a connection to be made."""
# The clocks of a provider and of Redis do not run alike over an hour; a second of it is 0.03 % of the quota.
_HOUR_SECONDS = 3600 + 1
# Bulk keeps this part of an even distance, so that whoever comes has a slot soon, and a late call delays no other.
_EVENNESS = 0.9
# Whoever would have to wait longer is told to come back: a thread that waits for minutes works for nobody.
_HORIZON_SECONDS = 1.5
# So long bulk stands back before it looks again.
_STAND_BACK_SECONDS = 0.05
_KEPT_SECONDS = 3600 + 60
# Doubled from the least on with each refusal for a burst, as far as this, and forgotten after ten minutes without one.
_LEAST_MARGIN_SECONDS, _WIDEST_MARGIN_SECONDS, _MARGIN_KEPT_SECONDS = 0.005, 0.1, 600
# As finely as the operating system waits.
_GRAIN_SECONDS = 0.0015
# What an append-only file may lack after a crash, with `appendfsync everysec`.
_LOST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider allows per API: calls in any second, in any hour, and how many of these bulk may take.

    ``margin_seconds``: what is kept beyond a second, because no two ways to the provider are equally long.
    """

    per_second: int
    per_hour: int
    bulk_per_hour: int
    margin_seconds: float = 0.005

    @classmethod
    def shared_out(
        cls, per_second: int, per_hour: int, interactive_share: float, margin_seconds: float = 0.005
    ) -> "Quota":
        """Keep a share of the hour for people who wait; bulk always has at least one call."""
        bulk_per_hour = max(1, per_hour - round(per_hour * interactive_share))
        return cls(per_second, per_hour, bulk_per_hour, margin_seconds)


@dataclass(frozen=True, slots=True)
class _Grant:
    """A slot by this process's clock: from when it may be used, and until when; and how the clock of Redis differs, at
    the most."""

    who: str
    begins: float
    ends: float
    redis_ahead_seconds: float


class PacedSlot:
    """A slot that was taken. Implements `workers.upstream.port.Slot`."""

    def __init__(self, pacer: "Pacer", api: str, lane: Lane) -> None:
        """Of ``pacer``, which takes it."""
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
        """Return within the time of the slot, or of another one when this one's is over. Raises `NoSlotYet`."""
        clock = asyncio.get_running_loop().time
        while (now := clock()) < self._grant.begins or now > self._grant.ends:
            if (left := self._grant.begins - now) > 0:
                # A loop wakes up to a millisecond late; that would be a part of every second.
                await asyncio.sleep(left - _GRAIN_SECONDS if left > _GRAIN_SECONDS else 0)
            else:
                await self._pacer.give_back(self._api, self._grant)
                await self._pacer.circuit.note(self._api, self._grant.who, None)
                await self.take()
        self._is_reached = True

    def sent(self) -> None:
        """The request has been written: the slot counts from now, and not from the latest moment possible."""
        moment = asyncio.get_running_loop().time() + self._grant.redis_ahead_seconds
        self._confirming = asyncio.create_task(self._pacer.confirm(self._api, self._grant, moment))

    async def end(self) -> None:
        """Give a slot back that was not used, and tell the circuit what became of the call.

        Raises `NoSlotYet` when it has tried in vain whether the provider works again: that is no fault of the call.
        """
        if not self._is_reached:
            await self._pacer.give_back(self._api, self._grant)
        if self._confirming is not None:
            # Without a confirmation the slot counts for half a second longer than it has to.
            with suppress(RedisError):
                await self._confirming
        pause_ends = await self._pacer.circuit.note(self._api, self._grant.who, self.worked)
        if pause_ends is not None:
            raise NoSlotYet(retry_at=pause_ends)


class Pacer:
    """The slots of one provider. Implements `workers.upstream.port.Slots`."""

    def __init__(self, redis: Redis, provider: str, quota: Quota, patience: Patience | None = None) -> None:
        """Share ``quota`` among everybody who uses the same ``redis``; ``patience`` with a provider that is down."""
        self.circuit = CircuitBreaker(redis, provider, patience or Patience())
        self._redis = redis
        self._provider = provider
        self._quota = quota
        self._take: RedisScript[list[bytes]] = RedisScript(redis, "shared.quota", "take")
        self._close: RedisScript[None] = RedisScript(redis, "shared.quota", "close")
        self._server = ""

    @asynccontextmanager
    async def slot(self, api: str, lane: Lane) -> AsyncIterator[PacedSlot]:
        """A slot whose moment is near. Raises `NoSlotYet` when the next one is not, and as `PacedSlot.end` does."""
        slot = PacedSlot(self, api, lane)
        await slot.take()
        try:
            yield slot
        finally:
            await slot.end()

    async def close_until(self, api: str, moment: datetime) -> None:
        """Nobody takes a slot of this API before that moment. When it is near, it was the second that was exceeded, on
        a way that is not always equally long: a wider margin is kept for a while."""
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
        """The next slot, at most `AHEAD_SECONDS` before its moment. Raises `NoSlotYet`."""
        clock, who = asyncio.get_running_loop().time, secrets.token_hex(8)
        while True:
            before = clock()
            reply = await self._take(**self._keys(api), **self._arguments(api, lane, who))
            after = clock()
            taken, moment, now, self._server = int(reply[0]), float(reply[1]), float(reply[2]), reply[3].decode()
            if taken:
                # Redis looked at its clock after `before` and before `after`: never too early, never too late.
                ends = before + moment + TOLERANCE_SECONDS - now
                return _Grant(who, after + moment - now, ends, now - before)
            if moment - now > _HORIZON_SECONDS:
                raise NoSlotYet(retry_at=datetime.now(UTC) + timedelta(seconds=moment - now))
            # Not as early as can be: what then is just not near enough would have to be asked for again.
            await asyncio.sleep(max(moment - now - AHEAD_SECONDS / 2, 0.001))

    async def confirm(self, api: str, grant: _Grant, moment: float) -> None:
        """This slot was used at that moment, by the clock of Redis."""
        prefix = self._prefix(api)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zadd(prefix, {grant.who: round(moment, 6)}, xx=True)
            pipeline.zrem(f"{prefix}:unsent", grant.who)
            await pipeline.execute()

    async def give_back(self, api: str, grant: _Grant) -> None:
        """This slot was not used and never will be."""
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

"""Slots of a provider's quota, shared by every worker on every machine through one script in Redis.

Exact sliding windows: a slot is taken at the moment of its use, no earlier than a second after the (n - per_second)-th
one before it and an hour after the (n - per_hour)-th. Slots are kept in order of time, so both are one look-up by rank
in a sorted set. The clock is that of Redis: workers on two machines need not agree on the time. ``bulk`` has an hourly
limit of its own below the provider's, and stands back while somebody in ``interactive`` waits for the next slot.
"""

import asyncio
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis.asyncio import Redis

from shared.errors import NoSlotYet
from shared.models import Lane
from shared.slots import KNOWN_KEY, known_name, slots_key

# Between the taking of a slot and the arrival of its request lies a way that is not always equally long.
_JITTER_SECONDS = 0.02
# Whoever would have to wait longer is told to come back: a thread that waits for minutes works for nobody.
_HORIZON_SECONDS = 1.5
# So long bulk stands back before it looks again.
_STAND_BACK_SECONDS = 0.1
_KEPT_SECONDS = 3600 + 60

# KEYS slots bulk closed counter waiting known; ARGV per_second per_hour bulk_per_hour bulk? who horizon jitter kept
# stand_back name → {taken?, moment at which it is worth trying, now}
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local bulk, who, horizon, jitter = ARGV[4] == '1', ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local function after(key, rank, seconds)
  local slot = redis.call('ZRANGE', key, -rank, -rank, 'WITHSCORES')
  return slot[2] and tonumber(slot[2]) + seconds + jitter or 0
end
local moment = math.max(
  after(KEYS[1], tonumber(ARGV[1]), 1),
  after(KEYS[1], tonumber(ARGV[2]), 3600),
  bulk and after(KEYS[2], tonumber(ARGV[3]), 3600) or 0,
  tonumber(redis.call('GET', KEYS[3]) or 0)
)
if bulk and moment <= now and redis.call('ZCOUNT', KEYS[5], now, '+inf') > 0 then moment = now + tonumber(ARGV[9]) end
local text = string.format('%.6f', now)
if moment > now then
  if not bulk and moment - now <= horizon then
    redis.call('ZADD', KEYS[5], moment + horizon, who)
    redis.call('EXPIRE', KEYS[5], 60)
  end
  return {0, string.format('%.6f', moment), text}
end
redis.call('ZREM', KEYS[5], who)
local member = redis.call('INCR', KEYS[4])
redis.call('SADD', KEYS[6], ARGV[10])
for index = 1, bulk and 2 or 1 do
  redis.call('ZADD', KEYS[index], text, member)
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now - tonumber(ARGV[8]))
  redis.call('EXPIRE', KEYS[index], ARGV[8])
end
return {1, text, text}
"""

# KEYS closed; ARGV until seconds. A shorter closing does not end a longer one: calls that are in the air when the hour
# is used up come back with refusals of both kinds, in any order.
_CLOSE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider allows per API: calls in any second, in any hour, and how many of these bulk may take."""

    per_second: int
    per_hour: int
    bulk_per_hour: int

    @classmethod
    def shared_out(cls, per_second: int, per_hour: int, interactive_share: float) -> "Quota":
        """Keep a share of the hour for people who wait; bulk always has at least one call."""
        return cls(per_second, per_hour, max(1, per_hour - round(per_hour * interactive_share)))


class Pacer:
    """The slots of one provider. Implements `workers.provider.Slots`."""

    def __init__(self, redis: Redis, provider: str, quota: Quota) -> None:
        """Share ``quota`` among everybody who uses the same ``redis``."""
        self._provider = provider
        self._quota = quota
        self._take = redis.register_script(_TAKE)
        self._close = redis.register_script(_CLOSE)

    async def wait(self, api: str, lane: Lane) -> None:
        """Return at the moment of a slot, which is then taken. Raises `NoSlotYet` when the next one is not near."""
        who = secrets.token_hex(8)
        while True:
            pause_seconds = await self._try(api, lane, who)
            if not pause_seconds:
                return
            await asyncio.sleep(pause_seconds)

    async def close_until(self, api: str, moment: datetime) -> None:
        """Nobody takes a slot of this API before that moment."""
        seconds = max(1, int((moment - datetime.now(UTC)).total_seconds()) + 1)
        keys = [f"{self._prefix(api)}:closed"]
        await cast(Awaitable[None], self._close(keys=keys, args=[moment.timestamp(), seconds]))

    async def _try(self, api: str, lane: Lane, who: str) -> float:
        """Take a slot now (0), or learn in how many seconds it is worth trying again. Raises `NoSlotYet`."""
        prefix, quota = self._prefix(api), self._quota
        reply = await cast(
            Awaitable[list[bytes]],
            self._take(
                keys=[prefix, f"{prefix}:bulk", f"{prefix}:closed", f"{prefix}:count", f"{prefix}:waiting", KNOWN_KEY],
                args=[
                    quota.per_second,
                    quota.per_hour,
                    quota.bulk_per_hour,
                    int(lane is Lane.BULK),
                    who,
                    _HORIZON_SECONDS,
                    _JITTER_SECONDS,
                    _KEPT_SECONDS,
                    _STAND_BACK_SECONDS,
                    known_name(self._provider, api),
                ],
            ),
        )
        taken, moment, now = int(reply[0]), float(reply[1]), float(reply[2])
        if taken:
            return 0.0
        if moment - now > _HORIZON_SECONDS:
            raise NoSlotYet(retry_at=datetime.fromtimestamp(moment, UTC))
        return moment - now

    def _prefix(self, api: str) -> str:
        return slots_key(self._provider, api)

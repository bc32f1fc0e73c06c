"""Slots of a provider's quota, shared by every worker on every machine through one script in Redis.

Exact sliding windows: the n-th slot comes no earlier than a second after the (n - per_second)-th and an hour after the
(n - per_hour)-th. Slots are given in order of time, so both are one look-up by rank in a sorted set. The clock is
that of Redis: workers on two machines need not agree on the time. ``bulk`` has an hourly limit of its own below the
provider's; what is left is for people who wait.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis.asyncio import Redis

from shared.errors import NoSlotYet
from shared.models import Lane

# Two requests sent a second apart may arrive a little less than a second apart.
_JITTER_SECONDS = 0.02
# A slot further away is not given: whoever holds it would keep people who come later waiting behind it.
_HORIZON_SECONDS = 1.5
_KEPT_SECONDS = 3600 + 60

# KEYS slots bulk closed counter; ARGV per_second per_hour bulk_per_hour horizon bulk? jitter kept
# → {given?, moment, now}
_RESERVE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function after(key, rank, seconds)
  local slot = redis.call('ZRANGE', key, -rank, -rank, 'WITHSCORES')
  return slot[2] and tonumber(slot[2]) + seconds or 0
end
local jitter = tonumber(ARGV[6])
local moment = math.max(
  now,
  after(KEYS[1], 1, 0),
  after(KEYS[1], tonumber(ARGV[1]), 1 + jitter),
  after(KEYS[1], tonumber(ARGV[2]), 3600 + jitter),
  tonumber(redis.call('GET', KEYS[3]) or 0)
)
if ARGV[5] == '1' then moment = math.max(moment, after(KEYS[2], tonumber(ARGV[3]), 3600 + jitter)) end
if moment - now > tonumber(ARGV[4]) then return {0, tostring(moment), tostring(now)} end
local member = redis.call('INCR', KEYS[4])
local text = string.format('%.6f', moment)
for index = 1, ARGV[5] == '1' and 2 or 1 do
  redis.call('ZADD', KEYS[index], text, member)
  redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now - tonumber(ARGV[7]))
  redis.call('EXPIRE', KEYS[index], ARGV[7])
end
return {1, text, tostring(now)}
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
        self._redis = redis
        self._provider = provider
        self._quota = quota
        self._reserve = redis.register_script(_RESERVE)

    async def reserve(self, api: str, lane: Lane) -> float:
        """Take the next slot and say in how many seconds it is. Raises `NoSlotYet` when it is not near."""
        prefix = f"slots:{self._provider}:{api}"
        quota = self._quota
        reply = await cast(
            Awaitable[list[bytes]],
            self._reserve(
                keys=[prefix, f"{prefix}:bulk", f"{prefix}:closed", f"{prefix}:count"],
                args=[
                    quota.per_second,
                    quota.per_hour,
                    quota.bulk_per_hour,
                    _HORIZON_SECONDS,
                    int(lane is Lane.BULK),
                    _JITTER_SECONDS,
                    _KEPT_SECONDS,
                ],
            ),
        )
        given, moment, now = int(reply[0]), float(reply[1]), float(reply[2])
        if not given:
            raise NoSlotYet(retry_at=datetime.fromtimestamp(moment, UTC))
        return max(0.0, moment - now)

    async def wait(self, api: str, lane: Lane) -> None:
        """Return at the moment of a slot. Raises `NoSlotYet`."""
        await asyncio.sleep(await self.reserve(api, lane))

    async def close_until(self, api: str, moment: datetime) -> None:
        """Nobody takes a slot of this API before that moment."""
        seconds = max(1, int((moment - datetime.now(UTC)).total_seconds()) + 1)
        await self._redis.set(f"slots:{self._provider}:{api}:closed", moment.timestamp(), ex=seconds)

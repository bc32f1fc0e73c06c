"""Where the slots of the providers' quotas are kept (Redis), and how many are used: for the pacer and for who looks on.

Taking slots is the pacer's affair alone.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import Redis

KNOWN_KEY = "slots:known"
"""A set: every ``provider:api`` of which a slot was ever taken."""

# KEYS known; → {now, {name, used in the last second, in the last hour, by bulk, closed until or ''}…}
_LOOK = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local names = redis.call('SMEMBERS', KEYS[1])
table.sort(names)
local found = {string.format('%.6f', now)}
for index, name in ipairs(names) do
  local slots = 'slots:' .. name
  found[index + 1] = {
    name,
    redis.call('ZCOUNT', slots, '(' .. string.format('%.6f', now - 1), '+inf'),
    redis.call('ZCOUNT', slots, '(' .. string.format('%.6f', now - 3600), '+inf'),
    redis.call('ZCOUNT', slots .. ':bulk', '(' .. string.format('%.6f', now - 3600), '+inf'),
    redis.call('GET', slots .. ':closed') or ''
  }
end
return found
"""


@dataclass(frozen=True, slots=True)
class SlotUse:
    """How much of a provider's quota for one API is used at a moment, and until when that API is closed, if it is."""

    provider: str
    api: str
    used_last_second: int
    used_last_hour: int
    used_last_hour_by_bulk: int
    closed_until: datetime | None


class SlotBoard:
    """The slots of all providers, to look at."""

    def __init__(self, redis: Redis) -> None:
        """Look into ``redis``, by its own clock."""
        self._look = redis.register_script(_LOOK)

    async def load_use(self) -> list[SlotUse]:
        """Each API of which a slot was ever taken."""
        now, *found = await cast(Awaitable[list[Any]], self._look(keys=[KNOWN_KEY]))
        return [_use(each, float(now)) for each in found]


def slots_key(provider: str, api: str) -> str:
    """The slots that were taken of an API, by their moments; what belongs to it has keys that begin so."""
    return f"slots:{known_name(provider, api)}"


def known_name(provider: str, api: str) -> str:
    """An API in the set of those that are known."""
    return f"{provider}:{api}"


def _use(found: list[Any], now: float) -> SlotUse:
    provider, _, api = found[0].decode().partition(":")
    closed_until = float(found[4] or 0)
    return SlotUse(
        provider,
        api,
        int(found[1]),
        int(found[2]),
        int(found[3]),
        datetime.fromtimestamp(closed_until, UTC) if closed_until > now else None,
    )

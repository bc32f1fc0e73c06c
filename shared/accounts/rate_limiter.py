"""How often something may be tried (Redis): so many at once, then at an even pace. One script, so it is exact.

The generic cell rate algorithm: one number a subject, the moment at which it will have caught up. What is counted is
known by a keyed hash only: an address of the internet is somebody's.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from shared.crypto.server_secret import ServerSecret

# KEYS counter; ARGV now, seconds one try costs, tries at once → seconds to wait, 0 when it may be tried now
_TRY = """
local now, cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ready = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = ready + cost - cost * burst - now
if wait > 0 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', ready + cost), 'PX', math.ceil((ready + cost - now) * 1000))
return '0'
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many tries at once, and as many again over each ``period``."""

    tries: int
    period: timedelta


class Throttle:
    """Counts tries."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Count in ``redis``; ``server`` hides the subjects."""
        self._server = server
        self._script = redis.register_script(_TRY)

    async def try_once(self, what: str, subject: str, rate: Rate, now: datetime) -> datetime | None:
        """Count one try of ``subject``: ``None`` when it may go on, else when it may be tried again."""
        key = f"throttle:{what}:{self._server.keyed_hash(subject, purpose='throttle')[:32]}"
        arguments = [now.timestamp(), rate.period.total_seconds() / rate.tries, rate.tries]
        reply = await cast(Awaitable[Any], self._script(keys=[key], args=arguments))
        wait_seconds = float(reply)
        return None if wait_seconds <= 0 else now.astimezone(UTC) + timedelta(seconds=wait_seconds)

"""How often something may be tried (Redis): so many at once, then at an even pace. One script, so it is exact.

The generic cell rate algorithm: one number a subject, the moment at which it will have caught up. What is counted is
known by a keyed hash only: an address of the internet is somebody's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.crypto.server_secret import ServerSecret
from shared.storage.redis_scripts import RedisScript


@dataclass(frozen=True, slots=True)
class Rate:
    """So many tries at once, and as many again over each ``period``."""

    tries: int
    period: timedelta


class RateLimiter:
    """Counts tries."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Count in ``redis``; ``server`` hides the subjects."""
        self._server = server
        self._try: RedisScript[bytes] = RedisScript(redis, "shared.accounts", "try")

    async def try_once(self, what: str, subject: str, rate: Rate, now: datetime) -> datetime | None:
        """Count one try of ``subject``: ``None`` when it may go on, else when it may be tried again."""
        key = f"throttle:{what}:{self._server.keyed_hash(subject, purpose='throttle')[:32]}"
        cost = rate.period.total_seconds() / rate.tries
        wait_seconds = float(await self._try(rate=key, now=now.timestamp(), cost=cost, burst=rate.tries))
        return None if wait_seconds <= 0 else now.astimezone(UTC) + timedelta(seconds=wait_seconds)

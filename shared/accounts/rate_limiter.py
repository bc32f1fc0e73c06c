"""Rate limiting (Redis): a burst, then a constant rate. One script, so it is exact.

The generic cell rate algorithm: one number per subject, its theoretical arrival time. Subjects are stored only as keyed
hashes, because an IP address is personal data.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.crypto.server_secret import ServerSecret
from shared.storage.redis_scripts import RedisScript


@dataclass(frozen=True, slots=True)
class Rate:
    """A burst of ``tries``, and as many again in each ``period``."""

    tries: int
    period: timedelta


class RateLimiter:
    """Counts attempts."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Count in ``redis``; ``server`` hashes the subjects."""
        self._server = server
        self._try: RedisScript[bytes] = RedisScript(redis, "shared.accounts", "try")

    async def try_once(self, what: str, subject: str, rate: Rate, now: datetime) -> datetime | None:
        """Count one attempt of ``subject``: ``None`` when it is allowed, else the time of the next allowed attempt."""
        key = f"throttle:{what}:{self._server.keyed_hash(subject, purpose='throttle')[:32]}"
        cost = rate.period.total_seconds() / rate.tries
        wait_seconds = float(await self._try(rate=key, now=now.timestamp(), cost=cost, burst=rate.tries))
        return None if wait_seconds <= 0 else now.astimezone(UTC) + timedelta(seconds=wait_seconds)

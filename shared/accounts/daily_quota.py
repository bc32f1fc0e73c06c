"""How many requests an account may make in a day of Paris (Redis): some that fetch, more that the store serves.

What is counted is the request, not the calls it costs: two years asked for at once are one. One script counts and
refuses, so that of many at the same moment exactly as many pass as may.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from redis.asyncio import Redis

from shared.core.calendar import ONE_DAY, day_of, day_start
from shared.core.errors import QuotaExceeded
from shared.storage.redis_scripts import RedisScript

_KEEP_SECONDS = 2 * 86_400


class Quota(StrEnum):
    """What is counted: requests that ask the provider for something, and requests that the store serves."""

    FETCH = "fetch"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a quota is used up on the present day, and when that ends."""

    quota: Quota
    limit: int
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        """How many more may come today; never negative, though a limit may have been lowered."""
        return max(0, self.limit - self.used)


class QuotaStore:
    """The counters of all accounts."""

    def __init__(self, redis: Redis, limits: Mapping[Quota, int]) -> None:
        """Count in ``redis``; ``limits`` hold for who has none of their own."""
        self._redis = redis
        self._limits = dict(limits)
        self._count: RedisScript[list[int]] = RedisScript(redis, "shared.accounts", "count")

    async def take(self, account_id: str, quota: Quota, own_limit: int | None, now: datetime) -> Usage:
        """Count one request. Raises `QuotaExceeded` when none is left, and then counts nothing."""
        limit = self._limit(quota, own_limit)
        counted, used = await self._count(
            quota=quota_key(account_id, now), kind=str(quota), limit=limit, keep_seconds=_KEEP_SECONDS
        )
        usage = Usage(quota, limit, used, next_midnight(now))
        if not counted:
            raise QuotaExceeded(
                f"This account has used up its {limit} requests of the kind '{quota}' for today; what is stored can "
                "still be read."
                if quota is Quota.FETCH
                else f"This account has used up its {limit} requests of the kind '{quota}' for today.",
                quota=quota,
                limit=limit,
                retry_at=usage.resets_at,
            )
        return usage

    async def load(self, account_id: str, own_limits: Mapping[Quota, int | None], now: datetime) -> list[Usage]:
        """What is used up so far, of each quota."""
        used = await cast(Awaitable[dict[bytes, bytes]], self._redis.hgetall(quota_key(account_id, now)))
        return [
            Usage(
                quota,
                self._limit(quota, own_limits.get(quota)),
                int(used.get(quota.encode(), b"0")),
                next_midnight(now),
            )
            for quota in Quota
        ]

    async def forget(self, account_id: str, now: datetime) -> None:
        """Erase an account's counters."""
        await self._redis.delete(*quota_keys(account_id, now))

    def _limit(self, quota: Quota, own_limit: int | None) -> int:
        return self._limits[quota] if own_limit is None else own_limit


def quota_key(account_id: str, now: datetime) -> str:
    """Where an account's counters of a day are; they go away by themselves after the next one."""
    return f"quota:{account_id}:{day_of(now)}"


def quota_keys(account_id: str, now: datetime) -> list[str]:
    """Every key that may be there: of the present day and of the one before."""
    return [quota_key(account_id, now), quota_key(account_id, now - timedelta(days=1))]


def next_midnight(now: datetime) -> datetime:
    """When the present day ends in Paris."""
    return day_start(day_of(now) + ONE_DAY)

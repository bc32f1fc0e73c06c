"""Daily request quotas of accounts (Redis), per day in Paris: one for fetch requests, one for reads of stored data.

Requests are counted, not the resulting calls: a request for two years counts once. A single script checks and counts,
so the limit is exact for concurrent requests.
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
    """The kinds of quota: requests that fetch from the provider, and requests served from stored data."""

    FETCH = "fetch"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of a quota on the current day, and the end of that day."""

    quota: Quota
    limit: int
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        """The number of remaining requests today; never negative, even if the limit was lowered."""
        return max(0, self.limit - self.used)


class QuotaStore:
    """The counters of all accounts."""

    def __init__(self, redis: Redis, limits: Mapping[Quota, int]) -> None:
        """Count in ``redis``; ``limits`` apply to accounts without limits of their own."""
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
                f"This account has used its {limit} requests of the kind '{quota}' for today; stored data can still "
                "be read."
                if quota is Quota.FETCH
                else f"This account has used its {limit} requests of the kind '{quota}' for today.",
                quota=quota,
                limit=limit,
                retry_at=usage.resets_at,
            )
        return usage

    async def load(self, account_id: str, own_limits: Mapping[Quota, int | None], now: datetime) -> list[Usage]:
        """The current use of each quota."""
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
    """The key of an account's counters of a day; it expires after the next day."""
    return f"quota:{account_id}:{day_of(now)}"


def quota_keys(account_id: str, now: datetime) -> list[str]:
    """The keys that may exist: of the current day and of the previous one."""
    return [quota_key(account_id, now), quota_key(account_id, now - timedelta(days=1))]


def next_midnight(now: datetime) -> datetime:
    """The end of the current day in Paris."""
    return day_start(day_of(now) + ONE_DAY)

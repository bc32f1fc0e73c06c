"""Where the slots of the providers' quotas are kept (Redis), and how many are used: for the pacer and for who looks on.

Taking slots is the pacer's affair alone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis

from shared.storage.redis_scripts import RedisScript

KNOWN_KEY = "slots:known"
"""A set: every ``provider:api`` of which a slot was ever taken."""


class CircuitState(StrEnum):
    """Whether an API is called: it works; it failed so often that nobody calls it; after that, one call tries."""

    WORKING = "working"
    PAUSED = "paused"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a provider's quota for one API is used at a moment, until when that API is closed (the provider said
    so), and how its circuit stands: failures in a row, and when the next call may go there if it is down."""

    provider: str
    api: str
    used_last_second: int
    used_last_hour: int
    used_last_hour_by_bulk: int
    closed_until: datetime | None
    circuit: CircuitState
    failures: int
    reopens_at: datetime | None


class QuotaStatus:
    """The slots of all providers, to look at."""

    def __init__(self, redis: Redis) -> None:
        """Look into ``redis``, by its own clock."""
        self._look: RedisScript[list[Any]] = RedisScript(redis, "shared.quota", "look")

    async def load_use(self) -> list[QuotaUse]:
        """Each API of which a slot was ever taken."""
        now, *found = await self._look(known=KNOWN_KEY)
        return [_use(each, float(now)) for each in found]

    async def down_until(self, provider: str, apis: Collection[str]) -> datetime | None:
        """When one of these APIs may be called again that are down, the last of them; ``None`` when none is."""
        moments = [
            use.reopens_at
            for use in await self.load_use()
            if use.provider == provider and use.api in apis and use.reopens_at is not None
        ]
        return max(moments, default=None)


def slots_key(provider: str, api: str) -> str:
    """The slots that were taken of an API, by their moments; what belongs to it has keys that begin so."""
    return f"slots:{known_name(provider, api)}"


def circuit_key(provider: str, api: str) -> str:
    """How often an API failed in a row, and how long it is left alone for that."""
    return f"{slots_key(provider, api)}:circuit"


def known_name(provider: str, api: str) -> str:
    """An API in the set of those that are known."""
    return f"{provider}:{api}"


def _use(found: list[Any], now: float) -> QuotaUse:
    provider, _, api = found[0].decode().partition(":")
    closed_until, pause_ends, probe_ends = (float(each or 0) for each in (found[4], found[6], found[7]))
    state, reopens_at = CircuitState.WORKING, 0.0
    if pause_ends > now:
        state, reopens_at = CircuitState.PAUSED, pause_ends
    elif pause_ends:
        state, reopens_at = CircuitState.PROBING, probe_ends
    return QuotaUse(
        provider,
        api,
        int(found[1]),
        int(found[2]),
        int(found[3]),
        _later(closed_until, now),
        state,
        int(found[5] or 0),
        _later(reopens_at, now),
    )


def _later(moment: float, now: float) -> datetime | None:
    # By this process's clock, which need not agree with that of Redis.
    return datetime.now(UTC) + timedelta(seconds=moment - now) if moment > now else None

"""The keys of the providers' quota slots (Redis), and how many are used: for the pacer and for monitoring.

Only the pacer takes slots.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis

from shared.storage.redis_scripts import RedisScript

KNOWN_KEY = "slots:known"
"""A set: every ``provider:api`` that has ever had a slot taken."""


class CircuitState(StrEnum):
    """The state of the circuit breaker of an API: normal calls, no calls after repeated failures, or a single probe."""

    WORKING = "working"
    PAUSED = "paused"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """The current use of a provider's quota for one API, until when the provider has closed that API, and the state of
    its circuit breaker: consecutive failures, and when the next call is allowed if it is down."""

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
    """The quota use of all providers, read-only."""

    def __init__(self, redis: Redis) -> None:
        """Read from ``redis``, by its own clock."""
        self._look: RedisScript[list[Any]] = RedisScript(redis, "shared.quota", "look")

    async def load_use(self) -> list[QuotaUse]:
        """The use of each API that has ever had a slot taken."""
        now, *found = await self._look(known=KNOWN_KEY)
        return [_use(each, float(now)) for each in found]

    async def down_until(self, provider: str, apis: Collection[str]) -> datetime | None:
        """When the last of these APIs that are down may be called again; ``None`` when none is down."""
        moments = [
            use.reopens_at
            for use in await self.load_use()
            if use.provider == provider and use.api in apis and use.reopens_at is not None
        ]
        return max(moments, default=None)


def slots_key(provider: str, api: str) -> str:
    """The key of the taken slots of an API, by time; the prefix of its other keys."""
    return f"slots:{known_name(provider, api)}"


def circuit_key(provider: str, api: str) -> str:
    """The key of the circuit breaker of an API: its consecutive failures and its pause."""
    return f"{slots_key(provider, api)}:circuit"


def known_name(provider: str, api: str) -> str:
    """The name of an API in the set of known ones."""
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
    # By this process's clock, which may differ from that of Redis.
    return datetime.now(UTC) + timedelta(seconds=moment - now) if moment > now else None

"""Circuit breaker: an API that fails repeatedly is paused for increasing periods, and probed with one call at a time.

The state is one hash in Redis per (provider, API), shared by all workers: ``failures`` in a row, and once the limit is
reached ``pause_ends`` and ``pause_seconds``; then ``probe`` (the id of the probing call) and ``probe_ends``. Without
failures there is no hash. `shared.quota.pacer` reads it in the script that gives slots: no slots during a pause, one
after it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.quota.quota_status import circuit_key
from shared.storage.redis_scripts import RedisScript

# Longer than any pause and any probe, after which no calls were made.
_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Patience:
    """The number of consecutive failures before a pause, and the length of the first and of the longest pause: each
    pause is twice as long as the previous one. ``probe_seconds``: how long a probe may take before another one is sent.
    """

    failures: int = 10
    first_pause_seconds: float = 5.0
    longest_pause_seconds: float = 300.0
    probe_seconds: float = 35.0


class CircuitBreaker:
    """The circuits of one provider."""

    def __init__(self, redis: Redis, provider: str, patience: Patience) -> None:
        """Share them with all processes that use the same ``redis``."""
        self.patience = patience
        self._provider = provider
        self._note: RedisScript[bytes | None] = RedisScript(redis, "shared.quota", "note")

    async def note(self, api: str, who: str, worked: bool | None) -> datetime | None:
        """Record the outcome of a call in the slot of ``who``: ``True`` for any response, ``False`` for none, ``None``
        when unknown. Returns the end of the new pause when the call was a failed probe."""
        outcome = {True: "answered", False: "failed", None: "unknown"}[worked]
        patience = self.patience
        pause_seconds = await self._note(
            circuit=circuit_key(self._provider, api),
            who=who,
            outcome=outcome,
            failures=patience.failures,
            first_pause=patience.first_pause_seconds,
            longest_pause=patience.longest_pause_seconds,
            kept=_KEPT_SECONDS,
        )
        return datetime.now(UTC) + timedelta(seconds=float(pause_seconds)) if pause_seconds else None

"""What becomes of an API that fails again and again: it is left alone, ever longer, and tried with one call at a time.

The state is one hash in Redis per (provider, API), shared by all workers: ``failures`` in a row, and once there were
too many ``pause_ends`` and ``pause_seconds``; then ``probe`` (who tries) and ``probe_ends``. Without failures there is
none. `shared.quota.pacer` reads it in the script that gives slots: during a pause nobody gets one, after it one call
does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.quota.quota_status import circuit_key
from shared.storage.redis_scripts import RedisScript

# Longer than any pause and any probe: nobody asks any more.
_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many failures in a row an API is left alone, for how long at first, and at the longest: each pause is
    twice the one before. And how long a call that tries may take until another one does."""

    failures: int = 10
    first_pause_seconds: float = 5.0
    longest_pause_seconds: float = 300.0
    probe_seconds: float = 35.0


class CircuitBreaker:
    """The circuits of one provider."""

    def __init__(self, redis: Redis, provider: str, patience: Patience) -> None:
        """Share them with everybody who uses the same ``redis``."""
        self.patience = patience
        self._provider = provider
        self._note: RedisScript[bytes | None] = RedisScript(redis, "shared.quota", "note")

    async def note(self, api: str, who: str, worked: bool | None) -> datetime | None:
        """What became of a call in the slot of ``who``: an answer, whatever it says; none; or ``None``, no telling.
        When it was the one that tried, and in vain: the end of the pause that begins."""
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

"""What becomes of an API that fails again and again: it is left alone, ever longer, and tried with one call at a time.

The state is one hash in Redis per (provider, API), shared by all workers: ``failures`` in a row, and once there were
too many ``pause_ends`` and ``pause_seconds``; then ``probe`` (who tries) and ``probe_ends``. Without failures there is
none. `shared.quota.pacer` reads it in the script that gives slots: during a pause nobody gets one, after it one call
does.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from redis.asyncio import Redis

from shared.quota.quota_status import circuit_key

# KEYS circuit; ARGV who outcome ('answered', 'failed', 'unknown') failures first_pause longest_pause kept. Calls that
# were in the air when the pause began fail too, and mean the same outage: only the probe makes the pause longer.
# → how many seconds the pause lasts, for a probe that failed
_NOTE = """
if ARGV[2] == 'answered' then redis.call('DEL', KEYS[1]) return end
local pause, probe = unpack(redis.call('HMGET', KEYS[1], 'pause_seconds', 'probe'))
local reply
if ARGV[2] == 'failed' then
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  local seconds = pause and math.min(tonumber(pause) * 2, tonumber(ARGV[5])) or ARGV[4]
  if (pause and probe == ARGV[1]) or (not pause and failures >= tonumber(ARGV[3])) then
    local time = redis.call('TIME')
    local ends = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(seconds)
    redis.call('HSET', KEYS[1], 'pause_seconds', seconds, 'pause_ends', string.format('%.6f', ends))
    if pause then reply = tostring(seconds) end
  end
  redis.call('EXPIRE', KEYS[1], ARGV[6])
end
if probe == ARGV[1] then redis.call('HDEL', KEYS[1], 'probe', 'probe_ends') end
return reply
"""
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


class Circuit:
    """The circuits of one provider."""

    def __init__(self, redis: Redis, provider: str, patience: Patience) -> None:
        """Share them with everybody who uses the same ``redis``."""
        self.patience = patience
        self._provider = provider
        self._note = redis.register_script(_NOTE)

    async def note(self, api: str, who: str, worked: bool | None) -> datetime | None:
        """What became of a call in the slot of ``who``: an answer, whatever it says; none; or ``None``, no telling.
        When it was the one that tried, and in vain: the end of the pause that begins."""
        outcome = {True: "answered", False: "failed", None: "unknown"}[worked]
        patience = self.patience
        arguments: list[str | int | float] = [
            who,
            outcome,
            patience.failures,
            patience.first_pause_seconds,
            patience.longest_pause_seconds,
            _KEPT_SECONDS,
        ]
        keys = [circuit_key(self._provider, api)]
        pause_seconds = await cast(Awaitable[bytes | None], self._note(keys=keys, args=arguments))
        return datetime.now(UTC) + timedelta(seconds=float(pause_seconds)) if pause_seconds else None

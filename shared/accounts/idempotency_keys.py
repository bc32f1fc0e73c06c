"""Idempotency keys (Redis), with which clients can safely retry requests, as specified in
draft-ietf-httpapi-idempotency-key-header.

For each request, keyed hashes of its key and of its content are stored, and its outcome: the id of a created object.
Responses are never stored, because they may contain secrets. Each day (Paris) has a Redis hash of its own, so that all
keys of an account can be derived, and expire automatically.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.core.calendar import day_of
from shared.core.errors import IdempotencyInProgress, IdempotencyKeyReused, NotFound
from shared.crypto.server_secret import ServerSecret, length_prefixed
from shared.storage.redis_scripts import RedisScript
from shared.storage.tombstones import erased_key

KEPT_FOR = timedelta(hours=24)
"""How long an outcome is replayed."""
LEASE = timedelta(minutes=1)
"""After this time a request that did not end frees its key: longer than any request takes to create an object."""
_KEEP_SECONDS = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with an idempotency key: new (``outcome`` is ``None``), or already served with this outcome. The other
    fields state where to store the outcome, and until when."""

    outcome: str | None
    place: str = ""
    field: str = ""
    held: str = ""
    ends: float = 0.0


class IdempotencyStore:
    """The keys of all accounts."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Store them in ``redis``; ``server`` hashes the keys and the requests."""
        self._redis = redis
        self._server = server
        self._begin: RedisScript[list[bytes]] = RedisScript(redis, "shared.accounts", "begin")
        self._end: RedisScript[None] = RedisScript(redis, "shared.accounts", "end")

    async def begin(self, account_id: str, key: str, request: tuple[str, str], now: datetime) -> Attempt:
        """Begin a ``request`` (operation and body), or return its earlier outcome.

        Raises `IdempotencyKeyReused`, `IdempotencyInProgress`, and `NotFound` for an erased account.
        """
        fingerprint = self._hash(length_prefixed(*request).hex())
        field = self._hash(key)
        today, yesterday = idempotency_keys(account_id, now)
        reply = await self._begin(
            today=today,
            yesterday=yesterday,
            erased=erased_key(account_id),
            key=field,
            fingerprint=fingerprint,
            now=now.timestamp(),
            lease_end=(now + LEASE).timestamp(),
            keep_seconds=_KEEP_SECONDS,
        )
        what, *rest = (each.decode() for each in reply)
        match what:
            case "new":
                return Attempt(None, today, field, rest[0], (now + KEPT_FOR).timestamp())
            case "done":
                return Attempt(rest[0])
            case "running":
                raise IdempotencyInProgress(retry_at=datetime.fromtimestamp(float(rest[0]), UTC))
            case "reused":
                raise IdempotencyKeyReused
            case _:
                raise NotFound

    async def keep(self, attempt: Attempt, outcome: str) -> None:
        """Store the outcome of a request."""
        fingerprint = attempt.held.split(" ")[0]
        await self._replace(attempt, f"{fingerprint} {attempt.ends} {outcome}")

    async def release(self, attempt: Attempt) -> None:
        """Free the key of a request without an outcome."""
        await self._replace(attempt, "")

    async def forget(self, account_id: str, now: datetime) -> None:
        """Erase the keys of an account."""
        await self._redis.delete(*idempotency_keys(account_id, now))

    async def _replace(self, attempt: Attempt, value: str) -> None:
        await self._end(today=attempt.place, key=attempt.field, held=attempt.held, value=value)

    def _hash(self, text: str) -> str:
        return self._server.keyed_hash(text, purpose="idempotency")[:32]


def idempotency_keys(account_id: str, now: datetime) -> list[str]:
    """The keys that may exist: of the current day and of the previous one."""
    return [f"idempotency:{account_id}:{day_of(moment)}" for moment in (now, now - timedelta(days=1))]

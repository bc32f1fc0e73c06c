"""A provider's application token: fetched once for all processes, stored encrypted, renewed early."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import LockError

from shared.core.errors import ProviderGarbage, ProviderUnavailable
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.storage.redis_scripts import RedisScript

# A token with a lifetime of 3.5 hours is renewed 5 minutes before it expires; a short-lived one after nine tenths of
# its lifetime.
_EARLY_SECONDS = 300
_FETCH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its remaining lifetime in seconds."""

    value: str = field(repr=False)
    lives_seconds: int


def parse_token(body: Any) -> Token:
    """The token of a response (RFC 6749, 5.1), valid as a header value. Raises `ProviderGarbage`."""
    match body:
        case {"access_token": str() as value, "expires_in": int() | float() | str() as seconds} if _is_header(value):
            try:
                return Token(value, int(seconds))
            except (ValueError, OverflowError):
                pass
    raise ProviderGarbage("The provider's token can't be understood.")


def _is_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


class TokenStore:
    """The one token of one provider."""

    def __init__(self, redis: Redis, server: ServerSecret, provider: str) -> None:
        """Store it in ``redis``, encrypted by ``server``."""
        self._redis = redis
        self._server = server
        self._discard: RedisScript[int] = RedisScript(redis, "workers.upstream", "discard")
        self._key = f"token:{provider}"
        self._purpose = f"provider-token:{provider}"

    async def token(self, fetch_token: Callable[[], Awaitable[Token]]) -> str:
        """The current token; one process fetches a new one while the others wait for it.

        Raises what ``fetch_token`` raises, and `ProviderUnavailable` when a waiting process times out.
        """
        known = await self._load()
        if known is not None:
            return known
        lock = self._redis.lock(f"{self._key}:lock", timeout=_FETCH_SECONDS)
        if not await lock.acquire(blocking_timeout=_FETCH_SECONDS):
            raise ProviderUnavailable("The provider does not issue a token.")
        try:
            known = await self._load()
            if known is not None:
                return known
            token = await fetch_token()
            kept_seconds = max(1, token.lives_seconds - min(_EARLY_SECONDS, token.lives_seconds // 10))
            sealed = self._server.encrypt(token.value.encode(), purpose=self._purpose)
            await self._redis.set(self._key, sealed, ex=kept_seconds)
            return token.value
        finally:
            # The fetch may outlast the lock; then another process holds it and it must not be released here.
            with suppress(LockError):
                await lock.release()

    async def discard(self, token: str) -> bool:
        """Delete this token, which the provider refused; a newer one stays. Returns whether it was the newest."""
        sealed = await cast(Awaitable[bytes | None], self._redis.get(self._key))
        if sealed is None or self._open(sealed) != token:
            return False
        # Compares the value too: a newer token may have been stored in the meantime.
        return bool(await self._discard(token=self._key, sealed=sealed))

    async def _load(self) -> str | None:
        sealed = await cast(Awaitable[bytes | None], self._redis.get(self._key))
        return None if sealed is None else self._open(sealed)

    def _open(self, sealed: bytes) -> str | None:
        try:
            return self._server.decrypt(sealed, purpose=self._purpose).decode()
        except CannotOpen:
            # Encrypted with a secret key that is no longer listed: treated as missing.
            return None

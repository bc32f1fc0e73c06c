"""A provider's application token: fetched once for all processes, kept encrypted, renewed early."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import LockError

from shared.core.errors import ProviderGarbage, ProviderUnavailable
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.storage.redis_scripts import RedisScript

# A token that lives 3.5 hours is renewed 5 minutes before its end; a short-lived one after nine tenths of its life.
_EARLY_SECONDS = 300
_FETCH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the seconds that it lives from now."""

    value: str = field(repr=False)
    lives_seconds: int


def parse_token(body: Any) -> Token:
    """The token of an answer (RFC 6749, 5.1), fit to stand in a header. Raises `ProviderGarbage`."""
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
        """Keep it in ``redis``, closed by ``server``."""
        self._redis = redis
        self._server = server
        self._discard: RedisScript[int] = RedisScript(redis, "workers.upstream", "discard")
        self._key = f"token:{provider}"
        self._purpose = f"provider-token:{provider}"

    async def token(self, fetch_token: Callable[[], Awaitable[Token]]) -> str:
        """The token that is good now; one process fetches a new one while the others wait for it.

        Raises what ``fetch_token`` does, and `ProviderUnavailable` when the others have waited long enough.
        """
        known = await self._load()
        if known is not None:
            return known
        lock = self._redis.lock(f"{self._key}:lock", timeout=_FETCH_SECONDS)
        if not await lock.acquire(blocking_timeout=_FETCH_SECONDS):
            raise ProviderUnavailable("The provider gives no token at the moment.")
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
            # It may have taken longer than the lock lasts; then the lock is somebody else's and not ours to give back.
            with suppress(LockError):
                await lock.release()

    async def discard(self, token: str) -> bool:
        """Forget this token, which the provider refused; a newer one stays. Whether it was the newest."""
        sealed = await cast(Awaitable[bytes | None], self._redis.get(self._key))
        if sealed is None or self._open(sealed) != token:
            return False
        # Not by its name alone: a newer one may have come meanwhile.
        return bool(await self._discard(token=self._key, sealed=sealed))

    async def _load(self) -> str | None:
        sealed = await cast(Awaitable[bytes | None], self._redis.get(self._key))
        return None if sealed is None else self._open(sealed)

    def _open(self, sealed: bytes) -> str | None:
        try:
            return self._server.decrypt(sealed, purpose=self._purpose).decode()
        except CannotOpen:
            # Closed with a secret key that is no longer listed: as good as none.
            return None

"""The sealed store: one blob a window, and what is known of each window (Redis).

Whoever writes here needs the account's public key only; whoever reads needs the private one, for a moment.
Coverage is in clear and says which days are there, never what they hold.
"""

from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from shared.models import Coverage, Gap, Reading, Reason, Series
from shared.packing import pack_readings, unpack_readings
from shared.vault import Opener, SealContext, ServerSecret, seal


class ReadingStore:
    """The readings of all accounts, each sealed to its own."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Keep blobs in ``redis``; ``server`` vouches for who wrote them."""
        self._redis = redis
        self._server = server

    async def save_window(
        self, series: Series, coverage: Coverage, readings: Sequence[Reading], public_key: bytes
    ) -> None:
        """Seal the readings of one window and say what is known of it, both or neither. Without readings what was
        sealed before stays."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            if readings:
                blob = seal(
                    pack_readings(readings),
                    public_key=public_key,
                    context=_context(series, coverage.window),
                    server=self._server,
                )
                pipeline.hset(_readings_key(series), coverage.window, cast(Any, blob))
            pipeline.hset(_coverage_key(series), coverage.window, cast(Any, _coverage_text(coverage)))
            await pipeline.execute()

    async def load_coverage(self, series: Series, windows: Iterable[str]) -> dict[str, Coverage]:
        """What is known of these windows; a window never asked for is not in it."""
        names = list(windows)
        if not names:
            return {}
        texts = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_coverage_key(series), names))
        return {name: _coverage(name, text) for name, text in zip(names, texts, strict=True) if text is not None}

    async def load_all_coverage(self, series: Series) -> dict[str, Coverage]:
        """What is known of every window of a series."""
        texts = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(_coverage_key(series)))
        return {name.decode(): _coverage(name.decode(), text) for name, text in texts.items()}

    async def open_windows(self, series: Series, windows: Iterable[str], private_key: bytes) -> Iterator[Reading]:
        """The readings of these windows, oldest first; each window is opened when its turn comes.

        The iterator raises `CannotOpen` for a blob that was not written by this gateway for this place.
        """
        names = list(windows)
        if not names:
            return iter(())
        blobs = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_readings_key(series), names))
        opener = Opener(private_key, self._server)
        return (
            reading
            for name, blob in zip(names, blobs, strict=True)
            if blob is not None
            for reading in unpack_readings(opener.open(blob, _context(series, name)))
        )

    async def erase_series(self, series: Series) -> None:
        """Forget a series, blobs and coverage."""
        await self._redis.delete(_readings_key(series), _coverage_key(series))


def _readings_key(series: Series) -> str:
    return f"readings:{series.account_id}:{series.usage_point_id}:{series.dataset}"


def _coverage_key(series: Series) -> str:
    return f"coverage:{series.account_id}:{series.usage_point_id}:{series.dataset}"


def _context(series: Series, window: str) -> SealContext:
    return SealContext(series.account_id, series.usage_point_id, series.dataset, window)


def _coverage_text(coverage: Coverage) -> bytes:
    return orjson.dumps(
        {
            "state": coverage.state,
            "fetched_at": coverage.fetched_at,
            "since": coverage.since,
            "through": coverage.through,
            "gaps": [[gap.start, gap.end, gap.reason, gap.partial, gap.ask_again_at] for gap in coverage.gaps],
        }
    )


def _coverage(window: str, text: bytes) -> Coverage:
    record = orjson.loads(text)
    return Coverage(
        window=window,
        fetched_at=datetime.fromisoformat(record["fetched_at"]),
        since=date.fromisoformat(record["since"]),
        through=date.fromisoformat(record["through"]),
        gaps=tuple(
            Gap(
                date.fromisoformat(start),
                date.fromisoformat(end),
                Reason(reason),
                partial,
                again and datetime.fromisoformat(again),
            )
            for start, end, reason, partial, again in record["gaps"]
        ),
    )

"""The sealed store: one blob a window, and what is known of each window (Redis).

Whoever writes here needs the account's public key only; whoever reads needs the private one, for a moment.
Coverage is in clear and says which days are there, never what they hold. A record is a blob as any other, in a window
of its own.
"""

from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from shared.calendar import days_between
from shared.catalog import Dataset, WindowKind
from shared.derivation import whole_days
from shared.models import UNDER_CONSENT, Coverage, DayRange, Gap, Reading, Reason, Series
from shared.packing import pack_readings, pack_record, unpack_readings, unpack_record
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
        await self._save(series, coverage, pack_readings(readings) if readings else None, public_key)

    async def save_record(
        self, series: Series, coverage: Coverage, record: Mapping[str, Any], public_key: bytes
    ) -> None:
        """Seal a record, made of what JSON knows, and say when it was asked for, both or neither."""
        await self._save(series, coverage, pack_record(record), public_key)

    async def _save(self, series: Series, coverage: Coverage, plaintext: bytes | None, public_key: bytes) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            if plaintext is not None:
                context = _context(series, coverage.window)
                blob = seal(plaintext, public_key=public_key, context=context, server=self._server)
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

    async def load_derived_days(self, series: Series, dataset: Dataset, days: DayRange) -> frozenset[date]:
        """The days of a daily dataset that need no call: its curve is stored for them from midnight to midnight."""
        if dataset.derived_from is None:
            return frozenset()
        names = [str(day) for day in days_between(days.start, days.end)]
        return whole_days(await self.load_coverage(replace(series, dataset=dataset.derived_from), names))

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

    async def open_record(self, series: Series, private_key: bytes) -> Mapping[str, Any] | None:
        """A record as it was last fetched, ``None`` when it never was.

        Raises `CannotOpen` for a blob that was not written by this gateway for this place.
        """
        window = str(WindowKind.CURRENT)
        blob = await cast(Awaitable[bytes | None], self._redis.hget(_readings_key(series), window))
        if blob is None:
            return None
        return unpack_record(Opener(private_key, self._server).open(blob, _context(series, window)))

    async def forget_refusals(self, series: Series, now: datetime) -> None:
        """A new consent was given: what is not there for want of a right is worth asking for at once."""
        for name, known in (await self.load_all_coverage(series)).items():
            if not any(gap.reason in UNDER_CONSENT for gap in known.gaps):
                continue
            if known.state == "absent":
                await self._redis.hdel(_coverage_key(series), name)
            else:
                gaps = tuple(
                    replace(gap, ask_again_at=now) if gap.reason in UNDER_CONSENT else gap for gap in known.gaps
                )
                text = _coverage_text(replace(known, gaps=gaps))
                await self._redis.hset(_coverage_key(series), name, cast(Any, text))

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

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

from shared.core.calendar import DayRange, days_between
from shared.core.datasets import DATASETS, Dataset, Series, WindowKind
from shared.crypto.vault import CannotOpen, Opener, SealContext, ServerSecret, seal
from shared.jobs.ledger import job_key
from shared.jobs.models import Job
from shared.readings.column_batch import Columns
from shared.readings.daily_from_curve import whole_days
from shared.readings.encoding import pack_readings, pack_record, unpack_columns, unpack_readings, unpack_record
from shared.readings.models import UNDER_CONSENT, Coverage, Gap, Reading, Reason, Stock
from shared.readings.planning import window_name, windows_of
from shared.storage.redis_scripts import RedisScript

_PACKAGE = "shared.readings"
_ERASED_AT_ONCE = 500


class ReadingStore:
    """The readings of all accounts, each sealed to its own."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Keep blobs in ``redis``; ``server`` vouches for who wrote them."""
        self._redis = redis
        self._server = server
        self._save_if_alive: RedisScript[int] = RedisScript(redis, _PACKAGE, "save")
        self._replace: RedisScript[None] = RedisScript(redis, _PACKAGE, "replace")
        self._key_ids: RedisScript[list[bytes]] = RedisScript(redis, _PACKAGE, "key_ids")

    async def save_window(self, job: Job, coverage: Coverage, readings: Sequence[Reading], public_key: bytes) -> bool:
        """Seal the readings of one window of a job's series and say what is known of it, both or neither. Without
        readings what was sealed before stays.

        ``False``, and nothing is written, when the job has ended meanwhile: it was cancelled, or erased with its data.
        """
        return await self._save(job, coverage, pack_readings(readings) if readings else None, public_key)

    async def save_record(self, job: Job, coverage: Coverage, record: Mapping[str, Any], public_key: bytes) -> bool:
        """Seal a record, made of what JSON knows, and say when it was asked for; ``False`` as above."""
        return await self._save(job, coverage, pack_record(record), public_key)

    async def _save(self, job: Job, coverage: Coverage, plaintext: bytes | None, public_key: bytes) -> bool:
        series = job.series
        blobs = []
        if plaintext is not None:
            context = _context(series, coverage.window)
            blobs.append(seal(plaintext, public_key=public_key, context=context, server=self._server))
        saved = await self._save_if_alive(
            job=job_key(job.id),
            readings=_readings_key(series),
            coverage=_coverage_key(series),
            window=coverage.window,
            text=_coverage_text(coverage),
            blob=blobs,
        )
        return bool(saved)

    async def load_coverage(self, series: Series, windows: Iterable[str]) -> dict[str, Coverage]:
        """What is known of these windows; a window never asked for is not in it."""
        names = list(windows)
        if not names:
            return {}
        texts = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_coverage_key(series), names))
        return {name: _coverage(name, text) for name, text in zip(names, texts, strict=True) if text is not None}

    async def load_stock(self, series: Series, days: DayRange, *, with_blobs: bool = False) -> Stock:
        """What is stored of these days; with ``with_blobs`` also what is sealed, as it is at the same moment."""
        dataset = DATASETS[series.dataset]
        names = [window_name(dataset, window.start) for window in windows_of(dataset, days)]
        blobs = None
        if with_blobs:
            coverage, blobs = await self.load_windows(series, names)
        else:
            coverage = await self.load_coverage(series, names)
        return Stock(coverage, await self.load_derived_days(series, dataset, days), blobs)

    async def load_coverages(self, all_series: Sequence[Series]) -> list[dict[str, Coverage]]:
        """What is known of every window of each of these series, in one go."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for series in all_series:
                pipeline.hgetall(_coverage_key(series))
            replies = await pipeline.execute()
        return [{name.decode(): _coverage(name.decode(), text) for name, text in each.items()} for each in replies]

    async def load_all_coverage(self, series: Series) -> dict[str, Coverage]:
        """What is known of every window of a series."""
        texts = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(_coverage_key(series)))
        return {name.decode(): _coverage(name.decode(), text) for name, text in texts.items()}

    async def load_derived_days(self, series: Series, dataset: Dataset, days: DayRange) -> dict[date, datetime]:
        """The days of a daily dataset that need no call: its curve is stored for them from midnight to midnight; and
        when that was fetched."""
        if dataset.derived_from is None:
            return {}
        names = [str(day) for day in days_between(days.start, days.end)]
        curve = await self.load_coverage(replace(series, dataset=dataset.derived_from), names)
        return {day: curve[str(day)].fetched_at for day in whole_days(curve)}

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

    async def load_windows(
        self, series: Series, windows: Sequence[str]
    ) -> tuple[dict[str, Coverage], dict[str, bytes | None]]:
        """What is known of a few windows and what is sealed of them, both as they are at one moment."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hmget(_coverage_key(series), windows)
            pipeline.hmget(_readings_key(series), windows)
            texts, blobs = await pipeline.execute()
        known = zip(windows, texts, strict=True)
        coverage = {name: _coverage(name, text) for name, text in known if text is not None}
        return coverage, dict(zip(windows, blobs, strict=True))

    async def load_blobs(self, series: Series, windows: Sequence[str]) -> dict[str, bytes | None]:
        """What is sealed of these windows; ``None`` where there is nothing."""
        if not windows:
            return {}
        blobs = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_readings_key(series), windows))
        return dict(zip(windows, blobs, strict=True))

    def open_columns(self, series: Series, blobs: Mapping[str, bytes | None], private_key: bytes) -> Columns:
        """The readings of sealed windows, oldest first, side by side. Raises `CannotOpen`."""
        columns, opener = Columns(), Opener(private_key, self._server)
        for name, blob in blobs.items():
            if blob is not None:
                unpack_columns(opener.open(blob, _context(series, name)), columns)
        return columns

    async def try_windows(
        self, series: Series, windows: Iterable[str], private_key: bytes
    ) -> Iterator[tuple[str, list[Reading] | None]]:
        """The same, window by window under its name; ``None`` for one that does not open, and the others go on."""
        names = list(windows)
        blobs: list[bytes | None] = []
        if names:
            blobs = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_readings_key(series), names))
        opener = Opener(private_key, self._server)

        def opened(name: str, blob: bytes | None) -> list[Reading] | None:
            try:
                return list(unpack_readings(opener.open(blob, _context(series, name)))) if blob is not None else []
            except CannotOpen:
                return None

        return ((name, opened(name, blob)) for name, blob in zip(names, blobs, strict=True))

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
                await self._replace(coverage=_coverage_key(series), window=name, text=text)

    async def window_names(self, series: Series) -> list[str]:
        """The names of every window of which something is known or sealed, oldest first."""
        names: set[bytes] = set()
        for key in (_readings_key(series), _coverage_key(series)):
            names.update(await cast(Awaitable[list[bytes]], self._redis.hkeys(key)))
        return sorted(name.decode() for name in names)

    async def count_windows(self, series: Series) -> int:
        """How many windows are sealed."""
        return await self._redis.hlen(_readings_key(series))

    async def load_key_ids(self, series: Series) -> dict[str, str]:
        """Which of the server's secrets vouches for each sealed window, by its id."""
        found = await self._key_ids(readings=_readings_key(series))
        return {window.decode(): key_id.hex() for window, key_id in zip(found[::2], found[1::2], strict=True)}

    async def erase_windows(self, series: Series, names: Sequence[str]) -> int:
        """Forget windows, blobs and coverage; how many blobs there were.

        What is being fetched for them comes back, unless the jobs that fetch it were ended before.
        """
        erased = 0
        for index in range(0, len(names), _ERASED_AT_ONCE):
            batch = names[index : index + _ERASED_AT_ONCE]
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hdel(_readings_key(series), *batch)
                pipeline.hdel(_coverage_key(series), *batch)
                erased += (await pipeline.execute())[0]
        return erased

    async def erase_series(self, series: Series) -> None:
        """Forget a series, blobs and coverage. The same is said of what is being fetched."""
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

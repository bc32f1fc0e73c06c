"""The encrypted store of readings (Redis): one blob per window, and the coverage of each window.

Writing needs only the account's public key; reading needs the private key, for the duration of the request. Coverage is
stored in clear and lists the available days, never their values. A record is also a blob, in a window of its own.
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
    """The readings of all accounts, each encrypted to its account's key."""

    def __init__(self, redis: Redis, server: ServerSecret) -> None:
        """Store blobs in ``redis``; ``server`` authenticates their origin."""
        self._redis = redis
        self._server = server
        self._save_if_alive: RedisScript[int] = RedisScript(redis, _PACKAGE, "save")
        self._replace: RedisScript[None] = RedisScript(redis, _PACKAGE, "replace")
        self._key_ids: RedisScript[list[bytes]] = RedisScript(redis, _PACKAGE, "key_ids")

    async def save_window(self, job: Job, coverage: Coverage, readings: Sequence[Reading], public_key: bytes) -> bool:
        """Encrypt and store the readings of one window of a job's series with its coverage, atomically. Without
        readings the stored blob is kept.

        ``False``, and nothing is written, when the job has ended in the meantime: cancelled, or erased with its data.
        """
        return await self._save(job, coverage, pack_readings(readings) if readings else None, public_key)

    async def save_record(self, job: Job, coverage: Coverage, record: Mapping[str, Any], public_key: bytes) -> bool:
        """Encrypt and store a record of JSON types with its coverage; ``False`` as in `save_window`."""
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
        """The coverage of these windows, without those that were never requested."""
        names = list(windows)
        if not names:
            return {}
        texts = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_coverage_key(series), names))
        return {name: _coverage(name, text) for name, text in zip(names, texts, strict=True) if text is not None}

    async def load_stock(self, series: Series, days: DayRange, *, with_blobs: bool = False) -> Stock:
        """The stored data of these days; with ``with_blobs`` also the encrypted blobs, from the same snapshot."""
        dataset = DATASETS[series.dataset]
        names = [window_name(dataset, window.start) for window in windows_of(dataset, days)]
        blobs = None
        if with_blobs:
            coverage, blobs = await self.load_windows(series, names)
        else:
            coverage = await self.load_coverage(series, names)
        return Stock(coverage, await self.load_derived_days(series, dataset, days), blobs)

    async def load_coverages(self, all_series: Sequence[Series]) -> list[dict[str, Coverage]]:
        """The coverage of every window of each of these series, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for series in all_series:
                pipeline.hgetall(_coverage_key(series))
            replies = await pipeline.execute()
        return [{name.decode(): _coverage(name.decode(), text) for name, text in each.items()} for each in replies]

    async def load_all_coverage(self, series: Series) -> dict[str, Coverage]:
        """The coverage of every window of a series."""
        texts = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(_coverage_key(series)))
        return {name.decode(): _coverage(name.decode(), text) for name, text in texts.items()}

    async def load_derived_days(self, series: Series, dataset: Dataset, days: DayRange) -> dict[date, datetime]:
        """The days of a daily dataset that need no call, because its curve is stored for them from midnight to
        midnight, and when that was fetched."""
        if dataset.derived_from is None:
            return {}
        names = [str(day) for day in days_between(days.start, days.end)]
        curve = await self.load_coverage(replace(series, dataset=dataset.derived_from), names)
        return {day: curve[str(day)].fetched_at for day in whole_days(curve)}

    async def open_windows(self, series: Series, windows: Iterable[str], private_key: bytes) -> Iterator[Reading]:
        """The readings of these windows, oldest first; each window is decrypted when it is reached.

        The iterator raises `CannotOpen` for a blob that was not written by this gateway for this context.
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
        """The coverage and the encrypted blobs of some windows, from one snapshot."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hmget(_coverage_key(series), windows)
            pipeline.hmget(_readings_key(series), windows)
            texts, blobs = await pipeline.execute()
        known = zip(windows, texts, strict=True)
        coverage = {name: _coverage(name, text) for name, text in known if text is not None}
        return coverage, dict(zip(windows, blobs, strict=True))

    async def load_blobs(self, series: Series, windows: Sequence[str]) -> dict[str, bytes | None]:
        """The encrypted blobs of these windows; ``None`` where there is none."""
        if not windows:
            return {}
        blobs = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_readings_key(series), windows))
        return dict(zip(windows, blobs, strict=True))

    def open_columns(self, series: Series, blobs: Mapping[str, bytes | None], private_key: bytes) -> Columns:
        """Decrypt the readings of some windows into columns, oldest first. Raises `CannotOpen`."""
        columns, opener = Columns(), Opener(private_key, self._server)
        for name, blob in blobs.items():
            if blob is not None:
                unpack_columns(opener.open(blob, _context(series, name)), columns)
        return columns

    async def try_windows(
        self, series: Series, windows: Iterable[str], private_key: bytes
    ) -> Iterator[tuple[str, list[Reading] | None]]:
        """The readings of each window by name; ``None`` for a window that can't be decrypted, without stopping."""
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
        """The last fetched version of a record, ``None`` when it was never fetched.

        Raises `CannotOpen` for a blob that was not written by this gateway for this context.
        """
        window = str(WindowKind.CURRENT)
        blob = await cast(Awaitable[bytes | None], self._redis.hget(_readings_key(series), window))
        if blob is None:
            return None
        return unpack_record(Opener(private_key, self._server).open(blob, _context(series, window)))

    async def forget_refusals(self, series: Series, now: datetime) -> None:
        """After a new consent, make the gaps that it may resolve due immediately."""
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
        """The names of all windows with coverage or a blob, oldest first."""
        names: set[bytes] = set()
        for key in (_readings_key(series), _coverage_key(series)):
            names.update(await cast(Awaitable[list[bytes]], self._redis.hkeys(key)))
        return sorted(name.decode() for name in names)

    async def count_windows(self, series: Series) -> int:
        """The number of stored blobs."""
        return await self._redis.hlen(_readings_key(series))

    async def load_key_ids(self, series: Series) -> dict[str, str]:
        """The id of the server secret that authenticates each blob, by window."""
        found = await self._key_ids(readings=_readings_key(series))
        return {window.decode(): key_id.hex() for window, key_id in zip(found[::2], found[1::2], strict=True)}

    async def erase_windows(self, series: Series, names: Sequence[str]) -> int:
        """Erase windows, blobs and coverage. Returns the number of erased blobs.

        Jobs in progress restore the data that they fetch, unless they are cancelled first.
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
        """Erase a series, blobs and coverage. Jobs in progress restore data, as in `erase_windows`."""
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

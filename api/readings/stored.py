"""The stored data of a time series in a period: first its coverage, without decryption, then the readings.

Readings are decrypted and passed on in batches: memory does not grow with the period, and other requests get their
turn.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson

from api.jobs.gap_schemas import MissingDays
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange, day_start
from shared.core.datasets import Dataset, Quantity, Series
from shared.readings.aggregation import Resolution, Summary, Unit, UnitChange
from shared.readings.column_batch import Columns
from shared.readings.daily_from_curve import derive_daily
from shared.readings.models import Gap, Stock
from shared.readings.planning import current_days, missing_days, missing_windows, window_name, windows_of
from shared.resources import Resources

# Windows that are loaded at once: a month of a load curve, two milliseconds of decryption.
_WINDOWS_AT_ONCE = 31


@dataclass(frozen=True, slots=True)
class StoredDays:
    """The coverage of a dataset in a period; nothing is decrypted. ``cache_status``: the value of `X-Cache-Status`.
    ``stock``: includes the blobs if they are few enough to be loaded with the coverage."""

    series: Series
    dataset: Dataset
    days: DayRange
    stock: Stock
    gaps: tuple[Gap, ...]
    cache_status: str

    @property
    def missing(self) -> list[dict[str, Any]]:
        """The gaps as `MissingDays` documents."""
        return [MissingDays.of(gap).model_dump() for gap in self.gaps]

    @property
    def missing_days(self) -> int:
        """The number of missing or incomplete days."""
        return sum((gap.end - gap.start).days for gap in self.gaps)

    def fingerprint(self) -> bytes:
        """Changes whenever the stored data of these days, or the reason for a missing day, may have changed.

        A window is never written without its fetch time.
        """
        fetched = {name: known.fetched_at for name, known in self.stock.coverage.items()}
        derived = {str(day): fetched_at for day, fetched_at in self.stock.derived.items()}
        return orjson.dumps([fetched, derived, self.missing, self.cache_status], option=orjson.OPT_SORT_KEYS)


async def load_stored_days(
    resources: Resources,
    usage_point: UsagePoint,
    dataset: Dataset,
    days: DayRange | None,
    now: datetime,
    *,
    will_open: bool = False,
) -> StoredDays:
    """The stored state of these days of a time series, or of a record. ``will_open``: the encrypted blobs will almost
    certainly be needed too; for a short period they are then loaded in the same round trip."""
    series = Series(usage_point.account_id, usage_point.id, dataset.name)
    days = days or current_days(now)
    is_short = len(windows_of(dataset, days)) <= _WINDOWS_AT_ONCE
    stock = await resources.readings.load_stock(series, days, with_blobs=will_open and is_short)
    against = usage_point.reason_against(dataset, now)
    gaps = missing_days(dataset, days, stock.coverage, now, stock.derived, against)
    status = _cache_status(dataset, days, stock, now, usable=against is None)
    return StoredDays(series, dataset, days, stock, tuple(gaps), status)


def _cache_status(
    dataset: Dataset,
    days: DayRange,
    stock: Stock,
    now: datetime,
    *,
    usable: bool,
) -> str:
    # Data that cannot be requested for this usage point needs no call.
    if not (usable or not dataset.is_series) or not missing_windows(dataset, days, stock.coverage, now, stock.derived):
        return "hit"
    asked_for = bool(stock.derived) or any(
        not dataset.is_series or (each.since < days.end and days.start < each.through)
        for each in stock.coverage.values()
    )
    return "partial" if asked_for else "miss"


async def open_stored_days(resources: Resources, known: StoredDays, private_key: bytes) -> AsyncIterator[Columns]:
    """The readings in batches, oldest first. Raises `CannotOpen` at the batch that cannot be decrypted."""
    # The first and the last window may contain more than was requested.
    first, last = (int(day_start(day).timestamp()) for day in (known.days.start, known.days.end))
    windows = windows_of(known.dataset, known.days)
    # One month of daily values may need every day of its load curve.
    at_once = 1 if known.stock.derived else _WINDOWS_AT_ONCE
    for index in range(0, len(windows), at_once):
        part = windows[index : index + at_once]
        names = [name for each in part if (name := window_name(known.dataset, each.start)) in known.stock.coverage]
        blobs = await _blobs(resources, known, names)
        columns = resources.readings.open_columns(known.series, blobs, private_key).between(first, last)
        lacking = [day for day in sorted(known.stock.derived) if part[0].start <= day < part[-1].end]
        if lacking:
            columns = await _with_derived(resources, known, columns, lacking, private_key)
        if len(columns):
            yield columns


async def _blobs(resources: Resources, known: StoredDays, names: list[str]) -> Mapping[str, bytes | None]:
    if known.stock.blobs is not None:
        return {name: known.stock.blobs[name] for name in names}
    return await resources.readings.load_blobs(known.series, names)


async def _with_derived(
    resources: Resources, known: StoredDays, measured: Columns, derived: list[date], private_key: bytes
) -> Columns:
    """The measured days, with the missing ones derived from the stored load curve; measured values take precedence."""
    there = set(measured.starts)
    names = [str(day) for day in derived if int(day_start(day).timestamp()) not in there]
    curve = replace(known.series, dataset=known.dataset.derived_from or "")
    measured.add_derived(derive_daily(await resources.readings.open_windows(curve, names, private_key)))
    return measured.in_order()


async def summed_up(
    batches: AsyncIterator[Columns], quantity: Quantity, resolution: Resolution, unit: Unit | None, days: DayRange
) -> AsyncIterator[Columns]:
    """The same readings, aggregated to longer intervals."""
    summary = Summary(quantity, resolution, unit, days)
    async for columns in batches:
        yield summary.add(columns)
    yield summary.end()


async def in_unit(batches: AsyncIterator[Columns], quantity: Quantity, unit: Unit) -> AsyncIterator[Columns]:
    """The same readings, converted to another unit."""
    change = UnitChange(quantity, unit)
    async for columns in batches:
        yield change.apply(columns)

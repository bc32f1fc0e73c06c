"""Public data (SQL): one document per day and public dataset, and the time of the last request to its provider.

Stored in SQL and in clear: some of it can't be fetched again, and it is not personal data. A document:

    tempo    {"colour": "BLUE" | "WHITE" | "RED" | null, "updated_at": instant | null}
    ecowatt  {"level": 1 | 2 | 3 | null, "message": text, "hours": {"0": 0 | 1 | 2 | 3, ...},
              "generated_at": instant | null}

Instants are ISO 8601 in UTC. Hours are wall-clock hours in Paris; hours missing from the response are omitted. A past
day without colour or level is not requested again, because the provider has no data for it. A *source* is a dataset,
or the origin of its history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from shared.core.calendar import ONE_DAY, DayRange, days_between
from shared.core.errors import ProviderThrottled
from shared.public_data.polling_schedule import MISTAKEN_CLOCK
from shared.storage.database import Database
from shared.storage.tables import public_days, public_sources


def history_source(dataset: str) -> str:
    """The source of a dataset's history, with its own failures and pauses."""
    return f"{dataset}/history"


@dataclass(frozen=True, slots=True)
class Source:
    """The polling status of a source: last request, last success, failure and end of the pause."""

    asked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: str | None = None
    not_before: datetime | None = None

    def rests(self, now: datetime) -> bool:
        """Whether the source is paused after a failure."""
        return self.not_before is not None and now < self.not_before <= now + MISTAKEN_CLOCK


@dataclass(frozen=True, slots=True)
class Extent:
    """The number of stored days, and the first and last of them."""

    count: int
    first: date
    last: date


class PublicDayStore:
    """The public data of this gateway."""

    def __init__(self, database: Database) -> None:
        """Store it in ``database``."""
        self._database = database

    async def load_days(self, dataset: str, days: DayRange) -> dict[date, Mapping[str, Any]]:
        """The documents of these days, oldest first; days without a document are omitted."""
        query = (
            select(public_days.c.day, public_days.c.document)
            .where(public_days.c.dataset == dataset, public_days.c.day >= days.start, public_days.c.day < days.end)
            .order_by(public_days.c.day)
        )
        return {row.day: row.document for row in await self._database.read(query)}

    async def load_extent(self, dataset: str) -> Extent | None:
        """The number and range of the days with a document; ``None`` when there is none."""
        day = public_days.c.day
        columns: list[Any] = [func.count(day).label("days"), func.min(day).label("first"), func.max(day).label("last")]
        row = (await self._database.read(select(*columns).where(public_days.c.dataset == dataset)))[0]
        return Extent(row.days, row.first, row.last) if row.days else None

    async def missing_days(self, dataset: str, days: DayRange) -> list[date]:
        """The days without a document, oldest first."""
        these = (public_days.c.dataset == dataset, public_days.c.day >= days.start, public_days.c.day < days.end)
        # This runs every minute, and nearly always nothing is missing.
        stored = (await self._database.read(select(func.count(public_days.c.day).label("days")).where(*these)))[0].days
        if stored == days.days:
            return []
        known = {row.day for row in await self._database.read(select(public_days.c.day).where(*these))}
        return [day for day in days_between(days.start, days.end) if day not in known]

    async def save_days(self, dataset: str, documents: Mapping[date, Mapping[str, Any]], now: datetime) -> list[date]:
        """Store the documents of these days, replacing older ones; unchanged documents are not written. Returns the
        written days."""
        if not documents:
            return []
        stored = await self.load_days(dataset, DayRange(min(documents), max(documents) + ONE_DAY))
        changed = [day for day, document in documents.items() if stored.get(day) != document]
        if not changed:
            return []
        async with self._database.transaction() as connection:
            these = (public_days.c.dataset == dataset, public_days.c.day.in_(changed))
            await connection.execute(delete(public_days).where(*these))
            rows = [
                {"dataset": dataset, "day": day, "document": dict(documents[day]), "fetched_at": now} for day in changed
            ]
            await connection.execute(insert(public_days), rows)
        return changed

    async def load_source(self, source: str) -> Source:
        """The polling status of a source."""
        rows = await self._database.read(select(public_sources).where(public_sources.c.dataset == source))
        if not rows:
            return Source()
        row = rows[0]
        return Source(row.asked_at, row.succeeded_at, row.failure, row.not_before)

    async def take_turn(self, source: str, pause: timedelta, now: datetime, *, by_hand: bool = False) -> bool:
        """Acquire the right to call the provider now, exclusively: no call within ``pause``, and no pause after a
        failure. Records the time of the call.

        ``by_hand``: an administrator retries manually; only a pause requested by the provider still applies.
        """
        await self._make_sure(source)
        row, mistaken = public_sources.c, now + MISTAKEN_CLOCK
        rests = and_(row.not_before.is_not(None), row.not_before > now, row.not_before <= mistaken)
        if by_hand:
            rests = and_(rests, row.failure == ProviderThrottled.code)
        # After a clock was set back, the last call may be in the future: no call before that.
        rested = or_(row.asked_at.is_(None), row.asked_at <= now - pause, row.asked_at > mistaken)
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                # Read and written in one statement: of two concurrent callers only one succeeds.
                update(public_sources).where(row.dataset == source, rested, not_(rests)).values(asked_at=now)
            )
        return bool(taken.rowcount)

    async def note_success(self, source: str, now: datetime) -> None:
        """Record a successful call."""
        await self._note(source, succeeded_at=now, failure=None, not_before=None)

    async def note_failure(self, source: str, code: str, not_before: datetime | None) -> None:
        """Record a failed or refused call; no further call before ``not_before``."""
        await self._note(source, failure=code, not_before=not_before)

    async def _note(self, source: str, **values: object) -> None:
        await self._make_sure(source)
        async with self._database.transaction() as connection:
            await connection.execute(update(public_sources).where(public_sources.c.dataset == source).values(**values))

    async def _make_sure(self, source: str) -> None:
        if await self._database.read(select(public_sources.c.dataset).where(public_sources.c.dataset == source)):
            return
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(public_sources).values(dataset=source))
        except IntegrityError:
            # Another process created the row concurrently.
            return

"""Public data (SQL): a document a day of each public dataset, and when its provider was last asked.

Kept in SQL and in clear: some of it can't be fetched a second time, and it is about nobody. A document:

    tempo    {"colour": "BLUE" | "WHITE" | "RED" | null, "updated_at": instant | null}
    ecowatt  {"level": 1 | 2 | 3 | null, "message": text, "hours": {"0": 0 | 1 | 2 | 3, ...},
              "generated_at": instant | null}

Instants are ISO 8601 in UTC. Hours are those of the clock in Paris; one that the provider did not name is not there. Of
a day without colour or level nobody says more: long past, it is not asked for again. A *source* is a dataset, or where
its past comes from.
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
    """The source of what lies further back: it fails and rests on its own account."""
    return f"{dataset}/history"


@dataclass(frozen=True, slots=True)
class Source:
    """How a source was last asked: when, when with success, what failed and until when it rests."""

    asked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: str | None = None
    not_before: datetime | None = None

    def rests(self, now: datetime) -> bool:
        """Whether nobody may ask it yet, after a failure."""
        return self.not_before is not None and now < self.not_before <= now + MISTAKEN_CLOCK


@dataclass(frozen=True, slots=True)
class Extent:
    """How many days are stored, the first and the last of them."""

    count: int
    first: date
    last: date


class PublicDayStore:
    """The public data of this gateway."""

    def __init__(self, database: Database) -> None:
        """Keep it in ``database``."""
        self._database = database

    async def load_days(self, dataset: str, days: DayRange) -> dict[date, Mapping[str, Any]]:
        """The documents of these days, oldest first; a day of which nothing is known is not in it."""
        query = (
            select(public_days.c.day, public_days.c.document)
            .where(public_days.c.dataset == dataset, public_days.c.day >= days.start, public_days.c.day < days.end)
            .order_by(public_days.c.day)
        )
        return {row.day: row.document for row in await self._database.read(query)}

    async def load_extent(self, dataset: str) -> Extent | None:
        """Of how many days there is a document, and between which; ``None`` while there is none."""
        day = public_days.c.day
        columns: list[Any] = [func.count(day).label("days"), func.min(day).label("first"), func.max(day).label("last")]
        row = (await self._database.read(select(*columns).where(public_days.c.dataset == dataset)))[0]
        return Extent(row.days, row.first, row.last) if row.days else None

    async def missing_days(self, dataset: str, days: DayRange) -> list[date]:
        """Those of these days that there is no document of, oldest first."""
        these = (public_days.c.dataset == dataset, public_days.c.day >= days.start, public_days.c.day < days.end)
        # It is asked every minute, and nearly always nothing is missing.
        stored = (await self._database.read(select(func.count(public_days.c.day).label("days")).where(*these)))[0].days
        if stored == days.days:
            return []
        known = {row.day for row in await self._database.read(select(public_days.c.day).where(*these))}
        return [day for day in days_between(days.start, days.end) if day not in known]

    async def save_days(self, dataset: str, documents: Mapping[date, Mapping[str, Any]], now: datetime) -> list[date]:
        """Write the documents of these days, in place of older ones; those that say the same are left as they are.
        Which were written."""
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
        """When it was last asked, and with what outcome."""
        rows = await self._database.read(select(public_sources).where(public_sources.c.dataset == source))
        if not rows:
            return Source()
        row = rows[0]
        return Source(row.asked_at, row.succeeded_at, row.failure, row.not_before)

    async def take_turn(self, source: str, pause: timedelta, now: datetime, *, by_hand: bool = False) -> bool:
        """Whether the caller, and nobody else, may ask the provider now: nobody did within ``pause``, and it does not
        rest. It counts as asked from now on.

        ``by_hand``: somebody has mended something; only the provider's own word makes it rest all the same.
        """
        await self._make_sure(source)
        row, mistaken = public_sources.c, now + MISTAKEN_CLOCK
        rests = and_(row.not_before.is_not(None), row.not_before > now, row.not_before <= mistaken)
        if by_hand:
            rests = and_(rests, row.failure == ProviderThrottled.code)
        # A clock that went back finds a call in the future: nobody asks before that.
        rested = or_(row.asked_at.is_(None), row.asked_at <= now - pause, row.asked_at > mistaken)
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                # Read and written in one statement: of two that come at the same moment the second finds it taken.
                update(public_sources).where(row.dataset == source, rested, not_(rests)).values(asked_at=now)
            )
        return bool(taken.rowcount)

    async def note_success(self, source: str, now: datetime) -> None:
        """The provider answered."""
        await self._note(source, succeeded_at=now, failure=None, not_before=None)

    async def note_failure(self, source: str, code: str, not_before: datetime | None) -> None:
        """The provider did not answer, or refused; nobody asks before that moment."""
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
            # Somebody else has made it at the same moment.
            return

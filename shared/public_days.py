"""Public data (SQL): a document a day of each public dataset, and when its provider was last asked.

Kept in SQL and in clear: some of it can't be fetched a second time, and it is about nobody. A document:

    tempo    {"colour": "BLUE" | "WHITE" | "RED" | null, "updated_at": instant | null}   null: not said
    ecowatt  {"level": 1 | 2 | 3, "message": text, "hours": {"0": 0 | 1 | 2 | 3, ...}, "generated_at": instant | null}

Hours are those of the clock in Paris; one that the provider did not name is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from shared.database import Database
from shared.models import DayRange
from shared.tables import public_days, public_sources


@dataclass(frozen=True, slots=True)
class Source:
    """How the provider of a dataset was last asked: when, when with success, what failed and until when it rests."""

    asked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: str | None = None
    not_before: datetime | None = None


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

    async def last_change(self, dataset: str) -> datetime | None:
        """When a document of this dataset was last written; ``None`` while there is none."""
        query = select(func.max(public_days.c.fetched_at).label("moment")).where(public_days.c.dataset == dataset)
        moment: datetime | None = (await self._database.read(query))[0].moment
        return moment

    async def save_days(self, dataset: str, documents: Mapping[date, Mapping[str, Any]], now: datetime) -> None:
        """Write the documents of these days, in place of older ones."""
        if not documents:
            return
        async with self._database.transaction() as connection:
            these = (public_days.c.dataset == dataset, public_days.c.day.in_(documents))
            await connection.execute(delete(public_days).where(*these))
            rows = [
                {"dataset": dataset, "day": day, "document": dict(document), "fetched_at": now}
                for day, document in documents.items()
            ]
            await connection.execute(insert(public_days), rows)

    async def load_source(self, dataset: str) -> Source:
        """When its provider was last asked, and with what outcome."""
        rows = await self._database.read(select(public_sources).where(public_sources.c.dataset == dataset))
        if not rows:
            return Source()
        row = rows[0]
        return Source(row.asked_at, row.succeeded_at, row.failure, row.not_before)

    async def take_turn(self, dataset: str, pause: timedelta, now: datetime) -> bool:
        """Whether the caller, and nobody else, may ask the provider now: nobody did within ``pause``, and it does not
        rest. It counts as asked from now on."""
        await self._make_sure(dataset)
        source = public_sources.c
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                update(public_sources)
                .where(source.dataset == dataset)
                .where(or_(source.asked_at.is_(None), source.asked_at <= now - pause))
                .where(or_(source.not_before.is_(None), source.not_before <= now))
                .values(asked_at=now)
            )
        return bool(taken.rowcount)

    async def note_success(self, dataset: str, now: datetime) -> None:
        """The provider answered."""
        await self._note(dataset, succeeded_at=now, failure=None, not_before=None)

    async def note_failure(self, dataset: str, code: str, not_before: datetime | None) -> None:
        """The provider did not answer, or refused; nobody asks before that moment."""
        await self._note(dataset, failure=code, not_before=not_before)

    async def _note(self, dataset: str, **values: object) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(public_sources).where(public_sources.c.dataset == dataset).values(**values))

    async def _make_sure(self, dataset: str) -> None:
        if await self._database.read(select(public_sources.c.dataset).where(public_sources.c.dataset == dataset)):
            return
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(public_sources).values(dataset=dataset))
        except IntegrityError:
            # Somebody else has made it at the same moment.
            return

"""The prices of the Tempo tariff (SQL): no provider publishes them, so an administrator sets them, with the day from
which they are valid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Row, delete, insert, select

from shared.core.errors import NotFound
from shared.crypto.server_secret import ServerSecret
from shared.public_data.tempo_tariff import PRICE_NAMES
from shared.storage.audit_log import ADMIN, record
from shared.storage.database import Database, hold
from shared.storage.tables import tempo_prices


@dataclass(frozen=True, slots=True)
class TempoPrices:
    """Six prices in euros per kWh, as decimal strings by `PRICE_NAMES`, and the first day on which they are valid."""

    valid_from: date
    prices: Mapping[str, str]
    set_at: datetime


class TempoPriceStore:
    """All price sets. Changes are recorded in the administrators' audit chain."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` authenticates the audit log."""
        self._database = database
        self._server = server

    async def list_prices(self) -> list[TempoPrices]:
        """All price sets, newest first."""
        query = select(tempo_prices).order_by(tempo_prices.c.valid_from.desc())
        return [_prices(row) for row in await self._database.read(query)]

    async def prices_on(self, day: date) -> TempoPrices | None:
        """The prices valid on a day; ``None`` when none are set for it."""
        query = (
            select(tempo_prices)
            .where(tempo_prices.c.valid_from <= day)
            .order_by(tempo_prices.c.valid_from.desc())
            .limit(1)
        )
        rows = await self._database.read(query)
        return _prices(rows[0]) if rows else None

    async def set_prices(self, valid_from: date, prices: Mapping[str, str], now: datetime) -> TempoPrices:
        """Set the prices valid from a day on, replacing those set for the same day."""
        made = TempoPrices(valid_from, {name: prices[name] for name in PRICE_NAMES}, now)
        async with self._database.transaction() as connection:
            await hold(connection, [tempo_prices.name])
            await connection.execute(delete(tempo_prices).where(tempo_prices.c.valid_from == valid_from))
            await connection.execute(
                insert(tempo_prices).values(valid_from=valid_from, prices=dict(made.prices), set_at=now)
            )
            details = {"valid_from": valid_from.isoformat(), **made.prices}
            await record(connection, self._server, ADMIN, now, ADMIN, "tempo_prices.set", details)
        return made

    async def delete_prices(self, valid_from: date, now: datetime) -> None:
        """Delete the prices set for this day; the previous ones remain valid. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            removed = await connection.execute(delete(tempo_prices).where(tempo_prices.c.valid_from == valid_from))
            if not removed.rowcount:
                raise NotFound("No prices are set for this day.")
            details = {"valid_from": valid_from.isoformat()}
            await record(connection, self._server, ADMIN, now, ADMIN, "tempo_prices.deleted", details)


def _prices(row: Row[tuple[object, ...]]) -> TempoPrices:
    return TempoPrices(row.valid_from, row.prices, row.set_at)

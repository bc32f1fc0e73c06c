"""The prices of the Tempo tariff (SQL): no provider publishes them, so an administrator sets them, with the day from
which they hold."""

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
    """Six prices in euros a kWh, as decimal texts by `PRICE_NAMES`, and the first day on which they hold."""

    valid_from: date
    prices: Mapping[str, str]
    set_at: datetime


class TempoPriceStore:
    """Every set of prices there was. What is changed is written down in the administrators' chain."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` vouches for what is written down about them."""
        self._database = database
        self._server = server

    async def list_prices(self) -> list[TempoPrices]:
        """All, the newest first."""
        query = select(tempo_prices).order_by(tempo_prices.c.valid_from.desc())
        return [_prices(row) for row in await self._database.read(query)]

    async def prices_on(self, day: date) -> TempoPrices | None:
        """Those that hold on a day; ``None`` when none was set for it."""
        query = (
            select(tempo_prices)
            .where(tempo_prices.c.valid_from <= day)
            .order_by(tempo_prices.c.valid_from.desc())
            .limit(1)
        )
        rows = await self._database.read(query)
        return _prices(rows[0]) if rows else None

    async def set_prices(self, valid_from: date, prices: Mapping[str, str], now: datetime) -> TempoPrices:
        """Have these prices hold from a day on, in place of those set for the same day."""
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
        """Take back what was set for this day; those before it hold on. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            removed = await connection.execute(delete(tempo_prices).where(tempo_prices.c.valid_from == valid_from))
            if not removed.rowcount:
                raise NotFound("No prices were set for this day.")
            details = {"valid_from": valid_from.isoformat()}
            await record(connection, self._server, ADMIN, now, ADMIN, "tempo_prices.deleted", details)


def _prices(row: Row[tuple[object, ...]]) -> TempoPrices:
    return TempoPrices(row.valid_from, row.prices, row.set_at)

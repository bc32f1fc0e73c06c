"""The Alembic environment: uses the connection of `shared.storage.database.migrate`, or ``DATABASE_URL``."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from shared.storage.database import open_engine
from shared.storage.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations on a connection. SQLite can't alter a table in place and uses batch mode."""
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_from_environment() -> None:
    """Run with ``DATABASE_URL``, for ``alembic revision --autogenerate`` during development."""
    engine = open_engine(os.environ["DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_from_environment())
else:
    run(given)

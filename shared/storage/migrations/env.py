"""What Alembic runs: on the connection that `shared.storage.database.migrate` gives it, or on ``DATABASE_URL``."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from shared.storage.database import open_engine
from shared.storage.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations on a connection. SQLite can't alter a table in place, so there it is done in batches."""
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_from_environment() -> None:
    """For the developer who types ``alembic revision --autogenerate``."""
    engine = open_engine(os.environ["DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_from_environment())
else:
    run(given)

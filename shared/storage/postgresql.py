"""What PostgreSQL needs that SQLite does not: time limits, locks by name, one word for "can't be used now".

Knows the driver (asyncpg) and the engine, no table. `shared.storage.database` decides when it applies.
"""

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import AdaptedConnection, Connection, event, func, select
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

# To wait for a new connection, or for one that another request uses.
_CONNECT_SECONDS = 10
_SESSION = {
    "application_name": "releve",
    # What the code relies on, whatever the server's own default: a statement sees what was committed before it began.
    "default_transaction_isolation": "read committed",
}
# The server gives up what takes longer, so that no request waits for ever: all that is done here is small.
_LIMITS = {"statement_timeout": "20s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
# Beginnings of the SQLSTATE codes that say that the database can't be used at the moment: connections, a standby,
# idle too long, login, no such database, deadlocks, resources, locks, a server that stops, its disks.
_UNAVAILABLE = ("08", "25006", "25P03", "28", "3D", "40", "53", "55P", "57", "58")


def with_driver(location: URL) -> URL:
    """The address with the driver that is used here, so that it works as people write it for other programs."""
    if location.drivername not in ("postgres", "postgresql"):
        return location
    location = location.set(drivername="postgresql+asyncpg")
    # The driver has another name for it.
    mode = location.query.get("sslmode")
    return location.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode}) if mode else location


def engine_arguments(*, limited: bool) -> dict[str, Any]:
    """What an engine is made with; ``limited``: the server gives up what takes too long for a request."""
    session = _SESSION | (_LIMITS if limited else {})
    return {
        "pool_timeout": _CONNECT_SECONDS,
        "connect_args": {"timeout": _CONNECT_SECONDS, "server_settings": session},
    }


def prepare_engine(engine: AsyncEngine) -> None:
    """Have ``engine`` outlive a restart of its server, and raise `OperationalError` when that can't be used."""
    # Not the pool's own check: that is three round trips before each query.
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _name_unavailable, retval=True)


def hold(connection: Connection, names: Collection[str]) -> None:
    """Wait until no other transaction holds one of these names, and hold them until this one ends."""
    # In one order everywhere, so that no two wait for each other.
    for number in sorted({_number(name) for name in names}):
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _refuse_closed(connection: AdaptedConnection, _record: object, _proxy: object) -> None:
    # The driver reads its socket all the time, so it knows when the server has gone, at no cost.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _name_unavailable(context: ExceptionContext) -> OperationalError | None:
    # The driver's errors come out of SQLAlchemy as one kind, whether a statement is wrong or the server has gone.
    state = getattr(context.original_exception, "sqlstate", None) or ""
    if not (context.is_disconnect or state.startswith(_UNAVAILABLE)):
        return None
    return OperationalError(
        # What the statement was about must not stand in the text of its error.
        context.statement,
        None,
        context.original_exception,
        hide_parameters=True,
        connection_invalidated=context.is_disconnect,
    )


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

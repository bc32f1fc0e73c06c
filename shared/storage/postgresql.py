"""PostgreSQL-specific parts: time limits, advisory locks by name, a uniform error for an unavailable database.

Depends on the driver (asyncpg) and the engine, not on tables. `shared.storage.database` decides when it applies.
"""

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import AdaptedConnection, Connection, event, func, select
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

# The timeout for a new connection, or for one from the pool.
_CONNECT_SECONDS = 10
_SESSION = {
    "application_name": "releve",
    # Required independently of the server's default: a statement sees what was committed before it began.
    "default_transaction_isolation": "read committed",
}
# The server aborts longer operations, so that no request waits indefinitely: all transactions here are small.
_LIMITS = {"statement_timeout": "20s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
# Prefixes of the SQLSTATE codes for a temporarily unavailable database: connection errors, a standby, idle timeout,
# login, unknown database, deadlocks, resources, locks, server shutdown, disk errors.
_UNAVAILABLE = ("08", "25006", "25P03", "28", "3D", "40", "53", "55P", "57", "58")


def with_driver(location: URL) -> URL:
    """The URL with the driver used here, so that the usual form of other programs is accepted."""
    if location.drivername not in ("postgres", "postgresql"):
        return location
    location = location.set(drivername="postgresql+asyncpg")
    # The driver uses another name for this parameter.
    mode = location.query.get("sslmode")
    return location.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode}) if mode else location


def engine_arguments(*, limited: bool) -> dict[str, Any]:
    """The arguments for an engine; ``limited``: the server aborts statements that take too long for a request."""
    session = _SESSION | (_LIMITS if limited else {})
    return {
        "pool_timeout": _CONNECT_SECONDS,
        "connect_args": {"timeout": _CONNECT_SECONDS, "server_settings": session},
    }


def prepare_engine(engine: AsyncEngine) -> None:
    """Make ``engine`` survive a restart of its server, and raise `OperationalError` while the server is unavailable."""
    # Not the pool's own check, which takes three round trips before each query.
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _name_unavailable, retval=True)


def hold(connection: Connection, names: Collection[str]) -> None:
    """Wait until no other transaction holds one of these names, and hold them until this one ends."""
    # Always in the same order, to avoid deadlocks.
    for number in sorted({_number(name) for name in names}):
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _refuse_closed(connection: AdaptedConnection, _record: object, _proxy: object) -> None:
    # The driver reads its socket continuously, so it detects a closed connection at no cost.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _name_unavailable(context: ExceptionContext) -> OperationalError | None:
    # SQLAlchemy wraps all errors of the driver alike, whether a statement is invalid or the server is unavailable.
    state = getattr(context.original_exception, "sqlstate", None) or ""
    if not (context.is_disconnect or state.startswith(_UNAVAILABLE)):
        return None
    return OperationalError(
        # The error text must not contain the parameters of the statement.
        context.statement,
        None,
        context.original_exception,
        hide_parameters=True,
        connection_invalidated=context.is_disconnect,
    )


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

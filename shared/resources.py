"""Everything a process needs, built once from the settings and closed once: the only place where parts are joined."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from shared.accounts import AccountStore
from shared.administration import Administration
from shared.audit import AuditLog
from shared.broker import Broker, create_celery
from shared.config import Settings
from shared.consents import ConsentStore
from shared.database import Database
from shared.invitations import InvitationStore
from shared.jobs import JobStore
from shared.ledger import Ledger
from shared.quotas import Quota, QuotaStore
from shared.readings import ReadingStore
from shared.slots import SlotBoard
from shared.throttle import Throttle
from shared.vault import ServerSecret


@dataclass(frozen=True, slots=True)
class Resources:
    """The open parts of one process."""

    settings: Settings
    server: ServerSecret
    redis: Redis
    database: Database
    accounts: AccountStore
    consents: ConsentStore
    readings: ReadingStore
    jobs: JobStore
    ledger: Ledger
    broker: Broker
    audit: AuditLog
    throttle: Throttle
    administration: Administration
    invitations: InvitationStore
    slots: SlotBoard
    quotas: QuotaStore


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Build all, give it out, close all. Nothing is connected before its first use."""
    server = ServerSecret(
        settings.secret_key.get_secret_value(),
        [previous.get_secret_value() for previous in settings.previous_secret_keys],
    )
    # The default of 5 s would break reads that block on purpose; a dead peer is found by the health check.
    redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=60, health_check_interval=30)
    database = Database(settings.database_url.get_secret_value())
    retention = timedelta(days=settings.job_retention_days)
    broker = Broker(create_celery(settings))
    try:
        yield Resources(
            settings=settings,
            server=server,
            redis=redis,
            database=database,
            accounts=AccountStore(database, server),
            consents=ConsentStore(database, server),
            readings=ReadingStore(redis, server),
            jobs=JobStore(redis, retention=retention),
            ledger=Ledger(
                redis,
                calls_in_flight=settings.calls_in_flight,
                queued_lease_seconds=settings.queued_lease_seconds,
                keep_seconds=int(retention.total_seconds()),
            ),
            broker=broker,
            audit=AuditLog(database, server),
            throttle=Throttle(redis, server),
            administration=Administration(database, server),
            invitations=InvitationStore(database, server),
            slots=SlotBoard(redis),
            quotas=QuotaStore(redis, {Quota.FETCH: settings.fetch_quota, Quota.READ: settings.read_quota}),
        )
    finally:
        broker.close()
        await redis.aclose()
        await database.close()

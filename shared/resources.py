"""Everything a process needs, built once from the settings and closed once: the only place where parts are joined."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.accounts import AccountStore
from shared.administration import Administration
from shared.audit import AuditLog
from shared.broker import Broker, create_celery
from shared.config import Settings
from shared.consents import ConsentStore
from shared.database import Database
from shared.dead_calls import DeadCallStore
from shared.deliveries import DeliveryStore
from shared.events import EventStore
from shared.figures import FigureBoard
from shared.idempotency import IdempotencyStore
from shared.invitations import InvitationStore
from shared.job_lists import JobList
from shared.jobs import JobStore
from shared.ledger import Ledger
from shared.listening import Listening
from shared.public_days import PublicDayStore
from shared.quotas import Quota, QuotaStore
from shared.readings import ReadingStore
from shared.refreshes import RefreshStore
from shared.slots import SlotBoard
from shared.targets import Targets
from shared.tempo_prices import TempoPriceStore
from shared.throttle import Throttle
from shared.vault import ServerSecret
from shared.webhooks import WebhookStore


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
    job_list: JobList
    events: EventStore
    listening: Listening
    webhooks: WebhookStore
    deliveries: DeliveryStore
    targets: Targets
    ledger: Ledger
    dead_calls: DeadCallStore
    broker: Broker
    audit: AuditLog
    throttle: Throttle
    administration: Administration
    invitations: InvitationStore
    slots: SlotBoard
    quotas: QuotaStore
    idempotency: IdempotencyStore
    refreshes: RefreshStore
    figures: FigureBoard
    public_days: PublicDayStore
    tempo_prices: TempoPriceStore


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
    accounts = AccountStore(database, server)
    events = EventStore(redis)
    targets = Targets(private_allowed=settings.webhook_private_targets)
    listening = Listening(
        events,
        lambda key_ids: accounts.keys.usable_keys(key_ids, datetime.now(UTC)),
        streams_per_account=settings.listeners_per_account,
        streams=settings.listeners,
    )
    try:
        yield Resources(
            settings=settings,
            server=server,
            redis=redis,
            database=database,
            accounts=accounts,
            consents=ConsentStore(database, server),
            readings=ReadingStore(redis, server),
            jobs=JobStore(redis, retention=retention),
            job_list=JobList(redis),
            events=events,
            listening=listening,
            webhooks=WebhookStore(database, server),
            deliveries=DeliveryStore(redis),
            targets=targets,
            ledger=Ledger(
                redis,
                calls_in_flight=settings.calls_in_flight,
                queue_depth=settings.queue_depth,
                queued_lease_seconds=settings.queued_lease_seconds,
                keep_seconds=int(retention.total_seconds()),
            ),
            dead_calls=DeadCallStore(redis),
            broker=broker,
            audit=AuditLog(database, server),
            throttle=Throttle(redis, server),
            administration=Administration(database, server),
            invitations=InvitationStore(database, server),
            slots=SlotBoard(redis),
            idempotency=IdempotencyStore(redis, server),
            quotas=QuotaStore(redis, {Quota.FETCH: settings.fetch_quota, Quota.READ: settings.read_quota}),
            refreshes=RefreshStore(redis),
            figures=FigureBoard(redis),
            public_days=PublicDayStore(database),
            tempo_prices=TempoPriceStore(database, server),
        )
    finally:
        await listening.close()
        targets.close()
        broker.close()
        await redis.aclose()
        await database.close()

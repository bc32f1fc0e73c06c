"""The resources of a process, built once from the settings and closed once. The only place that wires them together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from shared.accounts.administration import Administration
from shared.accounts.daily_quota import Quota, QuotaStore
from shared.accounts.idempotency_keys import IdempotencyStore
from shared.accounts.invitations import InvitationStore
from shared.accounts.rate_limiter import RateLimiter
from shared.accounts.store import AccountStore
from shared.config.settings import Settings
from shared.consents.access_loss import AccessLoss
from shared.consents.authorization_states import AuthorizationStates
from shared.consents.consents import Consents
from shared.consents.grants import Grants
from shared.consents.usage_points import UsagePoints
from shared.crypto.vault import ServerSecret
from shared.events.deliveries import DeliveryStore
from shared.events.listeners import EventListeners
from shared.events.store import EventStore
from shared.events.webhook_urls import WebhookTargets
from shared.events.webhooks import WebhookStore
from shared.jobs.dead_letters import DeadLetterStore
from shared.jobs.job_metrics import JobMetrics
from shared.jobs.job_pages import JobList
from shared.jobs.job_service import JobService
from shared.jobs.ledger import Ledger
from shared.jobs.store import JobStore
from shared.jobs.task_queue import TaskQueue, create_celery
from shared.lifecycle.account_recovery import AccountRecovery
from shared.lifecycle.erasure import Erasure
from shared.lifecycle.retention import Retention
from shared.public_data.store import PublicDayStore
from shared.public_data.tempo_prices import TempoPriceStore
from shared.quota.quota_status import QuotaStatus
from shared.readings.store import ReadingStore
from shared.refresh.waves import RefreshStore
from shared.storage.audit_log import AuditLog
from shared.storage.database import Database


@dataclass(frozen=True, slots=True)
class Resources:
    """The open resources of one process."""

    settings: Settings
    server: ServerSecret
    redis: Redis
    database: Database
    accounts: AccountStore
    usage_points: UsagePoints
    authorization_states: AuthorizationStates
    grants: Grants
    consents: Consents
    access_loss: AccessLoss
    readings: ReadingStore
    jobs: JobStore
    job_service: JobService
    job_list: JobList
    events: EventStore
    listeners: EventListeners
    webhooks: WebhookStore
    deliveries: DeliveryStore
    webhook_targets: WebhookTargets
    ledger: Ledger
    dead_letters: DeadLetterStore
    task_queue: TaskQueue
    audit: AuditLog
    rate_limiter: RateLimiter
    administration: Administration
    invitations: InvitationStore
    quota_status: QuotaStatus
    quotas: QuotaStore
    idempotency: IdempotencyStore
    refreshes: RefreshStore
    job_metrics: JobMetrics
    public_days: PublicDayStore
    tempo_prices: TempoPriceStore
    erasure: Erasure
    retention: Retention
    recovery: AccountRecovery


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Build all resources, yield them and close them. Nothing connects before its first use."""
    server = ServerSecret(
        settings.secret_key.get_secret_value(),
        [previous.get_secret_value() for previous in settings.previous_secret_keys],
    )
    # The default of 5 s would break blocking reads; the health check detects a dead peer.
    redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=60, health_check_interval=30)
    database = Database(settings.database_url.get_secret_value())
    jobs_kept = timedelta(days=settings.job_retention_days)
    jobs = JobStore(redis, retention=jobs_kept)
    ledger = Ledger(
        redis,
        calls_in_flight=settings.calls_in_flight,
        queue_depth=settings.queue_depth,
        queued_lease_seconds=settings.queued_lease_seconds,
        keep_seconds=int(jobs_kept.total_seconds()),
    )
    broker, events, figures = TaskQueue(create_celery(settings)), EventStore(redis), JobMetrics(redis)
    job_service = JobService(jobs, ledger, broker, events, figures)
    readings, audit = ReadingStore(redis, server), AuditLog(database, server)
    dead_calls, deliveries, idempotency = DeadLetterStore(redis), DeliveryStore(redis), IdempotencyStore(redis, server)
    quotas = QuotaStore(redis, {Quota.FETCH: settings.fetch_quota, Quota.READ: settings.read_quota})
    erasure = Erasure(
        database,
        server,
        audit=audit,
        jobs=jobs,
        job_service=job_service,
        dead_calls=dead_calls,
        readings=readings,
        events=events,
        deliveries=deliveries,
        quotas=quotas,
        idempotency=idempotency,
    )
    accounts, usage_points = AccountStore(database, server), UsagePoints(database, server)
    targets = WebhookTargets(private_allowed=settings.webhook_private_targets)
    listening = EventListeners(
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
            usage_points=usage_points,
            authorization_states=AuthorizationStates(database, server, usage_points),
            grants=Grants(database, server),
            consents=Consents(database, server),
            access_loss=AccessLoss(database, server),
            readings=readings,
            jobs=jobs,
            job_service=job_service,
            job_list=JobList(redis),
            events=events,
            listeners=listening,
            webhooks=WebhookStore(database, server),
            deliveries=deliveries,
            webhook_targets=targets,
            ledger=ledger,
            dead_letters=dead_calls,
            task_queue=broker,
            audit=audit,
            rate_limiter=RateLimiter(redis, server),
            administration=Administration(database, server),
            invitations=InvitationStore(database, server),
            quota_status=QuotaStatus(redis),
            idempotency=idempotency,
            quotas=quotas,
            refreshes=RefreshStore(redis),
            job_metrics=figures,
            public_days=PublicDayStore(database),
            tempo_prices=TempoPriceStore(database, server),
            erasure=erasure,
            retention=Retention(settings, database, jobs=jobs, readings=readings, events=events, audit=audit),
            recovery=AccountRecovery(database, server, erasure, events),
        )
    finally:
        await listening.close()
        targets.close()
        broker.close()
        await redis.aclose()
        await database.close()

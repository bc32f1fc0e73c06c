"""Re-enqueues lost or parked calls and consents, so that a killed worker loses nothing.

It also completes erasures, publishes pending events of ended jobs, and resumes an interrupted refresh plan.

Runs every few seconds, possibly concurrently: duplicates in the queue are detected when they are taken.
"""

from datetime import UTC, datetime, timedelta

from shared.jobs.task_queue import Cause
from shared.observability.logging import get_logger
from shared.resources import Resources

logger = get_logger(__name__)

_EXCHANGE_PAUSE = timedelta(seconds=20)


async def sweep(resources: Resources) -> int:
    """Enqueue the calls with an expired lease and the consents whose exchange never completed; returns their number."""
    now = datetime.now(UTC)
    if finished := await resources.erasure.finish(now):
        logger.info("erasures ended", erasures=finished)
    if await resources.refreshes.is_abandoned():
        await resources.task_queue.enqueue_refresh(Cause.RESUME)
    await resources.job_service.publish_ends(now)
    calls = await resources.ledger.overdue_calls(now)
    await resources.task_queue.enqueue_calls(calls)
    consents = await resources.grants.stale_exchanges(now - _EXCHANGE_PAUSE)
    for consent_id in consents:
        # Not on every sweep: the exchange enqueued now has the whole pause to complete.
        await resources.grants.put_off(consent_id, now)
        await resources.task_queue.enqueue_consent(consent_id)
    if calls or consents:
        logger.info("enqueued again", calls=len(calls), consents=len(consents))
    return len(calls) + len(consents)

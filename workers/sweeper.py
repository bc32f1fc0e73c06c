"""Enqueues again what the queue lost or laid aside: the reason why a killed worker loses nothing.

Ends erasures, too, tells the ends of jobs that nobody told, and has a plan of the refresh taken up that was broken off.

It runs every few seconds and may run twice at once: whatever it enqueues too often is recognised when it is taken up.
"""

from datetime import UTC, datetime, timedelta

from shared.jobs.task_queue import Cause
from shared.observability.logging import get_logger
from shared.resources import Resources

logger = get_logger(__name__)

_EXCHANGE_PAUSE = timedelta(seconds=20)


async def sweep(resources: Resources) -> int:
    """Enqueue the calls whose lease ran out and the consents whose exchange was begun and never ended; how many."""
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
        # Not again with every sweep: the exchange that is enqueued now has the whole pause to begin and to end.
        await resources.grants.put_off(consent_id, now)
        await resources.task_queue.enqueue_consent(consent_id)
    if calls or consents:
        logger.info("enqueued again", calls=len(calls), consents=len(consents))
    return len(calls) + len(consents)

"""Giving the queue what the ledger says: after every step that leaves a place free, or plans something new."""

from datetime import datetime

from shared.observability.logging import get_logger
from shared.resources import Resources

logger = get_logger(__name__)


async def send_next_calls(parts: Resources, now: datetime) -> None:
    """Enqueue the calls whose turn it is. Raises nothing: what was done before is done, and this comes again."""
    try:
        await parts.broker.enqueue_calls(await parts.ledger.send_next(now))
    except Exception:
        # What waits is still in its line, and what was given a place is leased: the sweeper enqueues both.
        logger.exception("enqueuing put off")

"""What follows a step of the ledger: giving the queue the calls whose turn it is, and telling that a job ended."""

from datetime import datetime

from shared.models import JobStatus
from shared.resources import Resources
from shared.telemetry import get_logger

logger = get_logger(__name__)


async def send_next_calls(parts: Resources, now: datetime) -> None:
    """Enqueue the calls whose turn it is. Raises nothing: what was done before is done, and this comes again."""
    try:
        await parts.broker.enqueue_calls(await parts.ledger.send_next(now))
    except Exception:
        # What waits is still in its line, and what was given a place is leased: the sweeper enqueues both.
        logger.exception("enqueuing put off")


async def tell_end(parts: Resources, account_id: str, job_id: str, status: JobStatus) -> None:
    """Tell who listens how a job ended. Whoever dies before it is told leaves that to the sweeper; who dies between
    telling and noting it has it told twice."""
    await parts.events.publish(account_id, f"job.{status}", {"job_id": job_id})
    await parts.ledger.note_told(job_id)

"""Making a deferred call due."""

from datetime import UTC, datetime

from shared.jobs.ledger import LEASES_KEY
from shared.jobs.models import CallTicket
from shared.resources import Resources


async def bring_back(resources: Resources, ticket: CallTicket) -> None:
    """Release a deferred call as if it had just become due and a sweep had found it; sends no message."""
    now = datetime.now(UTC)
    await resources.redis.zadd(LEASES_KEY, {f"{ticket.job_id}/{ticket.number}": now.timestamp() - 1}, xx=True)
    await resources.ledger.overdue_calls(now)

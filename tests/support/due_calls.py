"""Having the moment come at which a call that was laid aside is due again."""

from datetime import UTC, datetime

from shared.jobs.ledger import LEASES_KEY
from shared.jobs.models import CallTicket
from shared.resources import Resources


async def bring_back(resources: Resources, ticket: CallTicket) -> None:
    """As if the call had been laid aside until a moment ago, and a sweep had found it; without a message."""
    now = datetime.now(UTC)
    await resources.redis.zadd(LEASES_KEY, {f"{ticket.job_id}/{ticket.number}": now.timestamp() - 1}, xx=True)
    await resources.ledger.overdue_calls(now)

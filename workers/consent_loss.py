"""What a call to the provider tells about the right to a usage point, and who hears of its end.

The policy is that of `shared.refusals`; where it is kept is `shared.usage_points`' affair.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from shared.errors import ConsentLost
from shared.resources import Resources
from shared.telemetry import get_logger
from shared.usage_points import UsagePoint

logger = get_logger(__name__)


@asynccontextmanager
async def watch_consent(resources: Resources, usage_point: UsagePoint) -> AsyncIterator[None]:
    """Around a call for ``usage_point``: note that it was answered, or that the provider saw no right to it.

    Every other failure says nothing about the right. What the call raises is raised.
    """
    try:
        yield
    except ConsentLost:
        await _note_refusal(resources, usage_point)
        raise
    await resources.consents.note_success(usage_point)


async def _note_refusal(resources: Resources, usage_point: UsagePoint) -> None:
    if await resources.consents.note_refusal(usage_point.id, datetime.now(UTC)):
        consent_id = usage_point.consent.id
        logger.error("consent lost", consent_id=consent_id, usage_point=usage_point.id)
        await resources.jobs.publish(usage_point.account_id, "consent.revoked", {"consent_id": consent_id})

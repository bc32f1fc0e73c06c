"""What the provider tells about the right to a usage point, and who hears of its end.

The policy for calls is that of `shared.consents.loss_policy`; where it is kept is `shared.consents.access_loss`'
affair.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from shared.consents.models import UsagePoint
from shared.core.errors import ConsentLost
from shared.observability.logging import get_logger
from shared.resources import Resources
from workers.upstream.port import Provider

logger = get_logger(__name__)


@asynccontextmanager
async def watch_consent(resources: Resources, usage_point: UsagePoint) -> AsyncIterator[None]:
    """Around a call for ``usage_point``: note that it was answered, or that the provider saw no right to it.

    Every other failure says nothing about the right. What the call raises is raised.
    """
    try:
        yield
    except ConsentLost:
        if await resources.access_loss.note_refusal(usage_point.id, datetime.now(UTC)):
            await _tell_loss(resources, usage_point)
        raise
    await resources.access_loss.note_success(usage_point, datetime.now(UTC))


async def check_again(resources: Resources, provider: Provider, usage_point: UsagePoint, now: datetime) -> bool:
    """Whether the authorisation that this account came back with still opens the point; if not, it is lost at once.

    Enedis serves whoever asks for the application and the point, not for the person: while two accounts hold a point,
    one that moved out would otherwise read the data of the one that moved in. A return of v1 has no authorisation to
    ask about, and stays. Raises what the provider raises: then nothing is known.
    """
    number = usage_point.consent.autorisation_id
    if number is None or usage_point.prm in {each.prm for each in await provider.fetch_granted_points(number)}:
        return True
    if await resources.access_loss.mark_lost(usage_point.id, now, "no_longer_shared"):
        await _tell_loss(resources, usage_point)
    return False


async def _tell_loss(resources: Resources, usage_point: UsagePoint) -> None:
    consent_id = usage_point.consent.id
    logger.error("consent lost", consent_id=consent_id, usage_point=usage_point.id)
    await resources.events.publish(usage_point.account_id, "consent.revoked", {"consent_id": consent_id})

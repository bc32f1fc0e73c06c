"""The authorisation state of a usage point as provider calls reveal it, and the handling of its loss.

`shared.consents.loss_policy` defines the policy for calls, `shared.consents.access_loss` its storage.
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
    """Wrap a call for ``usage_point``: record its success, or that the provider refused it for lack of authorisation.

    Other failures carry no information about the authorisation. Re-raises what the call raises.
    """
    try:
        yield
    except ConsentLost:
        if await resources.access_loss.note_refusal(usage_point.id, datetime.now(UTC)):
            await _tell_loss(resources, usage_point)
        raise
    await resources.access_loss.note_success(usage_point, datetime.now(UTC))


async def check_again(resources: Resources, provider: Provider, usage_point: UsagePoint, now: datetime) -> bool:
    """Whether this account's authorisation still covers the point; if not, its consent is lost at once.

    Enedis authorises the application and the point, not the person: while two accounts hold a point, the one whose
    holder moved out could otherwise read the data of the new occupant. A v1 consent has no authorisation to check and
    is kept. Re-raises the provider's errors: the state is then unknown.
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

"""The daily consent check: expiry warnings, consents that may be lost, consents pending for too long.

Safe to run concurrently or twice a day: each warning is recorded before it is sent.
"""

from datetime import UTC, datetime

from shared.consents.consents import days_warned
from shared.core.errors import AppError
from shared.observability.logging import get_logger
from shared.resources import Resources
from workers.consents.access_check import check_again
from workers.upstream.port import Provider

logger = get_logger(__name__)


async def care_for_consents(resources: Resources, provider: Provider, now: datetime | None = None) -> None:
    """Send expiry warnings, check points that several accounts hold, delete undecided consents."""
    now = now or datetime.now(UTC)
    await _warn(resources, now)
    for failed in await resources.consents.forget_undecided(now):
        await resources.events.publish(failed.account_id, "consent.failed", {"consent_id": failed.id})
    await _check_shared_points(resources, provider, now)


async def _warn(resources: Resources, now: datetime) -> None:
    for consent in await resources.consents.list_ending(now):
        if not await resources.consents.note_warning(consent, now):
            continue
        days = days_warned(consent, now)
        event_type = "consent.expiring" if days else "consent.expired"
        await resources.events.publish(consent.account_id, event_type, {"consent_id": consent.id})


async def _check_shared_points(resources: Resources, provider: Provider, now: datetime) -> None:
    for usage_point in await resources.usage_points.list_shared(now):
        try:
            await check_again(resources, provider, usage_point, now)
        except AppError as error:
            # A failed check does not end a consent; the next daily check tries again.
            logger.warning("consent not checked", consent_id=usage_point.consent.id, code=error.code)

"""The use case: exchange a consent that came back for the usage points that it opens."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.errors import AppError, NoSlotYet, NotFound, ProviderThrottled
from shared.models import ConsentStatus, GrantedPoint
from shared.resources import Resources
from shared.telemetry import get_logger
from workers.provider import Provider

logger = get_logger(__name__)

# Enedis may not know of a consent in the very second in which it was given.
_EMPTY_PAUSES_SECONDS = (1.0, 2.0)


class ConsentExchange:
    """Turns the provider's authorisation into usage points of an account."""

    def __init__(self, resources: Resources, provider: Provider) -> None:
        """Ask ``provider``, write to ``resources``."""
        self._resources = resources
        self._provider = provider

    async def exchange(self, consent_id: str) -> None:
        """Exchange one consent and tell its account; done twice it changes nothing.

        When the provider has no room or does not work at the moment the consent stays as it is, and the sweeper has
        it exchanged again.
        """
        store = self._resources.consents
        try:
            consent = await store.load_consent(consent_id)
        except NotFound:
            return
        if consent.status is not ConsentStatus.EXCHANGING or consent.autorisation_id is None:
            return
        try:
            points = await self._granted_points(consent.autorisation_id)
            await store.grant(consent_id, points, datetime.now(UTC))
        except AppError as error:
            if error.retryable or isinstance(error, (NoSlotYet, ProviderThrottled)):
                logger.warning("consent exchange put off", consent_id=consent_id, code=error.code)
                return
            logger.error("consent not granted", consent_id=consent_id, code=error.code)
            await store.fail_consent(consent_id, error.code)
            await self._tell(consent.account_id, "consent.failed", consent_id)
            return
        await self._tell(consent.account_id, "consent.granted", consent_id)

    async def _granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        for pause in _EMPTY_PAUSES_SECONDS:
            points = await self._provider.fetch_granted_points(autorisation_id)
            if points:
                return points
            await asyncio.sleep(pause)
        return await self._provider.fetch_granted_points(autorisation_id)

    async def _tell(self, account_id: str, event_type: str, consent_id: str) -> None:
        await self._resources.jobs.publish(account_id, event_type, {"consent_id": consent_id})

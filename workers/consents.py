"""The use case: turn a consent that came back into the usage points that it opens.

A return of v2 brings a number: the provider says what it opens, perhaps not at once. A return of v1 brings the points.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from shared.catalog import DATASETS
from shared.errors import AppError, ConsentEmpty, NoSlotYet, NotFound, ProviderThrottled, StateRefused
from shared.models import ConsentStatus, GrantedPoint, Series
from shared.resources import Resources
from shared.telemetry import get_logger
from shared.usage_points import Consent
from shared.vault import CannotOpen
from workers.provider import Provider

logger = get_logger(__name__)

# Enedis may not know of a consent in the very second in which it was given: the first try takes its time, because a
# person waits; later ones come from the sweeper.
_EMPTY_PAUSES_SECONDS = (1.0, 2.0)
_FIRST_TRY = timedelta(seconds=15)
# How long a consent that the provider does not know of, or a provider that does not work, is waited for.
EMPTY_PATIENCE = timedelta(minutes=10)
OUTAGE_PATIENCE = timedelta(days=1)


class ConsentExchange:
    """Turns what came back with a state into usage points of an account."""

    def __init__(self, resources: Resources, provider: Provider) -> None:
        """Ask ``provider``, write to ``resources``."""
        self._resources = resources
        self._provider = provider

    async def exchange(self, consent_id: str, now: datetime | None = None) -> None:
        """Exchange one consent and tell its account; done twice it changes nothing. ``now``: the clock's, by default.

        When the provider does not know of the consent yet, has no room or does not work, the consent stays as it is
        and the sweeper has it exchanged again, ever more rarely, until patience ends.
        """
        now = now or datetime.now(UTC)
        store = self._resources.consents
        try:
            consent = await store.load_consent(consent_id)
        except NotFound:
            return
        if consent.status is not ConsentStatus.EXCHANGING or consent.taken_at is None:
            return
        waited = now - consent.taken_at
        try:
            points = await self._opened_points(consent, waited)
            await self._forget_refusals(consent.account_id, points, now)
            await store.grant(consent_id, points, now)
        except AppError as error:
            if waited < _patience(error):
                logger.warning("consent exchange put off", consent_id=consent_id, code=error.code)
                await store.put_off_exchange(consent_id, now + waited / 2)
                return
            logger.error("consent not granted", consent_id=consent_id, code=error.code)
            await store.fail_consent(consent_id, error.code)
            await self._tell(consent.account_id, "consent.failed", consent_id)
            return
        await self._tell(consent.account_id, "consent.granted", consent_id)

    async def _opened_points(self, consent: Consent, waited: timedelta) -> Sequence[GrantedPoint]:
        if consent.autorisation_id is None:
            try:
                return await self._resources.consents.load_returned_points(consent.id)
            except CannotOpen:
                # Closed with a secret key that is no longer listed: nobody can say any more what was shared.
                raise StateRefused from None
        for pause_seconds in _EMPTY_PAUSES_SECONDS if waited < _FIRST_TRY else ():
            points = await self._provider.fetch_granted_points(consent.autorisation_id)
            if points:
                return points
            await asyncio.sleep(pause_seconds)
        return await self._provider.fetch_granted_points(consent.autorisation_id)

    async def _forget_refusals(self, account_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """What the points lacked under an earlier consent is asked for again. Before the grant: whoever is killed in
        between begins both anew."""
        for point in points:
            with suppress(NotFound):
                known = await self._resources.consents.find_usage_point(account_id, point.prm)
                for dataset in DATASETS:
                    await self._resources.readings.forget_refusals(Series(account_id, known.id, dataset), now)

    async def _tell(self, account_id: str, event_type: str, consent_id: str) -> None:
        await self._resources.jobs.publish(account_id, event_type, {"consent_id": consent_id})


def _patience(error: AppError) -> timedelta:
    """How long after the return an exchange that failed so is still tried again."""
    if isinstance(error, ConsentEmpty):
        return EMPTY_PATIENCE
    if error.retryable or isinstance(error, (NoSlotYet, ProviderThrottled)):
        return OUTAGE_PATIENCE
    return timedelta(0)

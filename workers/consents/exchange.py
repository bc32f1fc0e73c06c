"""The use case: exchange a returned consent for the usage points that it covers.

A v2 return carries an authorisation number, which the provider resolves to usage points, possibly with a delay. A v1
return carries the points. docs/decisions/0013 covers points that another account already has.
"""

from asyncio import sleep
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from shared.accounts.rate_limiter import Rate
from shared.consents.contract_proof import ContractProof
from shared.consents.models import Consent, ConsentStatus, GrantedPoint
from shared.core.datasets import DATASETS, Series
from shared.core.errors import (
    AppError,
    ConsentEmpty,
    ConsentLost,
    NoMeasure,
    NoSlotYet,
    NotFound,
    ProviderThrottled,
    ProviderUnavailable,
    StateRefused,
    UsagePointTaken,
)
from shared.crypto.vault import CannotOpen
from shared.jobs.models import Lane
from shared.observability.logging import get_logger
from shared.resources import Resources
from workers.consents.access_check import check_again
from workers.upstream.port import Provider, RecordRequest

logger = get_logger(__name__)

# Enedis may not know a consent in the second in which it was given: the first attempt polls for a while, because a user
# waits; the sweeper makes later attempts.
_EMPTY_PAUSES_SECONDS = (1.0, 2.0)
_FIRST_TRY = timedelta(seconds=15)
# Retry period for a consent unknown to the provider, and for a provider outage.
EMPTY_PATIENCE = timedelta(minutes=10)
OUTAGE_PATIENCE = timedelta(days=1)
# A number presented before Enedis issued it was guessed; its real holder returns seconds after it is issued.
LATE_PAUSE_SECONDS = 15.0
PROOFS = Rate(tries=3, period=timedelta(days=3))
"""Rate limit of contract proofs per contract: three, then one a day."""


class ConsentExchange:
    """Exchanges the result of a consent flow, identified by its state, for usage points of an account."""

    def __init__(self, resources: Resources, provider: Provider) -> None:
        """Query ``provider``, write to ``resources``."""
        self._resources = resources
        self._provider = provider

    async def exchange(self, consent_id: str, now: datetime | None = None) -> None:
        """Exchange one consent and notify its account; idempotent. ``now`` defaults to the current time.

        If the provider does not know the consent yet, has no quota left or fails, the consent keeps its state and the
        sweeper retries the exchange with increasing delays, until the retry period ends.
        """
        now = now or datetime.now(UTC)
        try:
            consent = await self._resources.consents.load(consent_id)
        except NotFound:
            return
        if consent.status is not ConsentStatus.EXCHANGING or consent.taken_at is None:
            return
        waited = now - (consent.approved_at or consent.taken_at)
        try:
            await self._resources.accounts.refuse_suspended(consent.account_id)
            points = await self._opened_points(consent, waited)
            await self._check_others(consent, points, now)
            await self._forget_refusals(consent.account_id, points, now)
            is_granted = await self._grant(consent, points, now)
        except NotFound:
            # The account was erased in the meantime: no account to notify.
            return
        except AppError as error:
            if waited < _patience(error):
                logger.warning("consent exchange put off", consent_id=consent_id, code=error.code)
                await self._resources.grants.put_off(consent_id, now + waited / 2)
                return
            logger.error("consent not granted", consent_id=consent_id, code=error.code)
            await self._resources.grants.fail(consent_id, error.code, now)
            await self._tell(consent.account_id, "consent.failed", consent_id)
            return
        if not is_granted:
            logger.warning("consent awaits approval", consent_id=consent_id)
        await self._tell(consent.account_id, "consent.granted" if is_granted else "consent.awaiting", consent_id)

    async def _opened_points(self, consent: Consent, waited: timedelta) -> Sequence[GrantedPoint]:
        try:
            returned = await self._resources.grants.load_returned_points(consent.id)
        except CannotOpen:
            # Encrypted with a secret key that is no longer listed: what was shared can no longer be determined.
            raise StateRefused from None
        if consent.autorisation_id is None:
            return returned
        if consent.approved_at is not None:
            # Points that were approved and are still shared, not those that the number covers now.
            approved = {each.prm for each in returned}
            opened = await self._provider.fetch_granted_points(consent.autorisation_id)
            return [each for each in opened if each.prm in approved]
        return await self._points_of(consent.autorisation_id, waited)

    async def _points_of(self, autorisation_id: int, waited: timedelta) -> Sequence[GrantedPoint]:
        """The points that a number covers, ``waited`` after its return; the first attempt polls: a user waits."""
        points = await self._provider.fetch_granted_points(autorisation_id)
        was_known = bool(points) and waited < _FIRST_TRY
        for pause_seconds in _EMPTY_PAUSES_SECONDS if waited < _FIRST_TRY else ():
            if points:
                break
            await sleep(pause_seconds)
            points = await self._provider.fetch_granted_points(autorisation_id)
        if points and not was_known:
            # Leaves the rightful holder time to return with the same number: then both accounts need a proof.
            await sleep(LATE_PAUSE_SECONDS)
        return points

    async def _check_others(self, consent: Consent, points: Sequence[GrantedPoint], now: datetime) -> None:
        """End the consents of other accounts for these points whose authorisation the provider no longer confirms."""
        prms = [point.prm for point in points]
        for held in await self._resources.usage_points.other_holders(prms, consent.account_id, now):
            # The provider has just confirmed that number.
            if consent.autorisation_id is None or held.consent.autorisation_id != consent.autorisation_id:
                await check_again(self._resources, self._provider, held, now)

    async def _grant(self, consent: Consent, points: Sequence[GrantedPoint], now: datetime) -> bool:
        """Bind the points and notify the accounts concerned; or return ``False``: an administrator decides."""
        grants = self._resources.grants
        try:
            holders = await grants.grant(consent.id, points, now)
        except UsagePointTaken:
            if not await self._is_proved(consent, points, now):
                await grants.await_approval(consent.id, points, now)
                return False
            holders = await grants.grant(consent.id, points, now, proved=True)
        for holder in holders or ():
            event_type = "consent.revoked" if holder.ended else "consent.shared"
            await self._tell(holder.account_id, event_type, holder.consent_id)
        return True

    async def _is_proved(self, consent: Consent, points: Sequence[GrantedPoint], now: datetime) -> bool:
        """Whether the user named this one point in advance and knows its contract. Fetched data is not stored.

        Raises errors that are worth a retry.
        """
        try:
            proof = await self._resources.grants.load_proof(consent.id)
        except CannotOpen:
            return False
        if proof is None or len(points) != 1:
            return False
        (point,) = points
        try:
            contract, address = [
                await self._provider.fetch_record(RecordRequest(point.prm, DATASETS[name], Lane.INTERACTIVE))
                for name in ("contract", "address")
            ]
        except (ConsentLost, NoMeasure):
            return False
        if not proof.holds(contract, address) and _is_incomplete(contract, proof):
            raise ProviderUnavailable
        # Counted last, so that an outage uses up no attempts, and before the result, so that every attempt counts.
        if await self._resources.rate_limiter.try_once("contract-proof", point.prm, PROOFS, now) is not None:
            return False
        return proof.holds(contract, address)

    async def _forget_refusals(self, account_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """Forget the refusals recorded under an earlier consent, so that the data is requested again. Runs before the
        grant: after a crash in between, both steps run again."""
        for point in points:
            with suppress(NotFound):
                known = await self._resources.usage_points.find(account_id, point.prm)
                for dataset in DATASETS:
                    await self._resources.readings.forget_refusals(Series(account_id, known.id, dataset), now)

    async def _tell(self, account_id: str, event_type: str, consent_id: str) -> None:
        await self._resources.events.publish(account_id, event_type, {"consent_id": consent_id})


def _is_incomplete(contract: object, proof: ContractProof) -> bool:
    """Whether the day that the proof names is temporarily unavailable: one of a contract's APIs was down."""
    absent = contract.get("absent") if isinstance(contract, dict) else None
    why = absent.get("consumption_activated_on") if isinstance(absent, dict) else None
    return proof.activated_on is not None and why == "provider_error"


def _patience(error: AppError) -> timedelta:
    """How long after the return an exchange that failed with ``error`` is retried."""
    if isinstance(error, ConsentEmpty):
        return EMPTY_PATIENCE
    if error.retryable or isinstance(error, (NoSlotYet, ProviderThrottled)):
        return OUTAGE_PATIENCE
    return timedelta(0)

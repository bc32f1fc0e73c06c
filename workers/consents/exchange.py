"""The use case: turn a consent that came back into the usage points that it opens.

A return of v2 brings a number: the provider says what it opens, perhaps not at once. A return of v1 brings the points.
Who gets a point that another account has: docs/decisions/0013.
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

# Enedis may not know of a consent in the very second in which it was given: the first try takes its time, because a
# person waits; later ones come from the sweeper.
_EMPTY_PAUSES_SECONDS = (1.0, 2.0)
_FIRST_TRY = timedelta(seconds=15)
# How long a consent that the provider does not know of, or a provider that does not work, is waited for.
EMPTY_PATIENCE = timedelta(minutes=10)
OUTAGE_PATIENCE = timedelta(days=1)
# Whoever names a number before Enedis gives it out has guessed it; its person comes back within seconds after.
LATE_PAUSE_SECONDS = 15.0
PROOFS = Rate(tries=3, period=timedelta(days=3))
"""How often anybody may show what they know of one contract: three times, and then once a day."""


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
            # Its account was erased meanwhile: there is nobody to tell.
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
            # Closed with a secret key that is no longer listed: nobody can say any more what was shared.
            raise StateRefused from None
        if consent.autorisation_id is None:
            return returned
        if consent.approved_at is not None:
            # What was approved and is still shared; not what the number opens by now.
            approved = {each.prm for each in returned}
            opened = await self._provider.fetch_granted_points(consent.autorisation_id)
            return [each for each in opened if each.prm in approved]
        return await self._points_of(consent.autorisation_id, waited)

    async def _points_of(self, autorisation_id: int, waited: timedelta) -> Sequence[GrantedPoint]:
        """What a number opens that came back so long ago; a person waits, so the first try asks more than once."""
        points = await self._provider.fetch_granted_points(autorisation_id)
        was_known = bool(points) and waited < _FIRST_TRY
        for pause_seconds in _EMPTY_PAUSES_SECONDS if waited < _FIRST_TRY else ():
            if points:
                break
            await sleep(pause_seconds)
            points = await self._provider.fetch_granted_points(autorisation_id)
        if points and not was_known:
            # Whoever it was given to has the time to come back with it too: then neither gets it without a proof.
            await sleep(LATE_PAUSE_SECONDS)
        return points

    async def _check_others(self, consent: Consent, points: Sequence[GrantedPoint], now: datetime) -> None:
        """Whoever else holds one of the points and has lost the right to it at the provider holds it no longer."""
        prms = [point.prm for point in points]
        for held in await self._resources.usage_points.other_holders(prms, consent.account_id, now):
            # That number has just been answered for.
            if consent.autorisation_id is None or held.consent.autorisation_id != consent.autorisation_id:
                await check_again(self._resources, self._provider, held, now)

    async def _grant(self, consent: Consent, points: Sequence[GrantedPoint], now: datetime) -> bool:
        """Bind the points and tell everybody concerned; or leave them to an administrator, which gives ``False``."""
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
        """Whether the person named this one point beforehand and knows its contract. Nothing that is fetched is kept.

        Raises what is worth another try.
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
        # Counted last, so that an outage uses up nobody's tries, and before the answer, so that each one counts.
        if await self._resources.rate_limiter.try_once("contract-proof", point.prm, PROOFS, now) is not None:
            return False
        return proof.holds(contract, address)

    async def _forget_refusals(self, account_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """What the points lacked under an earlier consent is asked for again. Before the grant: whoever is killed in
        between begins both anew."""
        for point in points:
            with suppress(NotFound):
                known = await self._resources.usage_points.find(account_id, point.prm)
                for dataset in DATASETS:
                    await self._resources.readings.forget_refusals(Series(account_id, known.id, dataset), now)

    async def _tell(self, account_id: str, event_type: str, consent_id: str) -> None:
        await self._resources.events.publish(account_id, event_type, {"consent_id": consent_id})


def _is_incomplete(contract: object, proof: ContractProof) -> bool:
    """Whether the day that the proof names could not be had for the moment: one of the APIs of a contract was down."""
    absent = contract.get("absent") if isinstance(contract, dict) else None
    why = absent.get("consumption_activated_on") if isinstance(absent, dict) else None
    return proof.activated_on is not None and why == "provider_error"


def _patience(error: AppError) -> timedelta:
    """How long after the return an exchange that failed so is still tried again."""
    if isinstance(error, ConsentEmpty):
        return EMPTY_PATIENCE
    if error.retryable or isinstance(error, (NoSlotYet, ProviderThrottled)):
        return OUTAGE_PATIENCE
    return timedelta(0)

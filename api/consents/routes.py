"""Consents: asking for one, the ledger of them, and ending one.

The link that a person is sent to is in `consent_start`, the way back from the provider in `callback`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.consents.links import start_url
from api.consents.schemas import (
    ConsentDocument,
    ConsentError,
    ConsentList,
    ConsentRequest,
    ConsentUsagePoint,
    StartedConsent,
)
from api.http.dependencies import ConsentId, CurrentCaller, Manager, Now, ResourcesDep, SmallPageSize
from api.http.fields import ObjectId
from api.http.idempotency import NO_IDEMPOTENCY
from api.http.problems import KEY_REFUSALS, documented, problem_kinds
from shared.consents.models import Consent, ConsentStatus, UsagePoint
from shared.core.errors import (
    ConsentAlreadyActive,
    FieldError,
    Forbidden,
    IdempotencyNotOffered,
    NotFound,
    ProviderMisconfigured,
    ServiceUnavailable,
    TooManyRequests,
    ValidationFailed,
)

router = APIRouter(tags=["consents"])

HINT = (
    "If the provider's page ends with « Une erreur est survenue lors du partage de vos données » "
    "and never comes back here: this usage point is already shared with this gateway. Delete that share in the "
    "provider's customer account, then start again. If another account of this gateway holds it, name the usage point "
    "and two facts of its contract (`proof`)."
)
_HINTS = {
    ConsentStatus.AWAITING_APPROVAL: (
        "Another account of this gateway holds this usage point. An administrator has to approve; or start again with "
        "`usage_point_id` and `proof`."
    ),
    ConsentStatus.REVOKED: (
        "This gateway asks for nothing any more on the strength of it. The share at Enedis itself is ended by its "
        "holder: in the Enedis customer account, where shared data are managed. Enedis lets nobody else end it."
    ),
    ConsentStatus.LOST: "The provider says that the right has ended. Ask for a new consent.",
}


@router.post(
    "/v1/consents",
    status_code=201,
    operation_id="create_consent",
    dependencies=NO_IDEMPOTENCY,
    summary="Ask a person for a consent",
    responses=documented(
        *KEY_REFUSALS,
        Forbidden,
        ConsentAlreadyActive,
        TooManyRequests,
        ValidationFailed,
        IdempotencyNotOffered,
        ProviderMisconfigured,
        ServiceUnavailable,
        body=True,
    ),
)
async def create_consent(
    resources: ResourcesDep, caller: Manager, now: Now, request: ConsentRequest | None = None
) -> StartedConsent:
    """Send the person to `authorize_url`, which tells them for which account the consent is and leads on to the
    provider. They come back here with the same `state`, which works once, and only in the browser that they began in.

    Name the usage point when you know it: whatever else comes back is refused then. If you hold an active consent for
    it already, that is said at once (409, with its expiry), unless you want a new one: `renew`. If another account of
    this gateway holds it as well, a `proof` is needed: nobody is told beforehand whether one does.
    """
    if not resources.settings.enedis_client_id:
        raise ProviderMisconfigured
    expected = request.usage_point_id if request else None
    if expected is None and resources.settings.consent_needs_usage_point:
        raise ValidationFailed(
            errors=[FieldError("/usage_point_id", "This gateway wants the usage point to be named.")]
        )
    if expected and request and not request.renew:
        await resources.authorization_states.refuse_if_active(caller.account.id, expected, now)
    consent, state = await resources.authorization_states.create(
        caller.account.id,
        now,
        expected,
        duration=resources.settings.enedis_consent_duration,
        returns_points=resources.settings.consent_page == "v1",
        proof=request.proof.as_proof() if request and request.proof else None,
        actor=caller.key.id,
        most_per_hour=resources.settings.consents_per_hour,
    )
    return StartedConsent(
        id=consent.id,
        authorize_url=start_url(resources.settings, state),
        state=state,
        expires_at=consent.state_expires_at,
        hint=HINT,
    )


@router.get(
    "/v1/consents",
    operation_id="list_consents",
    summary="The account's consents",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def list_consents(
    resources: ResourcesDep,
    caller: CurrentCaller,
    now: Now,
    cursor: Annotated[
        ObjectId | None,
        Query(description="`next_cursor` of the page before.", examples=["cons_0123456789abcdef01234567"]),
    ] = None,
    limit: SmallPageSize = 50,
) -> ConsentList:
    """Newest first: also those that were refused, failed, ran out or were ended."""
    found = await resources.consents.list_for_account(caller.account.id, cursor or "", limit + 1)
    points = await resources.usage_points.list_for_account(caller.account.id)
    page = found[:limit]
    return ConsentList(
        consents=[_document(consent, points, now) for consent in page],
        next_cursor=page[-1].id if len(found) > limit else None,
    )


@router.get(
    "/v1/consents/{consent_id}",
    operation_id="get_consent",
    summary="What became of a consent",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_consent(
    resources: ResourcesDep, caller: CurrentCaller, now: Now, consent_id: ConsentId
) -> ConsentDocument:
    """Its state, how long it holds, and the usage points that it opened."""
    consent = await resources.consents.load(consent_id, caller.account.id)
    return _document(consent, await resources.usage_points.list_for_account(caller.account.id), now)


@router.delete(
    "/v1/consents/{consent_id}",
    operation_id="revoke_consent",
    summary="End a consent",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def revoke_consent(resources: ResourcesDep, caller: Manager, now: Now, consent_id: ConsentId) -> ConsentDocument:
    """Nothing is fetched any more on the strength of it; what is stored can still be read. Ended twice it stays so.

    The share at Enedis itself can only be ended by its holder, in the Enedis customer account: see `hint`.
    """
    consent, is_new = await resources.consents.revoke(consent_id, caller.account.id, caller.key.id, now)
    if is_new:
        await resources.events.publish(caller.account.id, "consent.revoked", {"consent_id": consent_id})
    return _document(consent, await resources.usage_points.list_for_account(caller.account.id), now)


def _document(consent: Consent, points: Sequence[UsagePoint], now: datetime) -> ConsentDocument:
    kind = problem_kinds().get(consent.error_code) if consent.error_code else None
    return ConsentDocument(
        id=consent.id,
        status=consent.status,
        active=consent.is_active(now),
        created_at=consent.created_at,
        state_expires_at=consent.state_expires_at,
        granted_at=consent.granted_at,
        approved_at=consent.approved_at,
        expires_on=consent.expires_on,
        seen_on=consent.seen_on,
        revoked_at=consent.revoked_at,
        usage_points=[
            ConsentUsagePoint(usage_point_id=point.prm, directions=sorted(point.directions))
            for point in points
            if point.consent.id == consent.id
        ],
        error=ConsentError(code=kind.code, title=kind.title) if kind else None,
        hint=_HINTS.get(consent.status),
    )

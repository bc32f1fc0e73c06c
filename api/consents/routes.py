"""Consents: create, list, get, revoke.

The consent link is in `link_routes`, the redirect URI in `callback_routes`.
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
    "and does not redirect back: this usage point is already shared with this gateway. Delete that authorisation in "
    "the provider's customer account, then start again. If another account of this gateway holds it, send "
    "`usage_point_id` and two details of the contract (`proof`)."
)
_HINTS = {
    ConsentStatus.AWAITING_APPROVAL: (
        "Another account of this gateway holds this usage point. An administrator must approve the consent; or start "
        "again with `usage_point_id` and `proof`."
    ),
    ConsentStatus.REVOKED: (
        "This gateway makes no more requests under this consent. The authorisation at Enedis itself can only be ended "
        "by its holder, in the Enedis customer account, where shared data is managed."
    ),
    ConsentStatus.LOST: "The provider reports that the authorisation has ended. Create a new consent.",
}


@router.post(
    "/v1/consents",
    status_code=201,
    operation_id="create_consent",
    dependencies=NO_IDEMPOTENCY,
    summary="Create a consent",
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
    """Send the person to `authorize_url`. The page names the requesting account and leads to the provider. The provider
    redirects the person back with the same `state`, which is valid once and only in the browser that opened the link.

    Set `usage_point_id` if you know it: another usage point is then refused. If the account already holds an active
    consent for it, the request fails with 409 and the expiry date, unless `renew` is set. If another account of this
    gateway holds the usage point, a `proof` is required; the response does not reveal whether one does.
    """
    if not resources.settings.enedis_client_id:
        raise ProviderMisconfigured
    expected = request.usage_point_id if request else None
    if expected is None and resources.settings.consent_needs_usage_point:
        raise ValidationFailed(errors=[FieldError("/usage_point_id", "This gateway requires the usage point.")])
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
    summary="List consents",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def list_consents(
    resources: ResourcesDep,
    caller: CurrentCaller,
    now: Now,
    cursor: Annotated[
        ObjectId | None,
        Query(description="`next_cursor` of the previous page.", examples=["cons_0123456789abcdef01234567"]),
    ] = None,
    limit: SmallPageSize = 50,
) -> ConsentList:
    """Newest first, including refused, failed, expired and revoked consents."""
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
    summary="Get a consent",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_consent(
    resources: ResourcesDep, caller: CurrentCaller, now: Now, consent_id: ConsentId
) -> ConsentDocument:
    """Returns its status, its expiry date and its usage points."""
    consent = await resources.consents.load(consent_id, caller.account.id)
    return _document(consent, await resources.usage_points.list_for_account(caller.account.id), now)


@router.delete(
    "/v1/consents/{consent_id}",
    operation_id="revoke_consent",
    summary="Revoke a consent",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def revoke_consent(resources: ResourcesDep, caller: Manager, now: Now, consent_id: ConsentId) -> ConsentDocument:
    """Nothing more is fetched under this consent; stored data can still be read. Revoking a consent again has no
    effect.

    The authorisation at Enedis itself can only be ended by the holder, in the Enedis customer account: see `hint`.
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

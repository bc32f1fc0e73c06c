"""Consents: starting one, and looking at what became of it. The way back from the provider is in `callback`."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter

from api.dependencies import ConsentId, CurrentCaller, Now, Parts
from api.schemas.consents import (
    ConsentDocument,
    ConsentError,
    ConsentRequest,
    ConsentUsagePoint,
    StartedConsent,
)
from api.schemas.problems import documented, problem_kinds
from shared.config import Settings
from shared.errors import (
    ConsentAlreadyActive,
    NotFound,
    ProviderMisconfigured,
    ServiceUnavailable,
    Unauthenticated,
    ValidationFailed,
)

router = APIRouter(tags=["consents"])

HINT = (
    "If the provider's page ends with « Une erreur est survenue lors du partage de vos données » "
    "and never comes back here: this usage point is already shared with this gateway. Delete that share in the "
    "provider's customer account, then start again. If another account of this gateway holds it, use that one."
)


@router.post(
    "/v1/consents",
    status_code=201,
    operation_id="create_consent",
    summary="Ask a person for a consent",
    responses=documented(
        Unauthenticated, ConsentAlreadyActive, ValidationFailed, ProviderMisconfigured, ServiceUnavailable, body=True
    ),
)
async def create_consent(
    parts: Parts, caller: CurrentCaller, now: Now, request: ConsentRequest | None = None
) -> StartedConsent:
    """Send the person to `authorize_url`. The provider sends them back here with the same `state`, which works once.

    Name the usage point when you know it: whatever else comes back is refused then. If you hold an active consent for
    it already, that is said at once (409, with its expiry), unless you want a new one: `renew`.
    """
    if not parts.settings.enedis_client_id:
        raise ProviderMisconfigured
    expected = request.usage_point_id if request else None
    if expected and request and not request.renew:
        await parts.consents.refuse_if_active(caller.account.id, expected, now)
    consent, state = await parts.consents.create_consent(
        caller.account.id,
        now,
        expected,
        duration=parts.settings.enedis_consent_duration,
        returns_points=parts.settings.consent_page == "v1",
    )
    return StartedConsent(
        id=consent.id,
        authorize_url=authorize_url(parts.settings, state),
        state=state,
        expires_at=consent.state_expires_at,
        hint=HINT,
    )


@router.get(
    "/v1/consents/{consent_id}",
    operation_id="get_consent",
    summary="What became of a consent",
    responses=documented(Unauthenticated, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_consent(parts: Parts, caller: CurrentCaller, now: Now, consent_id: ConsentId) -> ConsentDocument:
    """Its state, how long it holds, and the usage points that it opened."""
    consent = await parts.consents.load_consent(consent_id, caller.account.id)
    points = await parts.consents.list_usage_points(caller.account.id)
    kind = problem_kinds().get(consent.error_code) if consent.error_code else None
    return ConsentDocument(
        id=consent.id,
        status=consent.status,
        active=consent.is_active(now),
        created_at=consent.created_at,
        state_expires_at=consent.state_expires_at,
        granted_at=consent.granted_at,
        expires_on=consent.expires_on,
        usage_points=[
            ConsentUsagePoint(usage_point_id=point.prm, directions=sorted(point.directions))
            for point in points
            if point.consent.id == consent.id
        ],
        error=ConsentError(code=kind.code, title=kind.title) if kind else None,
    )


def authorize_url(settings: Settings, state: str) -> str:
    """The provider's consent page for one state; what the configured address already asks for is kept."""
    parts = urlsplit(settings.enedis_authorize_url)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("client_id", settings.enedis_client_id),
        ("response_type", "code"),
        ("state", state),
        ("duration", settings.enedis_consent_duration),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))

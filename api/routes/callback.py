"""The provider's return. Nobody shows an API key here, so nothing is believed but a state that is still alive.

Owns the use of the state and the answer to whoever comes back, a person or a program. The exchange itself is a
worker's affair. The same return loaded again shows how things stand.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.dependencies import Now, Parts
from api.errors import error_response
from api.pages import RELOAD_SECONDS, ShownPoint, exchanging_page, failure_page, granted_page, prefers_html
from api.schemas.consents import CallbackDocument, CallbackUsagePoint
from api.schemas.problems import documented
from api.waiting import wait_until
from shared.consents import Consent, UsagePoint
from shared.errors import (
    AppError,
    ConsentMissing,
    ConsentRefused,
    FieldError,
    ProviderUnavailable,
    ServiceUnavailable,
    StateRefused,
    UsagePointTaken,
    ValidationFailed,
    leaves,
)
from shared.models import ConsentStatus
from shared.resources import Resources
from shared.telemetry import get_logger

logger = get_logger(__name__)
router = APIRouter(tags=["consents"])

WAIT_SECONDS = 10.0

_STATE = re.compile(r"[A-Za-z0-9_-]{1,200}")
_AUTORISATION_ID = re.compile(r"[0-9]{1,19}")
_LARGEST_ID = 2**63 - 1  # what the database can keep


@router.get(
    "/oauth/callback",
    operation_id="return_from_provider",
    summary="Where the provider sends a person back to",
    response_model=CallbackDocument,
    responses={
        202: {"model": CallbackDocument, "description": "Given; still being exchanged. Load it again."},
        **documented(
            ValidationFailed, StateRefused, ConsentRefused, UsagePointTaken, ProviderUnavailable, ServiceUnavailable
        ),
    },
)
async def return_from_provider(
    request: Request,
    parts: Parts,
    now: Now,
    state: Annotated[str, Query(description="As given by `POST /v1/consents`.")] = "",
    autorisation_id: Annotated[str, Query(description="The consent's number at the provider, when it was given.")] = "",
    error: Annotated[str, Query(description="The provider's code, when it was not given.")] = "",
    error_description: Annotated[str, Query(description="The provider's own words; not shown to anybody.")] = "",
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """A browser gets a page, a program JSON. Waits up to ten seconds for the exchange."""
    html = prefers_html(accept)
    try:
        number = _parse_return(state, autorisation_id, refused=bool(error))
        consent = await _take(parts, state, number, now)
        if consent.status not in (ConsentStatus.GRANTED, ConsentStatus.EXCHANGING):
            raise _failure_of(consent)
    except AppError as failure:
        return failure_page(failure.code, failure.status) if html else error_response(request, failure)
    points = [
        each for each in await parts.consents.list_usage_points(consent.account_id) if each.consent.id == consent.id
    ]
    return _page(consent, points) if html else _document(consent, points)


def _parse_return(state: str, autorisation_id: str, *, refused: bool) -> int | None:
    """The provider's number, ``None`` for a refusal. Raises `ValidationFailed`."""
    errors = []
    if not _STATE.fullmatch(state):
        errors.append(FieldError("state", "The state is missing, or not one of ours."))
    number = None
    if not refused:
        number = int(autorisation_id) if _AUTORISATION_ID.fullmatch(autorisation_id) else None
        if number is None or number > _LARGEST_ID:
            errors.append(FieldError("autorisation_id", "It is missing, or not a number of the provider's."))
    if errors:
        raise ValidationFailed(errors=errors)
    return number


async def _take(parts: Resources, state: str, number: int | None, now: Now) -> Consent:
    """Use the state, have the consent exchanged, and wait for what becomes of it. Raises `StateRefused`."""
    consent, newly_taken = await parts.consents.take_state(state, now, number)
    if newly_taken and number is not None:
        try:
            await parts.broker.enqueue_consent(consent.id)
        except Exception:
            # Written down already: the sweeper looks for exchanges that nobody has begun.
            logger.exception("enqueue_failed", consent_id=consent.id)
    return await wait_until(
        is_over=lambda each: each.status is not ConsentStatus.EXCHANGING,
        load=lambda: parts.consents.load_consent(consent.id),
        jobs=parts.jobs,
        account_id=consent.account_id,
        concerns=lambda event: event.type.startswith("consent."),
        wait_seconds=WAIT_SECONDS,
    )


def _failure_of(consent: Consent) -> AppError:
    if consent.status is ConsentStatus.REFUSED:
        return ConsentRefused()
    if consent.status is ConsentStatus.REVOKED:
        return ConsentMissing()
    by_code = {each.code: each for each in leaves()}
    return by_code.get(consent.error_code or "", ProviderUnavailable)()


def _page(consent: Consent, points: list[UsagePoint]) -> Response:
    if consent.status is ConsentStatus.EXCHANGING:
        return exchanging_page()
    return granted_page([ShownPoint(each.prm[-4:], sorted(each.directions)) for each in points], consent.expires_on)


def _document(consent: Consent, points: list[UsagePoint]) -> Response:
    document = CallbackDocument(
        status=consent.status,
        expires_on=consent.expires_on,
        usage_points=[
            CallbackUsagePoint(ends_with=each.prm[-4:], directions=sorted(each.directions)) for each in points
        ],
    )
    exchanging = consent.status is ConsentStatus.EXCHANGING
    return Response(
        document.model_dump_json(),
        202 if exchanging else 200,
        {"Retry-After": str(RELOAD_SECONDS)} if exchanging else None,
        "application/json",
    )

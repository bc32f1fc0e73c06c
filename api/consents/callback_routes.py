"""The redirect URI of the provider. Requests carry no API key, so the only credential is a valid state in the browser
that opened it.

Owns the use of the state and the response, HTML or JSON. Both generations of the consent page redirect here: v2 with
an authorisation number, v1 with usage points. A worker performs the exchange. Loading the same URL again returns the
current state.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.consents.browser_binding import remember, shown_browser
from api.consents.html_pages import (
    RELOAD_SECONDS,
    ShownPoint,
    awaiting_page,
    exchanging_page,
    failure_page,
    granted_page,
    prefers_html,
)
from api.consents.links import return_rate
from api.consents.schemas import PAGE, CallbackDocument, CallbackUsagePoint
from api.http.dependencies import Address, Now, ResourcesDep, refuse_too_many
from api.http.error_handlers import error_response
from api.http.headers import COOKIE, RETRY_AFTER
from api.http.long_polling import wait_until
from api.http.problems import documented
from shared.consents.authorization_states import ReturnedPoints
from shared.consents.models import Consent, ConsentStatus, UsagePoint
from shared.core.errors import (
    AppError,
    ConsentEmpty,
    ConsentMissing,
    ConsentRefused,
    FieldError,
    ProviderUnavailable,
    ServiceUnavailable,
    StateRefused,
    TooManyRequests,
    UsagePointTaken,
    ValidationFailed,
    leaves,
)
from shared.observability.logging import get_logger
from shared.resources import Resources

logger = get_logger(__name__)
router = APIRouter(tags=["consents"])

WAIT_SECONDS = 10.0

_STATE = re.compile(r"[A-Za-z0-9_-]{1,200}")
_AUTORISATION_ID = re.compile(r"[0-9]{1,19}")
_LARGEST_ID = 2**63 - 1  # the largest integer of the database
_CODE = re.compile(r"[\x21-\x7e]{1,2048}")
_PRM = re.compile(r"[0-9]{14}")
_SEPARATOR = re.compile(r"[;,]")  # both occur
_MOST_POINTS = 20
# 14 digits and a separator each, and some blanks: longer texts are rejected without parsing.
_LONGEST_POINTS = 400
_AWAITING = (
    "Another account of this gateway holds this usage point, so an administrator must approve the consent. "
    "Alternatively, start again with `usage_point_id` and `proof`."
)


@dataclass(frozen=True, slots=True)
class _Return:
    """The result of the provider's page: an authorisation number (v2), usage points (v1), or nothing if refused."""

    autorisation_id: int | None = None
    points: ReturnedPoints | None = field(default=None, repr=False)


@router.get(
    "/oauth/callback",
    operation_id="return_from_provider",
    summary="Complete a consent (redirect URI)",
    response_model=CallbackDocument,
    responses={
        200: {"content": PAGE},
        202: {
            "model": CallbackDocument,
            "description": "The consent was given, and the exchange is in progress. Reload the URL.",
            "content": PAGE,
            "headers": RETRY_AFTER | COOKIE,
        },
        **documented(
            ValidationFailed,
            StateRefused,
            ConsentRefused,
            ConsentEmpty,
            ConsentMissing,
            UsagePointTaken,
            TooManyRequests,
            ProviderUnavailable,
            ServiceUnavailable,
        ),
    },
)
async def return_from_provider(
    request: Request,
    resources: ResourcesDep,
    now: Now,
    address: Address,
    state: Annotated[str, Query(description="State returned by `POST /v1/consents`.")] = "",
    autorisation_id: Annotated[
        str, Query(description="Page v2: authorisation number at the provider.", examples=["123456"])
    ] = "",
    code: Annotated[str, Query(description="Page v1: a code, which is neither exchanged nor stored.")] = "",
    usage_point_id: Annotated[
        str, Query(description="Page v1: the usage points, separated by `;` or `,`; 20 at most.")
    ] = "",
    error: Annotated[str, Query(description="Error code of the provider, if the consent was not given.")] = "",
    error_description: Annotated[str, Query(description="Error message of the provider; never displayed.")] = "",
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Returns a page to a browser and JSON to a program. Waits up to ten seconds for the exchange with the provider."""
    html = prefers_html(accept)
    try:
        given = _parse_return(state, autorisation_id, code, usage_point_id, refused=bool(error))
        consent = await _take(resources, state, given, shown_browser(request, resources.settings), address, now)
        if html and consent.status is ConsentStatus.AWAITING_APPROVAL:
            return awaiting_page()
        if consent.status not in (ConsentStatus.GRANTED, ConsentStatus.EXCHANGING):
            raise _failure_of(consent)
    except AppError as failure:
        return failure_page(failure.code, failure.status) if html else error_response(request, failure)
    points = [
        each
        for each in await resources.usage_points.list_for_account(consent.account_id)
        if each.consent.id == consent.id
    ]
    answer = _page(consent, points) if html else _document(consent, points)
    if consent.status is ConsentStatus.EXCHANGING:
        # The page reloads, possibly for longer than the lifetime of the state.
        remember(answer, resources.settings, shown_browser(request, resources.settings))
    return answer


def _parse_return(state: str, autorisation_id: str, code: str, usage_point_id: str, *, refused: bool) -> _Return:
    """The parameters of either generation; a number, which can be verified, takes precedence over usage points.

    Raises `ValidationFailed`.
    """
    errors = [] if _STATE.fullmatch(state) else [FieldError("state", "The state is missing or malformed.")]
    given = _Return()
    if refused:
        pass
    elif autorisation_id or not (code or usage_point_id):
        given = _Return(int(autorisation_id)) if _AUTORISATION_ID.fullmatch(autorisation_id) else given
        if given.autorisation_id is None or given.autorisation_id > _LARGEST_ID:
            errors.append(FieldError("autorisation_id", "The authorisation number is missing or malformed."))
    else:
        given = _Return(points=ReturnedPoints(_parse_points(usage_point_id), code))
        if not _CODE.fullmatch(code):
            errors.append(FieldError("code", "The code is missing or malformed."))
        if not (given.points and given.points.prms):
            errors.append(FieldError("usage_point_id", f"1 to {_MOST_POINTS} usage points of 14 digits are required."))
    if errors:
        raise ValidationFailed(errors=errors)
    return given


def _parse_points(text: str) -> tuple[str, ...]:
    """The distinct usage points, in order; none if one is malformed, or if there are too many."""
    if len(text) > _LONGEST_POINTS:
        return ()
    # A trailing separator leaves an empty part.
    named = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
    prms = tuple(dict.fromkeys(named))
    return prms if len(prms) <= _MOST_POINTS and all(_PRM.fullmatch(each) for each in prms) else ()


async def _take(resources: Resources, state: str, given: _Return, browser: str, address: str, now: Now) -> Consent:
    """Consume the state, enqueue the exchange of the consent, and wait for its result.

    Raises `StateRefused`, and `TooManyRequests` for an address with too many returns or refusals: enumerating the
    provider's numbers takes one return for each. Reloading the same return does not count.
    """
    rate = return_rate(resources.settings)
    try:
        if (await resources.authorization_states.find(state, browser)).status is ConsentStatus.PENDING:
            await refuse_too_many(resources, "consent", address, rate, now)
        consent, newly_taken = await resources.authorization_states.consume(
            state, now, given.autorisation_id, given.points, browser=browser
        )
    except StateRefused:
        await refuse_too_many(resources, "consent", address, rate, now)
        raise
    if newly_taken and consent.status is ConsentStatus.EXCHANGING:
        try:
            await resources.task_queue.enqueue_consent(consent.id)
        except Exception:
            # The consent is already stored: the sweeper finds exchanges that were not started.
            logger.exception("enqueue_failed", consent_id=consent.id)
    return await wait_until(
        is_over=lambda each: each.status is not ConsentStatus.EXCHANGING,
        load=lambda: resources.consents.load(consent.id),
        listening=resources.listeners,
        account_id=consent.account_id,
        concerns=lambda event: event.type.startswith("consent."),
        wait_seconds=WAIT_SECONDS,
    )


def _failure_of(consent: Consent) -> AppError:
    if consent.status is ConsentStatus.REFUSED:
        return ConsentRefused()
    if consent.status in (ConsentStatus.REVOKED, ConsentStatus.LOST):
        return ConsentMissing()
    if consent.status is ConsentStatus.AWAITING_APPROVAL:
        return UsagePointTaken(_AWAITING)
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

"""The consent link (`authorize_url`), which a person opens before the provider's page.

Owns the binding of a state to one browser. Opening the link binds nothing, because link scanners of mail programs open
it too. Only the button on the page does; the provider's redirect is then accepted from that browser alone
(docs/decisions/0013). The state is in the query, where traces and logs mask it.
"""

from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Header, Query, Request, Response

from api.consents.browser_binding import is_page_token, new_browser, page_token, remember, shown_browser
from api.consents.html_pages import ShownAccount, failure_page, onward_page, prefers_html, start_page
from api.consents.links import provider_url, return_rate
from api.consents.schemas import PAGE, ConsentInvitation, ProviderPage
from api.http.dependencies import Address, Now, ResourcesDep, refuse_too_many
from api.http.error_handlers import error_response
from api.http.headers import COOKIE
from api.http.problems import documented
from shared.config.settings import Settings
from shared.consents.authorization_states import Invitee
from shared.core.errors import AppError, ServiceUnavailable, StateRefused, TooManyRequests, ValidationFailed
from shared.resources import Resources

router = APIRouter(tags=["consents"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": PAGE, "headers": COOKIE},
    **documented(StateRefused, TooManyRequests, ValidationFailed, ServiceUnavailable),
}
State = Annotated[str, Query(description="State returned by `POST /v1/consents`.", max_length=200)]
Accept = Annotated[str, Header(include_in_schema=False)]


@router.get(
    "/consent",
    operation_id="look_at_consent_link",
    summary="Open a consent link",
    response_model=ConsentInvitation,
    responses=_RESPONSES,
)
async def look_at_consent_link(
    request: Request, resources: ResourcesDep, now: Now, address: Address, state: State = "", accept: Accept = ""
) -> Response:
    """Browsers get a page that names the account that will be able to read, with a button to continue. Programs get the
    same as JSON."""
    browser, html = shown_browser(request, resources.settings), prefers_html(accept)
    try:
        invitee = await _look(resources, state, browser, now, address)
    except AppError as failure:
        return failure_page(failure.code, failure.status) if html else error_response(request, failure)
    if not html:
        return _invitation(invitee, resources.settings)
    browser = browser or new_browser()
    account = ShownAccount(
        invitee.consent.account_id, invitee.account_created_at, urlsplit(resources.settings.public_url).netloc
    )
    query = urlencode({"state": state, "token": page_token(browser, state)})
    page = start_page(account, query, names_point=invitee.names_usage_point)
    remember(page, resources.settings, browser)
    return page


@router.post(
    "/consent",
    operation_id="open_consent_link",
    summary="Continue to the provider's consent page",
    response_model=ProviderPage,
    responses=_RESPONSES,
)
async def open_consent_link(
    request: Request,
    resources: ResourcesDep,
    now: Now,
    address: Address,
    state: State = "",
    token: Annotated[str, Query(description="Token of the page's form; programs do not need it.", max_length=200)] = "",
    accept: Accept = "",
    sec_fetch_site: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Binds the consent to this browser with a cookie that is valid for 15 minutes. Programs get the address of the
    provider's page as JSON, and must send the cookie with the provider's redirect."""
    browser, html = shown_browser(request, resources.settings), prefers_html(accept)
    try:
        await _look(resources, state, browser, now, address)
        # Reject cross-site requests: a form or a script of another site in the person's browser.
        if not (is_page_token(token, browser, state) if html else sec_fetch_site in ("", "none", "same-origin")):
            raise StateRefused("The request was not sent by this gateway's page. Open the link again.")
        browser = browser or new_browser()
        consent = await resources.authorization_states.open(state, browser, now)
    except AppError as failure:
        return failure_page(failure.code, failure.status) if html else error_response(request, failure)
    url = provider_url(resources.settings, state)
    told = ProviderPage(provider_url=url, expires_at=consent.state_expires_at)
    answer = onward_page(url) if html else Response(told.model_dump_json(), media_type="application/json")
    remember(answer, resources.settings, browser)
    return answer


async def _look(resources: Resources, state: str, browser: str, now: Now, address: str) -> Invitee:
    try:
        return await resources.authorization_states.look_up(state, browser, now)
    except StateRefused:
        # Only refusals count, because many homes may share one address.
        await refuse_too_many(resources, "consent", address, return_rate(resources.settings), now)
        raise


def _invitation(invitee: Invitee, settings: Settings) -> Response:
    document = ConsentInvitation(
        account_id=invitee.consent.account_id,
        account_created_at=invitee.account_created_at,
        names_usage_point=invitee.names_usage_point,
        expires_at=invitee.consent.state_expires_at,
    )
    return Response(document.model_dump_json(), media_type="application/json")

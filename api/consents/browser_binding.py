"""Binds a consent to one browser: a cookie, and a form token that is derived from it.

The cookie is random and has no meaning by itself; a consent stores the cookie of the browser that opened it. It is sent
to this gateway only, is hidden from scripts, and is sent with the provider's redirect (``SameSite=Lax``: with
navigations, not with forms or images of other sites).
"""

import hmac
import re
import secrets

from fastapi import Request, Response

from shared.config.settings import Settings

COOKIE_SECONDS = 15 * 60
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(settings: Settings) -> str:
    """The name of the cookie. With https, its prefix makes the browser reject a cookie set by a sibling domain."""
    return "__Host-releve-consent" if _is_secure(settings) else "releve-consent"


def shown_browser(request: Request, settings: Settings) -> str:
    """The cookie value of this request, or "" if it is missing or malformed."""
    value = request.cookies.get(cookie_name(settings), "")
    return value if _VALUE.fullmatch(value) else ""


def new_browser() -> str:
    """A new cookie value: 256 random bits."""
    return secrets.token_urlsafe(32)


def remember(response: Response, settings: Settings, browser: str) -> None:
    """Set the cookie for the lifetime of an authorisation state."""
    response.set_cookie(
        cookie_name(settings),
        browser,
        max_age=COOKIE_SECONDS,
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def page_token(browser: str, state: str) -> str:
    """The token of the page's form: it proves that the sender loaded the page in this browser."""
    return hmac.digest(browser.encode(), state.encode(), "sha256").hex()


def is_page_token(token: str, browser: str, state: str) -> bool:
    """Whether ``token`` is the form token of this browser and state; constant-time comparison."""
    return bool(browser) and hmac.compare_digest(token.encode(), page_token(browser, state).encode())


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")

"""Telling one browser from another on the way through a consent: a cookie, and a token that only its page knows.

The cookie is random and means nothing by itself; a consent remembers the one that opened it. It goes to this gateway
only, is hidden from scripts, and comes along when the provider's page leads back (``SameSite=Lax``: a visit, not a form
or an image of another site).
"""

import hmac
import re
import secrets

from fastapi import Request, Response

from shared.config.settings import Settings

COOKIE_SECONDS = 15 * 60
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(settings: Settings) -> str:
    """What the cookie is called. With https the browser itself then refuses one that a neighbouring site has set."""
    return "__Host-releve-consent" if _is_secure(settings) else "releve-consent"


def shown_browser(request: Request, settings: Settings) -> str:
    """What the browser of this request shows, "" for nothing usable."""
    value = request.cookies.get(cookie_name(settings), "")
    return value if _VALUE.fullmatch(value) else ""


def new_browser() -> str:
    """256 random bits for a browser that shows nothing."""
    return secrets.token_urlsafe(32)


def remember(response: Response, settings: Settings, browser: str) -> None:
    """Have the browser show it for the time in which a state lives."""
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
    """What a page puts into its form: who sends it back has loaded that page in that browser."""
    return hmac.digest(browser.encode(), state.encode(), "sha256").hex()


def is_page_token(token: str, browser: str, state: str) -> bool:
    """Whether it is that token; constant time."""
    return bool(browser) and hmac.compare_digest(token.encode(), page_token(browser, state).encode())


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")

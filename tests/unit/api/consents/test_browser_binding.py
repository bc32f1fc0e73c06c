"""The cookie that identifies a browser, and the token of a page."""

import pytest
from fastapi import Request, Response

from api.consents.browser_binding import (
    COOKIE_SECONDS,
    cookie_name,
    is_page_token,
    new_browser,
    page_token,
    remember,
    shown_browser,
)
from shared.config.settings import Settings, load_settings
from shared.consents.authorization_states import STATE_LIFETIME
from tests.support.cases import case


@pytest.fixture
def offline_settings() -> Settings:
    """Settings of a gateway on one machine, with unreachable stores."""
    return load_settings(
        {
            "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
            "REDIS_URL": "redis://127.0.0.1:9",
            "DATABASE_URL": "sqlite+aiosqlite:///nowhere.db",
        }
    )


@pytest.fixture
def https(offline_settings: Settings) -> Settings:
    """Settings of a gateway reachable from the internet."""
    return offline_settings.model_copy(update={"public_url": "https://releve.example"})


def request_with(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_over_https_the_cookie_is_secure_and_of_this_host_alone(https: Settings) -> None:
    response = Response()

    remember(response, https, "x" * 43)

    parts = {part.strip().lower() for part in response.headers["set-cookie"].split(";")}
    assert {f"__host-releve-consent={'x' * 43}", "secure", "httponly", "samesite=lax", "path=/", "max-age=900"} == parts


def test_over_http_which_is_for_one_machine_it_is_not_secure(offline_settings: Settings) -> None:
    response = Response()

    remember(response, offline_settings, "x" * 43)

    assert "secure" not in response.headers["set-cookie"].lower()


def test_it_lives_as_long_as_a_state() -> None:
    assert STATE_LIFETIME.total_seconds() == COOKIE_SECONDS


def test_what_is_no_cookie_of_ours_is_as_none(https: Settings) -> None:
    for value in ["", "x" * 42, "x" * 44, "x" * 42 + "é", "x" * 42 + "."]:
        with case(value):
            assert "" == shown_browser(request_with(f"{cookie_name(https)}={value}"), https)


def test_each_browser_gets_its_own_and_shows_it(https: Settings) -> None:
    browsers = {new_browser() for _ in range(20)}

    assert 20 == len(browsers)
    for browser in browsers:
        assert browser == shown_browser(request_with(f"a=b; {cookie_name(https)}={browser}"), https)


def test_a_token_is_good_for_one_browser_and_one_state() -> None:
    browser, other = new_browser(), new_browser()
    token = page_token(browser, "a-state")

    assert is_page_token(token, browser, "a-state")
    assert not is_page_token(token, other, "a-state")
    assert not is_page_token(token, browser, "another-state")
    assert not is_page_token("", browser, "a-state")
    assert not is_page_token("é", browser, "a-state")
    assert not is_page_token(page_token("", "a-state"), "", "a-state")

"""Published or weak secrets are distinguished from random ones."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from shared.config.weak_secrets import is_guessable
from tests.support.cases import case

ROOT = Path(__file__).parents[4]


def test_what_stands_in_examples_is_guessable() -> None:
    cases: list[str] = [
        "",
        "short",
        "change-me",
        "change-me-change-me-change-me-change-me",
        "CHANGE_ME_PLEASE_WITH_AT_LEAST_32_CHARACTERS",
        "your-secret-key-here-at-least-32-characters",
        "a-secret-key-for-tests-only-0123456789",
        "synthetic-server-secret-number-one-0000",
        "synthetic-secret-key-of-the-test-0123456789",
        "synthetic-flower-password",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "a" * 64,
        "ab" * 32,
        "k3y" * 12,
        "0" * 31 + "1",
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccccccccccccccc",
        "${RELEVE_SECRET_KEY}-of-this-gateway-or-so",
        "<openssl rand -hex 32>"[:11],
    ]

    for secret in cases:
        with case(secret):
            assert is_guessable(secret)


def test_no_random_secret_is_guessable() -> None:
    cases: list[Callable[[], str]] = [
        lambda: secrets.token_hex(32),
        lambda: secrets.token_hex(16),
        secrets.token_urlsafe,
    ]

    for made in cases:
        with case(made):
            assert [] == [secret for secret in (made() for _ in range(2000)) if is_guessable(secret)]


def test_a_random_secret_may_have_a_name_before_it() -> None:
    assert not is_guessable(f"releve-secret-key-{secrets.token_hex(16)}")


def test_no_value_of_a_secret_that_stands_in_this_repository_could_be_used() -> None:
    shown = re.compile(r"(?:RELEVE_SECRET_KEY|ADMIN_API_KEY|FLOWER_PASSWORD)[\"']?\s*[=:]\s*[\"']?([^\s\"'`,$|)]+)")
    pages = [ROOT / ".env.example", ROOT / "docker-compose.yml", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    values = [value for page in pages for value in shown.findall(page.read_text("utf-8"))]

    assert [] == [value for value in values if not is_guessable(value)]

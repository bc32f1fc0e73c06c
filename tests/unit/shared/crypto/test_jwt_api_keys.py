"""API keys as JSON Web Tokens: their claims, and that the smallest change makes another key."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.crypto.jws import base64url, bytes_of, part_of
from shared.crypto.jwt_api_keys import MOST_CHARACTERS, MOST_USAGE_POINTS, TokenClaims, check_token_key, new_token_key
from shared.crypto.server_secret import ServerSecret, derive_key
from shared.crypto.vault import MalformedApiKey
from tests.support.cases import case

SECRET = "synthetic-server-secret-number-one-0000"
SERVER = ServerSecret(SECRET)
NOW = datetime(2026, 11, 23, 9, 30, 15, 250_000, tzinfo=UTC)
CLAIMS = TokenClaims("https://releve.example", ("99999999999991", "88888888888882"))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
unhurried = settings(max_examples=100)


def new_token(claims: TokenClaims = CLAIMS, expires_at: datetime | None = None) -> str:
    return new_token_key(SERVER, claims, key_id="key_0123456789abcdef", issued_at=NOW, expires_at=expires_at)


TOKEN = new_token()
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")


def decoded(part: str) -> dict[str, Any]:
    """Decode a part of a token, as clients do."""
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def secret_of(text: str) -> bytes | None:
    try:
        return check_token_key(text)
    except MalformedApiKey:
        return None


def test_a_token_names_its_points_and_carries_32_random_bytes() -> None:
    token = new_token(expires_at=NOW + timedelta(days=1))
    header, payload, _ = token.split(".")

    claims = decoded(payload)
    key = claims.pop("key")
    assert {"alg": "HS256", "typ": "JWT"} == decoded(header)
    assert {
        "iss": "https://releve.example",
        "sub": ["99999999999991", "88888888888882"],
        "iat": 1_795_426_215,
        "exp": 1_795_512_615,
        "jti": "key_0123456789abcdef",
    } == claims
    assert 32 == len(bytes_of(key))


def test_a_token_of_a_key_without_an_end_has_none() -> None:
    assert "exp" not in decoded(PAYLOAD)


def test_two_tokens_of_the_same_claims_are_two_keys() -> None:
    again = new_token()

    assert decoded(PAYLOAD)["key"] != decoded(again.split(".")[1])["key"]
    assert check_token_key(TOKEN) != check_token_key(again)


def test_it_is_signed_as_the_form_asks() -> None:
    key = derive_key(SECRET.encode(), "releve/server/v1/token-signature")

    expected = hmac.digest(key, f"{HEADER}.{PAYLOAD}".encode(), hashlib.sha256)

    assert expected == bytes_of(SIGNATURE)


def test_its_secret_is_32_bytes_of_its_own_and_does_not_need_the_servers() -> None:
    assert check_token_key(TOKEN) == check_token_key(TOKEN)
    assert 32 == len(check_token_key(TOKEN))
    assert check_token_key(TOKEN) != bytes_of(decoded(PAYLOAD)["key"])


@unhurried
@given(position=st.integers(0, len(TOKEN) - 1), character=st.sampled_from(ALPHABET + ".=+/é \n\x00"))
@example(position=len(TOKEN) - 1, character="_")
def test_any_one_character_changed_is_another_key_or_none(position: int, character: str) -> None:
    assume(character != TOKEN[position])

    assert check_token_key(TOKEN) != secret_of(TOKEN[:position] + character + TOKEN[position + 1 :])


def test_a_last_character_with_the_same_bits_is_another_key() -> None:
    """32 bytes leave two bits of the last character unused: decoders take four texts for the same signature."""
    others = [TOKEN[:-1] + last for last in ALPHABET if last != TOKEN[-1]]

    assert check_token_key(TOKEN) not in [secret_of(other) for other in others]


@unhurried
@given(claims=st.dictionaries(st.sampled_from(["sub", "exp", "iat", "iss", "jti"]), st.text(max_size=5)))
def test_other_claims_with_the_same_random_bytes_are_another_key_however_they_are_signed(
    claims: dict[str, Any],
) -> None:
    signed = f"{HEADER}." + part_of(decoded(PAYLOAD) | claims)
    assume(signed != f"{HEADER}.{PAYLOAD}")

    forged = f"{signed}.{base64url(SERVER.sign_token(signed.encode()))}"

    assert check_token_key(TOKEN) != check_token_key(forged)


@unhurried
@given(text=st.one_of(st.text(max_size=200), st.text(ALPHABET + ".", max_size=200).map(f"{HEADER}.".__add__)))
def test_whatever_is_shown_is_a_key_or_refused_without_another_failure(text: str) -> None:
    secret = secret_of(text)

    assert secret is None or 32 == len(secret)


def test_what_has_another_form_is_refused_and_not_repeated() -> None:
    cases: list[str] = [
        "",
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}.{PAYLOAD}.",
        f"{HEADER}..{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-1]}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}A",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}=",
        f"{HEADER}.{PAYLOAD}={'=' * (-len(PAYLOAD) % 4)}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}\n",
        f" {TOKEN}",
        f"{HEADER}.{PAYLOAD}.{'+' * 43}",
        f"{part_of({'alg': 'none', 'typ': 'JWT'})}.{PAYLOAD}.",
        f"{part_of({'alg': 'none', 'typ': 'JWT'})}.{PAYLOAD}.{SIGNATURE}",
        f"{part_of({'alg': 'HS512', 'typ': 'JWT'})}.{PAYLOAD}.{SIGNATURE}",
        f"{part_of({'typ': 'JWT', 'alg': 'HS256'})}.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{'é' * 100}.{SIGNATURE}",
        f"{HEADER}.{'A' * MOST_CHARACTERS}.{SIGNATURE}",
        f"{HEADER}.{'A' * 1_000_000}.{SIGNATURE}",
        "." * 1_000_000,
        HEADER + "." * 1_000_000,
    ]

    for text in cases:
        with case(text):
            with pytest.raises(MalformedApiKey) as refused:
                check_token_key(text)

            assert MalformedApiKey.message == str(refused.value)
            assert None is refused.value.__cause__


def test_the_largest_token_is_accepted_and_fits_into_a_header() -> None:
    points = tuple(f"{99999999999900 + number}" for number in range(MOST_USAGE_POINTS))
    claims = TokenClaims(f"https://{'a' * 250}.example", points)

    token = new_token(claims, NOW + timedelta(days=365 * 5000))

    assert 32 == len(check_token_key(token))
    # The default limit of proxies.
    assert len(f"Authorization: Bearer {token}\r\n") < 4096


def test_a_token_that_would_not_be_accepted_is_not_made() -> None:
    with pytest.raises(ValueError, match="too long"):
        new_token(TokenClaims("x" * MOST_CHARACTERS, ("99999999999991",)))


def test_what_a_token_says_is_in_no_repr() -> None:
    assert "99999999999991" not in repr(CLAIMS)


@given(st.binary(max_size=40))
def test_base64url_is_undone(value: bytes) -> None:
    assert value == bytes_of(base64url(value))


def test_what_is_not_the_base64url_of_anything_is_refused() -> None:
    for text in ["A", "AB", "AA==", "A+A/", "AAA A", "é"]:
        with case(text), pytest.raises(ValueError, match=r"."):
            bytes_of(text)

"""Receipts: the published key verifies one, and only the server's secret can sign one."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.crypto.receipts import Receipt, key_set, read_receipt, sign_receipt
from shared.crypto.server_secret import ServerSecret
from tests.support.cases import case

SECRET, LATER_SECRET = "synthetic-secret-0123456789-abcdefgh", "synthetic-later-0123456789-abcdefgh"
SERVER = ServerSecret(SECRET)
NOW = datetime(2026, 10, 20, 10, tzinfo=UTC)
RECEIPT = Receipt("erase_1", "acct_1", None, NOW, NOW, {"windows": 3})
ISSUER = "https://gateway.example"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_receipt_is_read_as_it_was_signed() -> None:
    claims = read_receipt(SERVER, sign_receipt(SERVER, RECEIPT, ISSUER))

    assert {"iss": ISSUER, "iat": 1792490400, **RECEIPT.claims()} == claims


def test_whoever_has_the_published_keys_can_check_one_without_us() -> None:
    header, claims, signature = sign_receipt(SERVER, RECEIPT, ISSUER).split(".")
    (key,) = key_set(SERVER)["keys"]

    public_key = Ed25519PublicKey.from_public_bytes(decoded(key["x"]))

    public_key.verify(decoded(signature), f"{header}.{claims}".encode())
    assert {"alg": "EdDSA", "kid": key["kid"], "typ": "releve-receipt+jwt"} == json.loads(decoded(header))
    with pytest.raises(InvalidSignature):
        public_key.verify(decoded(signature), f"{header}.{claims}x".encode())


def test_one_that_was_signed_under_an_earlier_secret_can_be_checked_while_this_is_listed() -> None:
    token = sign_receipt(SERVER, RECEIPT, ISSUER)
    rotated = ServerSecret(LATER_SECRET, [SECRET])

    assert read_receipt(rotated, token) is not None
    assert [rotated.key_id, SERVER.key_id] == [key["kid"] for key in key_set(rotated)["keys"]]
    assert read_receipt(ServerSecret(LATER_SECRET), token) is None


def test_a_changed_one_is_refused() -> None:
    header, _, signature = sign_receipt(SERVER, RECEIPT, ISSUER).split(".")
    _, other_claims, _ = sign_receipt(SERVER, replace(RECEIPT, account_id="acct_2"), ISSUER).split(".")

    assert read_receipt(SERVER, f"{header}.{other_claims}.{signature}") is None


def test_another_header_is_refused() -> None:
    cases: list[object] = [
        {"alg": "none", "kid": SERVER.key_id, "typ": "releve-receipt+jwt"},
        {"alg": "HS256", "kid": SERVER.key_id, "typ": "releve-receipt+jwt"},
        {"alg": "EdDSA", "kid": "00000000", "typ": "releve-receipt+jwt"},
        {"alg": "EdDSA", "kid": SERVER.key_id, "typ": "JWT"},
        {"alg": "EdDSA", "typ": "releve-receipt+jwt"},
        ["EdDSA"],
    ]

    for header in cases:
        with case(header):
            _, claims, signature = sign_receipt(SERVER, RECEIPT, ISSUER).split(".")

            assert read_receipt(SERVER, f"{part(header)}.{claims}.{signature}") is None


def test_one_that_somebody_else_signed_is_refused() -> None:
    header, claims, _ = sign_receipt(SERVER, RECEIPT, ISSUER).split(".")
    forged = Ed25519PrivateKey.generate().sign(f"{header}.{claims}".encode())

    assert read_receipt(SERVER, f"{header}.{claims}.{base64.urlsafe_b64encode(forged).decode().rstrip('=')}") is None


def test_what_is_no_receipt_is_refused() -> None:
    for token in ["", "a.b", "a.b.c", "....", "é.é.é", "e30.e30.!!"]:
        with case(token):
            assert read_receipt(SERVER, token) is None


def test_a_public_key_gives_nothing_of_the_secret_away() -> None:
    assert SECRET not in json.dumps(key_set(SERVER))
    assert {"kty", "crv", "alg", "use", "kid", "x"} == set(key_set(SERVER)["keys"][0])

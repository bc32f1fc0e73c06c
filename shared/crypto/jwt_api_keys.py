"""API keys in the form of a JSON Web Token (RFC 7519), for clients that read their usage points from their key.

A token contains 256 random bits that are not stored, and its secret is derived from its whole text: changing a single
character yields a different, unknown key. So a token is looked up like any other key, its claims are neither trusted
nor parsed here, and its signature is not verified: signing with the server secret does not create a valid key, and a
rotation of the server secret invalidates none. The signature is present because the format requires one.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from shared.crypto.jws import base64url, part_of
from shared.crypto.server_secret import MalformedApiKey, ServerSecret, derive_key

MOST_CHARACTERS = 8192
MOST_USAGE_POINTS = 50
"""The maximum number of usage points in a token, which has to fit into a header."""

_SECRET_BYTES = 32
_HEADER = part_of({"alg": "HS256", "typ": "JWT"})
# There is one header. The signature has 32 bytes. The possessive quantifier prevents backtracking.
_TOKEN = re.compile(rf"{_HEADER}\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that clients read: the gateway's address, and the usage points (14 digits)."""

    issuer: str
    usage_points: tuple[str, ...] = field(repr=False)


def new_token_key(
    server: ServerSecret, claims: TokenClaims, *, key_id: str, issued_at: datetime, expires_at: datetime | None
) -> str:
    """A new token, signed with HS256. ``sub`` is a list, as its clients expect, although the standard has one string.

    Raises:
        ValueError: the token would exceed the accepted length.
    """
    expiry = {} if expires_at is None else {"exp": int(expires_at.timestamp())}
    signed = f"{_HEADER}." + part_of(
        {
            "iss": claims.issuer,
            "sub": list(claims.usage_points),
            "iat": int(issued_at.timestamp()),
            **expiry,
            "jti": key_id,
            "key": base64url(secrets.token_bytes(_SECRET_BYTES)),
        }
    )
    token = f"{signed}.{base64url(server.sign_token(signed.encode()))}"
    if len(token) > MOST_CHARACTERS:
        raise ValueError("The token would be too long.")
    return token


def is_token_key(text: str) -> bool:
    """Whether the text is in token form; `check_token_key` validates it."""
    return text.startswith(_HEADER)


def check_token_key(text: str) -> bytes:
    """The 32 secret bytes of a token with a valid format; does not check whether the key exists.

    HKDF extracts the randomness from the whole text, so every character counts.

    Raises:
        MalformedApiKey: anything else. The error never contains the text.
    """
    if len(text) > MOST_CHARACTERS or _TOKEN.fullmatch(text) is None:
        raise MalformedApiKey
    return derive_key(text.encode("ascii"), "releve/token-key/v1/secret")

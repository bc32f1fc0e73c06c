"""API keys in the form of a JSON Web Token (RFC 7519), for clients that read their usage points from their key.

Such a token carries 256 random bits that nobody keeps, and its secret is made from its whole text: another text, by a
single character, is another key, which nobody knows. So it is looked up like every key, nothing in it is believed or
even taken apart here, and its signature decides nothing: whoever has the server's secret can sign, but makes no key by
it, and a new server secret ends none. The signature is there because the form asks for one.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from shared.crypto.jws import base64url, part_of
from shared.crypto.server_secret import MalformedApiKey, ServerSecret, derive_key

MOST_CHARACTERS = 8192
MOST_USAGE_POINTS = 50
"""So many can a token name: it has to fit into a header."""

_SECRET_BYTES = 32
_HEADER = part_of({"alg": "HS256", "typ": "JWT"})
# There is one header. The signature has 32 bytes. A part is taken once: nothing is tried again when the rest is wrong.
_TOKEN = re.compile(rf"{_HEADER}\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says to its clients: the gateway's address, and the usage points (14 digits)."""

    issuer: str
    usage_points: tuple[str, ...] = field(repr=False)


def new_token_key(
    server: ServerSecret, claims: TokenClaims, *, key_id: str, issued_at: datetime, expires_at: datetime | None
) -> str:
    """A new token, signed with HS256. ``sub`` is a list, as its clients expect, though the standard knows one text.

    Raises:
        ValueError: it would be too long to be accepted.
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
    """Whether this can only be meant as a token: whether it is one, `check_token_key` knows."""
    return text.startswith(_HEADER)


def check_token_key(text: str) -> bytes:
    """The 32 secret bytes of a token, if its form is right; whether it exists is not known here.

    HKDF takes the randomness that is somewhere in the text, and every other character with it.

    Raises:
        MalformedApiKey: anything else. The text is never repeated.
    """
    if len(text) > MOST_CHARACTERS or _TOKEN.fullmatch(text) is None:
        raise MalformedApiKey
    return derive_key(text.encode("ascii"), "releve/token-key/v1/secret")

"""The compact form of signed JSON (RFC 7515): its parts, in base64url without padding. What signs is not known here."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson


def part_of(claims: Mapping[str, Any]) -> str:
    """A header or claims as one part."""
    return base64url(orjson.dumps(claims))


def base64url(value: bytes) -> str:
    """Bytes as one part."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def bytes_of(part: str) -> bytes:
    """What `base64url` was given. Raises `ValueError` for whatever it does not make."""
    value = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    # The last character may have bits that say nothing: one value, one text.
    if base64url(value) != part:
        raise ValueError("This is not the base64url of anything.")
    return value

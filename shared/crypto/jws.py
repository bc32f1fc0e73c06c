"""The compact form of signed JSON (RFC 7515): its parts, in base64url without padding. Signing is done elsewhere."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson


def part_of(claims: Mapping[str, Any]) -> str:
    """Encode a header or claims as one part."""
    return base64url(orjson.dumps(claims))


def base64url(value: bytes) -> str:
    """Encode bytes as one part."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def bytes_of(part: str) -> bytes:
    """Decode the output of `base64url`. Raises `ValueError` for anything else."""
    value = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    # The last character may have unused bits: only the canonical text is accepted.
    if base64url(value) != part:
        raise ValueError("This is not the base64url of anything.")
    return value

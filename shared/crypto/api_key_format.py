"""The text of an API key: its form, its checksum, and what is stored of it. Of one that is a JWT:
`shared.crypto.jwt_api_keys`."""

import hashlib
import os
import re
import zlib

from shared.crypto.server_secret import MalformedApiKey, derive_key

KEY_PREFIX = "rlv_"
SECRET_BYTES = 32


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS = 43  # the fewest base62 digits that hold 256 bits
_CHECKSUM_DIGITS = 6  # the fewest that hold 32 bits
_API_KEY = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{_SECRET_DIGITS + _CHECKSUM_DIGITS}}}")


def new_api_key() -> str:
    """A new API key: ``rlv_``, 32 random bytes as 43 base62 digits, a CRC-32 of both as 6 digits."""
    body = KEY_PREFIX + _to_base62(int.from_bytes(os.urandom(SECRET_BYTES), "big"), _SECRET_DIGITS)
    return body + _checksum(body)


def check_api_key(text: str) -> bytes:
    """The 32 secret bytes of an API key, if its form and checksum are right; whether it exists is not known here.

    Raises:
        MalformedApiKey: anything else. The text is never repeated.
    """
    # The pattern's length is fixed, so an enormous text costs nothing.
    if _API_KEY.fullmatch(text) is None:
        raise MalformedApiKey
    body, checksum = text[:-_CHECKSUM_DIGITS], text[-_CHECKSUM_DIGITS:]
    # Anybody can compute the checksum from the key: comparing it has no secret to leak.
    if checksum != _checksum(body):
        raise MalformedApiKey
    value = _from_base62(body[len(KEY_PREFIX) :])
    if value >> (8 * SECRET_BYTES):  # 43 digits reach a little further than 256 bits
        raise MalformedApiKey
    return value.to_bytes(SECRET_BYTES, "big")


def verifier(secret: bytes) -> str:
    """What the account store keeps and indexes of an API key: 64 hex digits that lead back to nothing.

    The secret has 256 random bits, so a fast hash is enough: there is no guess to slow down.
    """
    return hashlib.sha256(derive_key(secret, "releve/api-key/v1/verifier")).hexdigest()


def _checksum(body: str) -> str:
    # CRC-32 catches every change that lies within 32 bits: any one character, any two neighbours swapped.
    return _to_base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_DIGITS)


def _to_base62(value: int, digits: int) -> str:
    characters = []
    for _ in range(digits):
        value, remainder = divmod(value, len(_BASE62))
        characters.append(_BASE62[remainder])
    return "".join(reversed(characters))


def _from_base62(text: str) -> int:
    value = 0
    for character in text:
        value = value * len(_BASE62) + _BASE62.index(character)
    return value

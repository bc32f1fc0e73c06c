"""The text of an API key: its format, its checksum, and its stored verifier. For keys in JWT form see
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
    """The 32 secret bytes of an API key with a valid format and checksum; does not check whether the key exists.

    Raises:
        MalformedApiKey: anything else. The error never contains the text.
    """
    # The pattern has a fixed length, so an oversized text costs nothing.
    if _API_KEY.fullmatch(text) is None:
        raise MalformedApiKey
    body, checksum = text[:-_CHECKSUM_DIGITS], text[-_CHECKSUM_DIGITS:]
    # The checksum is not secret, so this comparison can't leak anything.
    if checksum != _checksum(body):
        raise MalformedApiKey
    value = _from_base62(body[len(KEY_PREFIX) :])
    if value >> (8 * SECRET_BYTES):  # 43 digits hold slightly more than 256 bits
        raise MalformedApiKey
    return value.to_bytes(SECRET_BYTES, "big")


def verifier(secret: bytes) -> str:
    """The stored and indexed verifier of an API key: 64 hex digits, one-way.

    The secret has 256 random bits, so a fast hash is enough: brute force is infeasible.
    """
    return hashlib.sha256(derive_key(secret, "releve/api-key/v1/verifier")).hexdigest()


def _checksum(body: str) -> str:
    # CRC-32 detects every change within 32 bits: any single character, any two adjacent characters swapped.
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

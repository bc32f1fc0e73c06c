"""The vault: the key pair of each account, and the encryption of readings so that only an API key decrypts them.

Owns the wrapping of the private key and the format of a blob; the format of an API key is that of
`shared.crypto.api_key_format`. It must never store, log or return in an error a key, a secret or a plaintext. It
accesses no store and no network.

    API key ──HKDF "verifier"──▶ SHA-256 ──▶ indexed in SQL: identifies the key
        └─────HKDF "wrapping"──▶ AES-256-GCM ──▶ the private key ──▶ decrypts data encrypted to the public key

A blob is: version (1 byte), server key id (4), HPKE encapsulated key (32), ciphertext and tag.
"""

import os
import struct
import zlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.crypto.server_secret import (
    KEY_ID_BYTES,
    NONCE_BYTES,
    CannotOpen,
    MalformedApiKey,
    SealContext,
    ServerSecret,
    VaultError,
    derive_key,
    length_prefixed,
)

__all__ = [
    "MAX_PLAINTEXT_BYTES",
    "CannotOpen",
    "MalformedApiKey",
    "Opener",
    "SealContext",
    "ServerSecret",
    "VaultError",
    "VaultKeys",
    "new_vault",
    "open_blob",
    "seal",
    "unwrap_private_key",
    "wrap_private_key",
]

MAX_PLAINTEXT_BYTES = 4 * 1024 * 1024

_PRIVATE_KEY_BYTES = 32
_WRAP_VERSION = b"\x01"
_BLOB_VERSION = b"\x01"
_HEADER_BYTES = len(_BLOB_VERSION) + KEY_ID_BYTES

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

_FRAME = struct.Struct(">BI")  # inside the plaintext: encoding and length of the body; then the body and zeros
_STORED, _DEFLATED = 0, 1
_PADDING_BYTES = 256


# API keys


# The account's key pair


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """The X25519 key pair of an account, 32 raw bytes each. The private key is stored only in wrapped form."""

    public_key: bytes
    private_key: bytes = field(repr=False)


def new_vault() -> VaultKeys:
    """A new random key pair."""
    private = X25519PrivateKey.generate()
    return VaultKeys(public_key=private.public_key().public_bytes_raw(), private_key=private.private_bytes_raw())


def wrap_private_key(private_key: bytes, api_key_secret: bytes, *, account_id: str, key_id: str) -> bytes:
    """Wrap the private key with an API key's wrapping key, bound to the account and to that key's id.

    Returns version (1 byte), nonce (12), ciphertext and tag (48).

    Raises:
        ValueError: ``private_key`` is not 32 bytes long.
    """
    if len(private_key) != _PRIVATE_KEY_BYTES:
        raise ValueError("An X25519 private key has 32 bytes.")
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = _wrapping_cipher(api_key_secret).encrypt(nonce, private_key, _wrapping_place(account_id, key_id))
    return _WRAP_VERSION + nonce + ciphertext


def unwrap_private_key(wrapped: bytes, api_key_secret: bytes, *, account_id: str, key_id: str) -> bytes:
    """The 32-byte private key that ``wrap_private_key`` wrapped.

    Raises:
        CannotOpen: wrong API key, account or key id, or a modified wrapped key.
    """
    nonce_end = len(_WRAP_VERSION) + NONCE_BYTES
    if wrapped[: len(_WRAP_VERSION)] != _WRAP_VERSION:
        raise CannotOpen
    nonce, ciphertext = wrapped[len(_WRAP_VERSION) : nonce_end], wrapped[nonce_end:]
    try:
        private_key = _wrapping_cipher(api_key_secret).decrypt(nonce, ciphertext, _wrapping_place(account_id, key_id))
    except (InvalidTag, ValueError):
        raise CannotOpen from None
    return private_key


def _wrapping_cipher(api_key_secret: bytes) -> AESGCM:
    return AESGCM(derive_key(api_key_secret, "releve/api-key/v1/wrapping"))


def _wrapping_place(account_id: str, key_id: str) -> bytes:
    return _WRAP_VERSION + length_prefixed(account_id, key_id)


# Blobs


def seal(plaintext: bytes, *, public_key: bytes, context: SealContext, server: ServerSecret) -> bytes:
    """Encrypt to the account's public key, for one context; the sender can't decrypt.

    RFC 9180 HPKE, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, empty ``aad``. HPKE alone does not
    authenticate the sender, so ``info`` is version, context and the server's tag of the context: without the tag no
    valid blob can be created.

    Raises:
        ValueError: the plaintext is over 4 MiB, or the public key is not a usable X25519 key.
    """
    ciphertext = _SUITE.encrypt(
        _pack(plaintext), X25519PublicKey.from_public_bytes(public_key), info=_info(context, server, server.key_id)
    )
    return _BLOB_VERSION + bytes.fromhex(server.key_id) + ciphertext


class Opener:
    """Decrypts the blobs of one account. Build one per request: parsing the private key costs half a decryption."""

    __slots__ = ("_private_key", "_server")

    def __init__(self, private_key: bytes, server: ServerSecret) -> None:
        """Parse the private key.

        Raises:
            CannotOpen: ``private_key`` is not a key.
        """
        try:
            self._private_key = X25519PrivateKey.from_private_bytes(private_key)
        except ValueError:
            raise CannotOpen from None
        self._server = server

    def open(self, blob: bytes, context: SealContext) -> bytes:
        """Decrypt a blob that was encrypted for this context.

        Raises:
            CannotOpen: for any invalid blob; no other error.
        """
        if blob[: len(_BLOB_VERSION)] != _BLOB_VERSION:
            raise CannotOpen
        info = _info(context, self._server, blob[len(_BLOB_VERSION) : _HEADER_BYTES].hex())
        try:
            packed = _SUITE.decrypt(blob[_HEADER_BYTES:], self._private_key, info=info)
        except (InvalidTag, ValueError):
            raise CannotOpen from None
        return _unpack(packed)


def open_blob(blob: bytes, *, private_key: bytes, context: SealContext, server: ServerSecret) -> bytes:
    """Decrypt a single blob; for several blobs of one account use ``Opener``.

    Raises:
        CannotOpen: for any invalid blob or key; no other error.
    """
    return Opener(private_key, server).open(blob, context)


def _info(context: SealContext, server: ServerSecret, server_key_id: str) -> bytes:
    return _BLOB_VERSION + context.encode() + server.context_tag(context, server_key_id)


def _pack(plaintext: bytes) -> bytes:
    """Frame the plaintext, deflated where that saves space, and pad it.

    The length of an encrypted value is visible in the store, and a day in an empty home is shorter than a busy one.
    Padding in steps of 256 bytes gives all half-hourly days the same length and obscures that of longer values.
    Deflating is used only when it saves a whole step.
    """
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise ValueError("A sealed value has at most 4 MiB.")
    encoding, body = _STORED, plaintext
    if _padded_length(len(plaintext)) > _PADDING_BYTES:
        deflated = zlib.compress(plaintext)
        if _padded_length(len(deflated)) < _padded_length(len(plaintext)):
            encoding, body = _DEFLATED, deflated
    return (_FRAME.pack(encoding, len(body)) + body).ljust(_padded_length(len(body)), b"\x00")


def _padded_length(body_bytes: int) -> int:
    return -(-(_FRAME.size + body_bytes) // _PADDING_BYTES) * _PADDING_BYTES


def _unpack(packed: bytes) -> bytes:
    if len(packed) < _FRAME.size:
        raise CannotOpen
    encoding, length = _FRAME.unpack_from(packed)
    body = packed[_FRAME.size : _FRAME.size + length]
    if len(body) != length or encoding not in (_STORED, _DEFLATED):
        raise CannotOpen
    return body if encoding == _STORED else _inflate(body)


def _inflate(body: bytes) -> bytes:
    """Inflate, never beyond the largest plaintext that ``seal`` accepts."""
    inflater = zlib.decompressobj()
    try:
        plaintext = inflater.decompress(body, MAX_PLAINTEXT_BYTES + 1)
    except zlib.error:
        raise CannotOpen from None
    if not inflater.eof or len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise CannotOpen
    return plaintext

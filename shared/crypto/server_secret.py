"""The server secret: the keys derived from ``RELEVE_SECRET_KEY``, and the context that an encrypted blob is bound to.

Owns the sub-keys of that secret and its rotation: the *current* secret encrypts, *previous* ones still decrypt.
It must never hold a key that decrypts a reading: for readings it only authenticates that this gateway wrote them.
Key material never appears in a repr or in the text of an error.

    VaultError
    ├── MalformedApiKey   not an API key at all (raised by ``shared.crypto.vault``)
    └── CannotOpen        encrypted, but not with these keys for this context
"""

import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_ID_BYTES = 4
NONCE_BYTES = 12
_SECRET_MIN_CHARACTERS = 32
_ENVELOPE_VERSION = b"\x01"
_LENGTH = struct.Struct(">I")


class VaultError(Exception):
    """A secret value was rejected.

    The message is fixed per class and can't be passed when raising, so that it never contains a secret.
    """

    message: ClassVar[str] = "A secret value was rejected."

    def __init__(self) -> None:
        super().__init__(self.message)


class MalformedApiKey(VaultError):
    """The text is not an API key: wrong length, alphabet, prefix or checksum."""

    message = "This is not an API key: its form or its checksum is wrong."


class CannotOpen(VaultError):
    """Tampered with, moved, truncated, of an unknown version, or for other keys; deliberately not distinguished."""

    message = "This encrypted value can't be decrypted with these keys in this context."


@dataclass(frozen=True, slots=True)
class SealContext:
    """The context that a blob is bound to: account, usage point, dataset and window. Ids and names, never a PRM.

    ``window`` is the field's name in the store: ``2026-03-29``, ``2026-03`` or ``current``.
    """

    account_id: str
    usage_point_id: str
    dataset: str
    window: str

    def encode(self) -> bytes:
        """The canonical bytes, distinct for different contexts."""
        return length_prefixed(self.account_id, self.usage_point_id, self.dataset, self.window)


def length_prefixed(*parts: str) -> bytes:
    """Each part as its length (4 bytes, big endian) and its UTF-8 bytes: an unambiguous encoding.

    ``surrogatepass`` keeps this total and one-to-one for every Python string, also one that is not valid Unicode.
    """
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(_LENGTH.pack(len(part)) + part for part in encoded)


def key_id_of(encrypted: bytes) -> str:
    """The id of the secret with which `ServerSecret.encrypt` encrypted this value."""
    return encrypted[len(_ENVELOPE_VERSION) : len(_ENVELOPE_VERSION) + KEY_ID_BYTES].hex()


def derive_key(secret: bytes, label: str, *, length_bytes: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, ``label`` as info: independent keys from one secret."""
    return HKDF(algorithm=hashes.SHA256(), length=length_bytes, salt=None, info=label.encode()).derive(secret)


@dataclass(frozen=True, slots=True)
class _SubKeys:
    """The keys derived from one server secret; the secret itself is not kept."""

    key_id: bytes
    context: bytes = field(repr=False)
    lookup: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False)
    token: bytes = field(repr=False)
    signer: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def derive(cls, secret: str) -> "_SubKeys":
        # Surrounding whitespace does not count: a file of 31 characters and a newline is still too short.
        if len(secret.strip()) < _SECRET_MIN_CHARACTERS:
            raise ValueError(f"A server secret needs at least {_SECRET_MIN_CHARACTERS} characters.")
        root = secret.encode("utf-8", "surrogatepass")
        return cls(
            key_id=derive_key(root, "releve/server/v1/key-id", length_bytes=KEY_ID_BYTES),
            context=derive_key(root, "releve/server/v1/context-tag"),
            lookup=derive_key(root, "releve/server/v1/keyed-hash"),
            cipher=AESGCM(derive_key(root, "releve/server/v1/encryption")),
            token=derive_key(root, "releve/server/v1/token-signature"),
            signer=Ed25519PrivateKey.from_private_bytes(derive_key(root, "releve/server/v1/signature")),
        )


class ServerSecret:
    """The sub-keys of the current server secret and of those it replaced.

    A secret should come from a random generator (``openssl rand -hex 32``): it is used without a slow hash.
    """

    __slots__ = ("_by_id", "_current")

    def __init__(self, current: str, previous: Sequence[str] = ()) -> None:
        """Derive the sub-keys.

        Raises:
            ValueError: a secret is shorter than 32 characters; the message does not repeat it.
        """
        self._current = _SubKeys.derive(current)
        self._by_id = {self._current.key_id.hex(): self._current}
        for secret in previous:
            keys = _SubKeys.derive(secret)
            self._by_id.setdefault(keys.key_id.hex(), keys)

    def __repr__(self) -> str:
        return f"ServerSecret(key_id={self.key_id!r}, secret='***')"

    @property
    def key_id(self) -> str:
        """The id of the current secret, part of its outputs: 8 hex digits, derived one-way, safe to log."""
        return self._current.key_id.hex()

    @property
    def known_key_ids(self) -> list[str]:
        """The ids of the current secret and of every previous one, the current one first."""
        return list(self._by_id)

    def context_tag(self, context: SealContext, key_id: str | None = None) -> bytes:
        """HMAC-SHA256 (32 bytes) of the context: valid blobs can't be created without the server secret.

        Raises:
            CannotOpen: ``key_id`` is unknown to this server.
        """
        return hmac.digest(self._keys(key_id).context, context.encode(), "sha256")

    def encrypt(self, plaintext: bytes, *, purpose: str) -> bytes:
        """AES-256-GCM for data that workers need unattended (provider tokens, PRMs, webhook secrets); not for readings.

        Returns version (1 byte), key id (4), nonce (12), ciphertext and tag (16). The ``purpose`` is authenticated:
        put the row's id in it, so that a value copied to another row does not decrypt.
        """
        header = _ENVELOPE_VERSION + self._current.key_id
        # A random nonce is safe for 2^32 values under one secret; there are only a few values per account.
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + self._current.cipher.encrypt(nonce, plaintext, header + length_prefixed(purpose))

    def decrypt(self, blob: bytes, *, purpose: str) -> bytes:
        """The plaintext of a value that ``encrypt`` returned under any known secret.

        Raises:
            CannotOpen: tampered with, truncated, made for another purpose or under an unknown secret.
        """
        header, nonce, ciphertext = _split(blob)
        if header[:1] != _ENVELOPE_VERSION:
            raise CannotOpen
        cipher = self._keys(header[1:].hex()).cipher
        try:
            return cipher.decrypt(nonce, ciphertext, header + length_prefixed(purpose))
        except (InvalidTag, ValueError):
            raise CannotOpen from None

    def sign_token(self, message: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) under the current secret, as HS256 signs a JWT. Never used for authentication."""
        return hmac.digest(self._current.token, message, "sha256")

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature (64 bytes) under the current secret, verifiable with the public key."""
        return self._current.signer.sign(message)

    def is_signed(self, message: bytes, signature: bytes, *, key_id: str) -> bool:
        """Whether ``signature`` is valid for ``message`` under the secret with this id; ``False`` for an unknown id."""
        keys = self._by_id.get(key_id)
        if keys is None:
            return False
        try:
            keys.signer.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public_keys(self) -> dict[str, bytes]:
        """The public keys for verifying signatures (32 bytes each, not secret), by key id: the current one first."""
        return {key_id: keys.signer.public_key().public_bytes_raw() for key_id, keys in self._by_id.items()}

    def keyed_hash(self, text: str, *, purpose: str) -> str:
        """HMAC-SHA256 in hex under the current secret: indexes or logs values that must not be readable, as a PRM."""
        return _keyed_hash(self._current, text, purpose)

    def keyed_hashes(self, text: str, *, purpose: str) -> list[str]:
        """The keyed hash under the current secret, then under each previous one: for look-ups during a rotation."""
        return [_keyed_hash(keys, text, purpose) for keys in self._by_id.values()]

    def is_keyed_hash(self, hashed: str, text: str, *, purpose: str, key_id: str) -> bool:
        """Whether ``hashed`` is the keyed hash of ``text`` under the secret with this id, compared in constant time.

        Raises:
            CannotOpen: ``key_id`` is unknown to this server.
        """
        return hmac.compare_digest(hashed.encode(), _keyed_hash(self._keys(key_id), text, purpose).encode())

    def _keys(self, key_id: str | None) -> _SubKeys:
        if key_id is None:
            return self._current
        keys = self._by_id.get(key_id)
        if keys is None:
            raise CannotOpen
        return keys


def _keyed_hash(keys: _SubKeys, text: str, purpose: str) -> str:
    return hmac.digest(keys.lookup, length_prefixed(purpose, text), "sha256").hex()


def _split(blob: bytes) -> tuple[bytes, bytes, bytes]:
    header_end = len(_ENVELOPE_VERSION) + KEY_ID_BYTES
    nonce_end = header_end + NONCE_BYTES
    return blob[:header_end], blob[header_end:nonce_end], blob[nonce_end:]

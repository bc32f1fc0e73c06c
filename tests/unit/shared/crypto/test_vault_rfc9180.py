"""The vault's blobs are RFC 9180 HPKE: an independent implementation decrypts them, and the other way round.

The chain of proof: the implementation below (standard library, X25519 and AES-GCM only) reproduces the published
vectors, byte for byte; it decrypts what the vault encrypts, and the vault decrypts what it encrypts. The package's own
HPKE accepts no ``aad``, so the published ciphertexts (``aad`` "Count-0") can't be passed to it directly.
"""

import hashlib
import hmac
import struct
import tracemalloc
import zlib
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.crypto.api_key_format import verifier
from shared.crypto.vault import CannotOpen, SealContext, ServerSecret, new_vault, open_blob, seal, unwrap_private_key
from tests.support.cases import case

# RFC 9180, section 7: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, and the two AES-GCM.
KEM_ID, KDF_ID, AES_128_GCM, AES_256_GCM = 0x0020, 0x0001, 0x0001, 0x0002
KEM_SUITE = b"KEM" + KEM_ID.to_bytes(2, "big")
KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32}


# Independent implementation of the standard


def extract(salt: bytes, material: bytes) -> bytes:
    return hmac.digest(salt, material, "sha256")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    block, output = b"", b""
    while len(output) < length:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), "sha256")
        output += block
    return output[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + material)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def derive_private_key(material: bytes) -> bytes:
    """Section 7.1.3, DeriveKeyPair for X25519."""
    key = labeled_extract(KEM_SUITE, b"", b"dkp_prk", material)
    return labeled_expand(KEM_SUITE, key, b"sk", b"", 32)


def public_of(private_key: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def shared_secret(private_key: bytes, public_key: bytes, *, encapsulated: bytes, recipient: bytes) -> bytes:
    """Section 4.1, Encap and Decap without their ephemeral key."""
    agreed = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(public_key))
    key = labeled_extract(KEM_SUITE, b"", b"eae_prk", agreed)
    return labeled_expand(KEM_SUITE, key, b"shared_secret", encapsulated + recipient, 32)


def key_schedule(secret: bytes, info: bytes, aead_id: int) -> tuple[bytes, bytes]:
    """Section 5.1, base mode: the key and the base nonce."""
    suite = b"HPKE" + struct.pack(">HHH", KEM_ID, KDF_ID, aead_id)
    psk_id_hash = labeled_extract(suite, b"", b"psk_id_hash", b"")
    info_hash = labeled_extract(suite, b"", b"info_hash", info)
    context = b"\x00" + psk_id_hash + info_hash
    root = labeled_extract(suite, secret, b"secret", b"")
    key = labeled_expand(suite, root, b"key", context, KEY_BYTES[aead_id])
    return key, labeled_expand(suite, root, b"base_nonce", context, 12)


def hpke_seal(plaintext: bytes, public_key: bytes, info: bytes, aad: bytes, aead_id: int, ephemeral: bytes) -> bytes:
    """``enc || ct`` of the first message under a chosen ephemeral private key."""
    encapsulated = public_of(ephemeral)
    secret = shared_secret(ephemeral, public_key, encapsulated=encapsulated, recipient=public_key)
    key, nonce = key_schedule(secret, info, aead_id)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, aad)


def hpke_open(sealed: bytes, private_key: bytes, info: bytes, aad: bytes, aead_id: int) -> bytes:
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    secret = shared_secret(private_key, encapsulated, encapsulated=encapsulated, recipient=public_of(private_key))
    key, nonce = key_schedule(secret, info, aead_id)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)


# The published vectors


@dataclass(frozen=True)
class Vector:
    """Base mode, first encryption; everything in hex."""

    aead_id: int
    ephemeral_material: str
    recipient_material: str
    recipient_private: str
    recipient_public: str
    encapsulated: str
    ciphertext: str
    key: str | None = None
    base_nonce: str | None = None


INFO = b"Ode on a Grecian Urn"
PLAINTEXT = b"Beauty is truth, truth beauty"
AAD = b"Count-0"

APPENDIX_A_1_1 = Vector(
    aead_id=AES_128_GCM,
    ephemeral_material="7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
    recipient_material="6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
    recipient_private="4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    recipient_public="3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    encapsulated="37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    ciphertext="f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    key="4531685d41d65f03dc48f6b8302c05b0",
    base_nonce="56d890e5accaaf011cff4b7d",
)
# The suite of the vault: not printed in the RFC, but in the complete set of vectors published with it
# (test-vectors.json in github.com/cfrg/draft-irtf-cfrg-hpke: mode 0, kem 32, kdf 1, aead 2).
COMPANION_AES_256_GCM = Vector(
    aead_id=AES_256_GCM,
    ephemeral_material="2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9",
    recipient_material="dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
    recipient_private="497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
    recipient_public="430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
    encapsulated="6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
    ciphertext="e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
)
VECTORS = [APPENDIX_A_1_1, COMPANION_AES_256_GCM]


def test_the_independent_implementation_seals_the_published_bytes() -> None:
    for vector in VECTORS:
        with case(vector):
            ephemeral = derive_private_key(bytes.fromhex(vector.ephemeral_material))

            sealed = hpke_seal(PLAINTEXT, bytes.fromhex(vector.recipient_public), INFO, AAD, vector.aead_id, ephemeral)

            assert vector.encapsulated + vector.ciphertext == sealed.hex()


def test_the_independent_implementation_opens_the_published_bytes() -> None:
    for vector in VECTORS:
        with case(vector):
            private_key = derive_private_key(bytes.fromhex(vector.recipient_material))
            sealed = bytes.fromhex(vector.encapsulated + vector.ciphertext)

            assert vector.recipient_private == private_key.hex()
            assert vector.recipient_public == public_of(private_key).hex()
            assert PLAINTEXT == hpke_open(sealed, private_key, INFO, AAD, vector.aead_id)


def test_the_independent_key_schedule_gives_the_published_key_and_nonce() -> None:
    vector = APPENDIX_A_1_1
    encapsulated, public = bytes.fromhex(vector.encapsulated), bytes.fromhex(vector.recipient_public)
    private = bytes.fromhex(vector.recipient_private)
    secret = shared_secret(private, encapsulated, encapsulated=encapsulated, recipient=public)

    key, nonce = key_schedule(secret, INFO, vector.aead_id)

    assert (vector.key, vector.base_nonce) == (key.hex(), nonce.hex())


def test_the_package_opens_what_the_published_keys_seal() -> None:
    for vector in VECTORS:
        with case(vector):
            aead = {AES_128_GCM: AEAD.AES_128_GCM, AES_256_GCM: AEAD.AES_256_GCM}[vector.aead_id]
            suite = Suite(KEM.X25519, KDF.HKDF_SHA256, aead)
            ephemeral = derive_private_key(bytes.fromhex(vector.ephemeral_material))
            private = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector.recipient_private))

            sealed = hpke_seal(PLAINTEXT, bytes.fromhex(vector.recipient_public), INFO, b"", vector.aead_id, ephemeral)

            assert vector.encapsulated == sealed[:32].hex()
            assert PLAINTEXT == suite.decrypt(sealed, private, info=INFO)


# The vault against the standard


SERVER_TEXT = "synthetic-server-secret-number-one-0000"
SERVER = ServerSecret(SERVER_TEXT)
CONTEXT = SealContext("account-a", "point-1", "consumption_load_curve", "2026-03-29")


def documented_info(context: SealContext, server_secret: str) -> bytes:
    """HPKE's ``info`` as the format's documentation defines it, computed without the vault."""
    parts = (context.account_id, context.usage_point_id, context.dataset, context.window)
    encoded = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    tag_key = expand(extract(b"\x00" * 32, server_secret.encode()), b"releve/server/v1/context-tag", 32)
    return b"\x01" + encoded + hmac.digest(tag_key, encoded, "sha256")


def test_the_standard_opens_what_the_vault_seals() -> None:
    keys = new_vault()

    blob = seal(b"[1,2,null]", public_key=keys.public_key, context=CONTEXT, server=SERVER)

    packed = hpke_open(blob[5:], keys.private_key, documented_info(CONTEXT, SERVER_TEXT), b"", AES_256_GCM)
    assert b"\x01" + bytes.fromhex(SERVER.key_id) == blob[:5]
    assert b"\x00" + (10).to_bytes(4, "big") + b"[1,2,null]" + b"\x00" * 241 == packed


def standard_blob(packed: bytes, public_key: bytes) -> bytes:
    info = documented_info(CONTEXT, SERVER_TEXT)
    ephemeral = hashlib.sha256(b"any ephemeral key will do").digest()
    header = b"\x01" + bytes.fromhex(SERVER.key_id)
    return header + hpke_seal(packed, public_key, info, b"", AES_256_GCM, ephemeral)


def test_the_vault_opens_what_the_standard_seals() -> None:
    keys = new_vault()
    blob = standard_blob(b"\x00" + (10).to_bytes(4, "big") + b"[1,2,null]", keys.public_key)

    assert b"[1,2,null]" == open_blob(blob, private_key=keys.private_key, context=CONTEXT, server=SERVER)


def deflated_zeros(length: int) -> bytes:
    body = zlib.compress(b"\x00" * length, 9)
    return b"\x01" + len(body).to_bytes(4, "big") + body


def test_a_well_sealed_content_of_a_wrong_form_does_not_open() -> None:
    cases: list[bytes] = [
        b"",
        b"\x00\x00\x00\x00",
        b"\x00" + (11).to_bytes(4, "big") + b"[1,2,null]",
        b"\x02" + (10).to_bytes(4, "big") + b"[1,2,null]",
        b"\x01" + (10).to_bytes(4, "big") + b"[1,2,null]",
        deflated_zeros(1000)[:-1],
        b"\x01" + (8).to_bytes(4, "big") + deflated_zeros(1000)[5:13],
        deflated_zeros(4 * 1024 * 1024 + 1),
    ]

    for packed in cases:
        with case(packed):
            keys = new_vault()

            with pytest.raises(CannotOpen):
                open_blob(
                    standard_blob(packed, keys.public_key), private_key=keys.private_key, context=CONTEXT, server=SERVER
                )


def test_a_decompression_bomb_is_refused_without_being_unpacked() -> None:
    keys = new_vault()
    blob = standard_blob(deflated_zeros(200 * 1024 * 1024), keys.public_key)

    tracemalloc.start()
    try:
        with pytest.raises(CannotOpen):
            open_blob(blob, private_key=keys.private_key, context=CONTEXT, server=SERVER)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 20 * 1024 * 1024


# The format does not change by accident: data written by an earlier release must decrypt


def test_the_formats_of_stored_values_stay_as_they_are() -> None:
    secret = bytes(range(32))
    private_key = bytes.fromhex(COMPANION_AES_256_GCM.recipient_private)
    wrapping_key = expand(extract(b"\x00" * 32, secret), b"releve/api-key/v1/wrapping", 32)
    place = b"\x01" + b"\x00\x00\x00\x09account-a" + b"\x00\x00\x00\x05key-1"
    wrapped = b"\x01" + b"\x07" * 12 + AESGCM(wrapping_key).encrypt(b"\x07" * 12, private_key, place)
    encryption_key = expand(extract(b"\x00" * 32, SERVER_TEXT.encode()), b"releve/server/v1/encryption", 32)
    header = b"\x01" + bytes.fromhex(SERVER.key_id)
    envelope_place = header + b"\x00\x00\x00\x09webhook:1"
    envelope = header + b"\x07" * 12 + AESGCM(encryption_key).encrypt(b"\x07" * 12, b"whsec", envelope_place)
    verifying = expand(extract(b"\x00" * 32, secret), b"releve/api-key/v1/verifier", 32)

    assert private_key == unwrap_private_key(wrapped, secret, account_id="account-a", key_id="key-1")
    assert b"whsec" == SERVER.decrypt(envelope, purpose="webhook:1")
    assert hashlib.sha256(verifying).hexdigest() == verifier(secret)
    assert "631db7b2" == SERVER.key_id
    assert "cdbf9aa3b23801659d427a8fb4cbc1c50efd26156c32b47fda8827ee2b9d2d21" == SERVER.keyed_hash(
        "00000000000000", purpose="lookup"
    )


def test_an_encrypted_value_of_a_later_version_is_not_taken_for_one_of_today() -> None:
    encryption_key = expand(extract(b"\x00" * 32, SERVER_TEXT.encode()), b"releve/server/v1/encryption", 32)
    header = b"\x02" + bytes.fromhex(SERVER.key_id)
    place = header + b"\x00\x00\x00\x09webhook:1"
    envelope = header + b"\x07" * 12 + AESGCM(encryption_key).encrypt(b"\x07" * 12, b"whsec", place)

    with pytest.raises(CannotOpen):
        SERVER.decrypt(envelope, purpose="webhook:1")

"""Encrypted blobs, by examples: successful and failed decryption, and the contents of errors."""

import hashlib
import json
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.crypto.api_key_format import check_api_key, new_api_key
from shared.crypto.vault import (
    MAX_PLAINTEXT_BYTES,
    CannotOpen,
    Opener,
    SealContext,
    ServerSecret,
    VaultError,
    new_vault,
    open_blob,
    seal,
    unwrap_private_key,
    wrap_private_key,
)
from tests.support.cases import case
from tests.support.vault_examples import KEYS, flipped

SERVER_TEXT = "synthetic-server-secret-number-one-0000"


OTHER_SERVER_TEXT = "synthetic-server-secret-number-two-1111"


THIRD_SERVER_TEXT = "synthetic-server-secret-number-three-22"


SERVER = ServerSecret(SERVER_TEXT)


CONTEXT = SealContext("account-a", "point-1", "consumption_load_curve", "2026-03-29")


DAY = json.dumps({"step": 1800, "watts": [200 + 37 * n % 900 for n in range(48)]}).encode()


def sealed_day() -> bytes:
    return seal(DAY, public_key=KEYS.public_key, context=CONTEXT, server=SERVER)


# Blobs


def test_what_is_sealed_opens_unchanged() -> None:
    for plaintext in [
        b"",
        b"{}",
        DAY,
        b"\x00" * 5000,
        hashlib.shake_256(b"incompressible").digest(3000),
        b"0" * MAX_PLAINTEXT_BYTES,
    ]:
        with case(plaintext):
            blob = seal(plaintext, public_key=KEYS.public_key, context=CONTEXT, server=SERVER)

            opened = open_blob(blob, private_key=KEYS.private_key, context=CONTEXT, server=SERVER)

            assert plaintext == opened


def test_one_opener_opens_many_blobs_of_its_account() -> None:
    contexts = [replace(CONTEXT, window=f"2026-03-{day:02}") for day in range(1, 31)]
    blobs = [seal(c.window.encode(), public_key=KEYS.public_key, context=c, server=SERVER) for c in contexts]
    opener = Opener(KEYS.private_key, SERVER)

    opened = [opener.open(blob, context) for blob, context in zip(blobs, contexts, strict=True)]

    assert [context.window.encode() for context in contexts] == opened


def test_a_blob_names_its_version_and_the_server_key_and_shows_no_plaintext() -> None:
    blob = sealed_day()

    assert b"\x01" + bytes.fromhex(SERVER.key_id) == blob[:5]
    assert b"watts" not in blob
    assert CONTEXT.account_id.encode() not in blob


def test_sealing_the_same_day_twice_gives_different_bytes() -> None:
    assert sealed_day() != sealed_day()


def test_an_empty_home_and_a_busy_one_seal_to_the_same_length() -> None:
    empty = json.dumps({"step": 1800, "watts": [0] * 48}).encode()
    busy = json.dumps({"step": 1800, "watts": [5000 + 173 * n % 4000 for n in range(48)]}).encode()

    sealed = [seal(day, public_key=KEYS.public_key, context=CONTEXT, server=SERVER) for day in (empty, busy)]

    assert len(sealed[0]) == len(sealed[1])


def test_a_long_repetitive_content_is_compressed() -> None:
    plaintext = DAY * 30

    blob = seal(plaintext, public_key=KEYS.public_key, context=CONTEXT, server=SERVER)

    assert len(blob) < len(plaintext) / 10


def test_a_blob_with_any_byte_changed_does_not_open() -> None:
    blob = sealed_day()
    opener = Opener(KEYS.private_key, SERVER)

    for position in range(len(blob)):
        with pytest.raises(CannotOpen):
            opener.open(flipped(blob, position), CONTEXT)


def test_a_blob_cut_anywhere_or_lengthened_does_not_open() -> None:
    blob = sealed_day()
    opener = Opener(KEYS.private_key, SERVER)

    for candidate in [*(blob[:end] for end in range(len(blob))), blob + b"\x00", blob[1:]]:
        with pytest.raises(CannotOpen):
            opener.open(candidate, CONTEXT)


def test_a_blob_of_an_unknown_version_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        open_blob(b"\x02" + sealed_day()[1:], private_key=KEYS.private_key, context=CONTEXT, server=SERVER)


def test_a_blob_with_an_encapsulated_key_of_zeros_does_not_open() -> None:
    blob = sealed_day()

    with pytest.raises(CannotOpen):
        open_blob(blob[:5] + b"\x00" * 32 + blob[37:], private_key=KEYS.private_key, context=CONTEXT, server=SERVER)


def test_a_blob_moved_elsewhere_does_not_open() -> None:
    cases: list[SealContext] = [
        replace(CONTEXT, account_id="account-b"),
        replace(CONTEXT, usage_point_id="point-2"),
        replace(CONTEXT, dataset="production_load_curve"),
        replace(CONTEXT, window="2026-03-30"),
        replace(CONTEXT, window="2026-03"),
        SealContext("account-ap", "oint-1", "consumption_load_curve", "2026-03-29"),
        SealContext("point-1", "account-a", "consumption_load_curve", "2026-03-29"),
    ]

    for elsewhere in cases:
        with case(elsewhere), pytest.raises(CannotOpen):
            open_blob(sealed_day(), private_key=KEYS.private_key, context=elsewhere, server=SERVER)


def test_another_accounts_private_key_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        open_blob(sealed_day(), private_key=new_vault().private_key, context=CONTEXT, server=SERVER)


def test_what_is_no_private_key_does_not_open() -> None:
    for private_key in [b"", b"short", b"\x01" * 33]:
        with case(private_key), pytest.raises(CannotOpen):
            open_blob(sealed_day(), private_key=private_key, context=CONTEXT, server=SERVER)


def test_the_public_key_does_not_open_what_it_sealed() -> None:
    with pytest.raises(CannotOpen):
        open_blob(sealed_day(), private_key=KEYS.public_key, context=CONTEXT, server=SERVER)


def test_who_lacks_the_server_secret_cannot_forge_a_blob_even_with_the_right_key_id() -> None:
    forged = seal(DAY, public_key=KEYS.public_key, context=CONTEXT, server=ServerSecret(OTHER_SERVER_TEXT))
    disguised = forged[:1] + bytes.fromhex(SERVER.key_id) + forged[5:]

    for candidate in (forged, disguised):
        with pytest.raises(CannotOpen):
            open_blob(candidate, private_key=KEYS.private_key, context=CONTEXT, server=SERVER)


def test_after_a_rotation_old_blobs_open_while_the_old_secret_is_listed() -> None:
    old_blob = sealed_day()
    rotated = ServerSecret(OTHER_SERVER_TEXT, previous=[THIRD_SERVER_TEXT, SERVER_TEXT])
    new_blob = seal(DAY, public_key=KEYS.public_key, context=CONTEXT, server=rotated)

    opened = [
        open_blob(blob, private_key=KEYS.private_key, context=CONTEXT, server=rotated) for blob in (old_blob, new_blob)
    ]

    assert [DAY, DAY] == opened
    assert rotated.key_id == new_blob[1:5].hex()
    for blob, server in [(old_blob, ServerSecret(OTHER_SERVER_TEXT)), (new_blob, SERVER)]:
        with pytest.raises(CannotOpen):
            open_blob(blob, private_key=KEYS.private_key, context=CONTEXT, server=server)


def test_a_plaintext_over_the_limit_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="4 MiB"):
        seal(b"0" * (MAX_PLAINTEXT_BYTES + 1), public_key=KEYS.public_key, context=CONTEXT, server=SERVER)


def test_an_unusable_public_key_is_refused() -> None:
    for public_key in [b"", b"short", b"\x00" * 32]:
        with case(public_key), pytest.raises(ValueError, match=r"X25519|shared key"):
            seal(DAY, public_key=public_key, context=CONTEXT, server=SERVER)


# The contents of errors


def test_no_error_shows_key_material_nor_plaintext_nor_context() -> None:
    key = new_api_key()
    secret = check_api_key(key)
    wrapped = wrap_private_key(KEYS.private_key, secret, account_id="account-a", key_id="key-1")
    failures: list[Callable[[], object]] = [
        lambda: check_api_key(key[:-1] + ("0" if key[-1] != "0" else "1")),
        lambda: unwrap_private_key(flipped(wrapped, 20), secret, account_id="account-a", key_id="key-1"),
        lambda: unwrap_private_key(wrapped, b"\x09" * 32, account_id="account-a", key_id="key-1"),
        lambda: open_blob(sealed_day()[:-1], private_key=KEYS.private_key, context=CONTEXT, server=SERVER),
        lambda: open_blob(b"", private_key=KEYS.private_key, context=CONTEXT, server=SERVER),
        lambda: open_blob(sealed_day(), private_key=KEYS.private_key[:-1], context=CONTEXT, server=SERVER),
        lambda: SERVER.decrypt(b"\x01garbage", purpose="token:enedis"),
        lambda: ServerSecret(SERVER_TEXT[:31]),
        lambda: ServerSecret(SERVER_TEXT, previous=["too-short-previous"]),
    ]
    never_shown = [key, key[4:47], SERVER_TEXT[:31], "too-short-previous", DAY.decode(), CONTEXT.account_id]
    never_shown += [form(value) for value in (secret, KEYS.private_key) for form in (bytes.hex, repr, repr_inside)]

    for failure in failures:
        with pytest.raises((VaultError, ValueError)) as raised:
            failure()
        # A traceback quotes source lines, never values; this test checks every message in the chain.
        shown = "".join(traceback.TracebackException.from_exception(raised.value).format_exception_only())
        shown += repr(raised.value) + repr(raised.value.args) + repr(raised.value.__context__)
        assert [] == [text for text in never_shown if text in shown]


def repr_inside(value: bytes) -> str:
    return repr(value)[2:-1]

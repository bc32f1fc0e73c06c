"""The server's secret: encryption for unattended workers, keyed hashes, and rotation."""

import re

import pytest

from shared.crypto.server_secret import CannotOpen, SealContext, ServerSecret
from tests.support.cases import case

FIRST_TEXT = "synthetic-server-secret-number-one-0000"
SECOND_TEXT = "synthetic-server-secret-number-two-1111"
THIRD_TEXT = "synthetic-server-secret-number-three-22"
CONTEXT = SealContext("account-a", "point-1", "daily_consumption", "2026-03")


def test_a_secret_of_32_characters_is_accepted_and_of_31_refused_without_repeating_it() -> None:
    ServerSecret("x7" * 16)

    with pytest.raises(ValueError, match="at least 32 characters") as refused:
        ServerSecret("secret-of-31-characters-xxxxxxx")

    assert "secret-of-31" not in str(refused.value)


def test_blanks_at_the_ends_do_not_lengthen_a_secret() -> None:
    for text in ["", " " * 40, "secret-of-31-characters-xxxxxxx\n"]:
        with case(text), pytest.raises(ValueError, match="at least 32 characters"):
            ServerSecret(text)


def test_a_short_previous_secret_is_refused_too() -> None:
    with pytest.raises(ValueError, match="at least 32 characters"):
        ServerSecret(FIRST_TEXT, previous=["short"])


def test_the_repr_shows_the_key_id_and_no_secret() -> None:
    server = ServerSecret(FIRST_TEXT, previous=[SECOND_TEXT])

    shown = repr(server) + str(server)

    assert server.key_id in shown
    assert FIRST_TEXT not in shown
    assert SECOND_TEXT not in shown


def test_the_key_id_is_short_stable_and_not_a_part_of_the_secret() -> None:
    server = ServerSecret(FIRST_TEXT)

    assert re.fullmatch(r"[0-9a-f]{8}", server.key_id)
    assert server.key_id == ServerSecret(FIRST_TEXT, previous=[SECOND_TEXT]).key_id
    assert server.key_id != ServerSecret(SECOND_TEXT).key_id
    assert bytes.fromhex(server.key_id) not in FIRST_TEXT.encode()


# Encrypting


def test_what_is_encrypted_decrypts_unchanged() -> None:
    for plaintext in [b"", b"token", b"\x00" * 3000]:
        with case(plaintext):
            server = ServerSecret(FIRST_TEXT)

            assert plaintext == server.decrypt(
                server.encrypt(plaintext, purpose="token:enedis"), purpose="token:enedis"
            )


def test_an_encrypted_value_is_different_each_time_and_unreadable() -> None:
    server = ServerSecret(FIRST_TEXT)
    first, second = (server.encrypt(b"provider-token", purpose="token:enedis") for _ in range(2))

    assert first != second
    assert b"provider-token" not in first


def test_a_value_does_not_decrypt_for_another_purpose() -> None:
    for purpose in ["token:rte", "token:enedi", "", "webhook:1"]:
        with case(purpose):
            server = ServerSecret(FIRST_TEXT)
            blob = server.encrypt(b"provider-token", purpose="token:enedis")

            with pytest.raises(CannotOpen):
                server.decrypt(blob, purpose=purpose)


def test_a_value_with_any_byte_changed_or_cut_does_not_decrypt() -> None:
    server = ServerSecret(FIRST_TEXT)
    blob = server.encrypt(b"provider-token", purpose="token:enedis")
    changed = [blob[:n] + bytes([blob[n] ^ 0x80]) + blob[n + 1 :] for n in range(len(blob))]

    for candidate in [*changed, *(blob[:n] for n in range(len(blob))), blob + b"\x00"]:
        with pytest.raises(CannotOpen):
            server.decrypt(candidate, purpose="token:enedis")


def test_after_a_rotation_old_values_decrypt_while_their_secret_is_listed() -> None:
    old = ServerSecret(FIRST_TEXT).encrypt(b"webhook-secret", purpose="webhook:1")
    rotated = ServerSecret(SECOND_TEXT, previous=[FIRST_TEXT])

    assert b"webhook-secret" == rotated.decrypt(old, purpose="webhook:1")
    assert rotated.key_id == rotated.encrypt(b"", purpose="webhook:1")[1:5].hex()
    with pytest.raises(CannotOpen):
        ServerSecret(SECOND_TEXT).decrypt(old, purpose="webhook:1")


# Hashing


def test_a_keyed_hash_is_stable_hex_and_differs_by_text_purpose_and_secret() -> None:
    server = ServerSecret(FIRST_TEXT)
    point = "00000000000000"

    hashed = server.keyed_hash(point, purpose="lookup")

    assert re.fullmatch(r"[0-9a-f]{64}", hashed)
    assert hashed == server.keyed_hash(point, purpose="lookup")
    others = {
        server.keyed_hash("00000000000001", purpose="lookup"),
        server.keyed_hash(point, purpose="log"),
        server.keyed_hash("p" + point, purpose="looku"),
        ServerSecret(SECOND_TEXT).keyed_hash(point, purpose="lookup"),
    }
    assert 4 == len(others - {hashed})


def test_keyed_hashes_give_the_current_one_first_then_the_previous_ones_in_order() -> None:
    rotated = ServerSecret(THIRD_TEXT, previous=[SECOND_TEXT, FIRST_TEXT])
    expected = [ServerSecret(text).keyed_hash("x", purpose="lookup") for text in (THIRD_TEXT, SECOND_TEXT, FIRST_TEXT)]

    assert expected == rotated.keyed_hashes("x", purpose="lookup")
    assert expected[0] == rotated.keyed_hash("x", purpose="lookup")


def test_a_secret_listed_twice_counts_once() -> None:
    server = ServerSecret(FIRST_TEXT, previous=[FIRST_TEXT, SECOND_TEXT, SECOND_TEXT])

    assert 2 == len(server.keyed_hashes("x", purpose="lookup"))


# Context tags


def test_a_context_tag_needs_the_secret_that_its_key_id_names() -> None:
    first, rotated = ServerSecret(FIRST_TEXT), ServerSecret(SECOND_TEXT, previous=[FIRST_TEXT])

    assert 32 == len(first.context_tag(CONTEXT))
    assert first.context_tag(CONTEXT) == rotated.context_tag(CONTEXT, first.key_id)
    assert first.context_tag(CONTEXT) != rotated.context_tag(CONTEXT)
    with pytest.raises(CannotOpen):
        first.context_tag(CONTEXT, rotated.key_id)

"""API keys and the wrapping of private keys, by examples."""

import re
import zlib

import pytest

from shared.crypto.api_key_format import KEY_PREFIX, check_api_key, new_api_key, verifier
from shared.crypto.vault import (
    CannotOpen,
    MalformedApiKey,
    VaultKeys,
    new_vault,
    unwrap_private_key,
    wrap_private_key,
)
from tests.support.cases import case
from tests.support.vault_examples import KEYS, flipped

# API keys


def test_a_new_api_key_has_the_published_form() -> None:
    key = new_api_key()

    assert re.fullmatch(r"rlv_[0-9A-Za-z]{49}", key)


def test_two_new_api_keys_differ_and_each_gives_32_secret_bytes() -> None:
    secrets = {check_api_key(new_api_key()) for _ in range(20)}

    assert {32} == {len(secret) for secret in secrets}
    assert 20 == len(secrets)


def test_a_known_api_key_keeps_its_secret_for_ever() -> None:
    assert bytes(range(32)) == check_api_key("rlv_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0CwSXt")


def test_what_is_not_an_api_key_is_refused() -> None:
    cases: list[str] = [
        "",
        KEY_PREFIX,
        "rlv_" + "0" * 49,  # right form, wrong checksum
        "xyz_" + new_api_key()[4:],
        new_api_key()[4:],
        new_api_key()[:-1],
        new_api_key() + "0",
        " " + new_api_key(),
        new_api_key() + "\n",
        new_api_key().replace("rlv_", "RLV_"),
        new_api_key()[:-1] + "é",
        new_api_key()[:-1] + "\u0661",  # a digit for Unicode, none for us
        "rlv_" + "\ud800" * 49,
        "rlv_" + "a" * 5_000_000,
    ]

    for text in cases:
        with case(text), pytest.raises(MalformedApiKey):
            check_api_key(text)


def test_a_key_beyond_256_bits_is_refused_although_its_checksum_is_right() -> None:
    body = KEY_PREFIX + "z" * 43
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    crc, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        checksum = digits[digit] + checksum

    with pytest.raises(MalformedApiKey):
        check_api_key(body + checksum)


def test_the_refusal_of_an_api_key_does_not_repeat_it() -> None:
    key = new_api_key()

    with pytest.raises(MalformedApiKey) as refused:
        check_api_key(key + "x")

    assert key not in str(refused.value) + repr(refused.value) + repr(refused.value.args)
    assert refused.value.__context__ is None


def test_a_verifier_is_stable_hex_and_different_for_each_key() -> None:
    first, second = verifier(b"\x01" * 32), verifier(b"\x02" * 32)

    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert first == verifier(b"\x01" * 32)
    assert first != second


def test_the_verifier_does_not_unwrap_the_private_key() -> None:
    secret = check_api_key(new_api_key())
    wrapped = wrap_private_key(KEYS.private_key, secret, account_id="account-a", key_id="key-1")

    with pytest.raises(CannotOpen):
        unwrap_private_key(wrapped, bytes.fromhex(verifier(secret)), account_id="account-a", key_id="key-1")


# The account's key pair


def test_a_new_vault_has_two_keys_of_32_bytes_and_is_new_each_time() -> None:
    keys = new_vault()

    assert (32, 32) == (len(keys.public_key), len(keys.private_key))
    assert keys != new_vault()


def test_the_repr_of_a_key_pair_hides_the_private_half() -> None:
    shown = repr(VaultKeys(public_key=b"P" * 32, private_key=b"S" * 32))

    assert "P" * 32 in shown
    assert "SS" not in shown


def test_each_of_several_api_keys_unwraps_the_same_private_key() -> None:
    secrets = {f"key-{n}": check_api_key(new_api_key()) for n in range(3)}
    wrapped = {
        key_id: wrap_private_key(KEYS.private_key, secret, account_id="account-a", key_id=key_id)
        for key_id, secret in secrets.items()
    }

    for key_id, secret in secrets.items():
        opened = unwrap_private_key(wrapped[key_id], secret, account_id="account-a", key_id=key_id)
        assert KEYS.private_key == opened


def test_wrapping_twice_gives_different_bytes_and_neither_shows_the_key() -> None:
    secret = check_api_key(new_api_key())
    first, second = (
        wrap_private_key(KEYS.private_key, secret, account_id="account-a", key_id="key-1") for _ in range(2)
    )

    assert first != second
    assert KEYS.private_key not in first + second


def test_a_wrapped_key_moved_to_another_row_does_not_unwrap() -> None:
    cases: list[tuple[str, str]] = [
        ("account-b", "key-1"),
        ("account-a", "key-2"),
        ("account-ak", "ey-1"),
        ("key-1", "account-a"),
        ("", ""),
    ]

    for account_id, key_id in cases:
        with case(account_id, key_id):
            secret = check_api_key(new_api_key())
            wrapped = wrap_private_key(KEYS.private_key, secret, account_id="account-a", key_id="key-1")

            with pytest.raises(CannotOpen):
                unwrap_private_key(wrapped, secret, account_id=account_id, key_id=key_id)


def test_another_api_key_does_not_unwrap() -> None:
    wrapped = wrap_private_key(KEYS.private_key, b"\x01" * 32, account_id="account-a", key_id="key-1")

    with pytest.raises(CannotOpen):
        unwrap_private_key(wrapped, b"\x02" * 32, account_id="account-a", key_id="key-1")


def test_a_wrapped_key_with_any_byte_changed_or_cut_does_not_unwrap() -> None:
    wrapped = wrap_private_key(KEYS.private_key, b"\x01" * 32, account_id="account-a", key_id="key-1")
    broken = [flipped(wrapped, n) for n in range(len(wrapped))] + [wrapped[:n] for n in range(len(wrapped))]

    for candidate in [*broken, wrapped + b"\x00"]:
        with pytest.raises(CannotOpen):
            unwrap_private_key(candidate, b"\x01" * 32, account_id="account-a", key_id="key-1")


def test_wrapping_something_that_is_no_private_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_private_key(b"short", b"\x01" * 32, account_id="account-a", key_id="key-1")

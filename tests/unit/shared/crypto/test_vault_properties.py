"""The vault for any input: properties tested with hypothesis."""

from collections.abc import Sequence

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.crypto.api_key_format import check_api_key, new_api_key
from shared.crypto.vault import (
    CannotOpen,
    MalformedApiKey,
    Opener,
    SealContext,
    ServerSecret,
    new_vault,
    seal,
    unwrap_private_key,
    wrap_private_key,
)

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SERVER = ServerSecret("synthetic-server-secret-number-one-0000")
KEYS = new_vault()
OPENER = Opener(KEYS.private_key, SERVER)
API_KEY = new_api_key()
CONTEXT = SealContext("account-a", "point-1", "daily_consumption", "2026-03")
BLOB = seal(b"reading", public_key=KEYS.public_key, context=CONTEXT, server=SERVER)

any_text = st.text(st.characters(exclude_categories=[]), max_size=12)  # lone surrogates too
contexts = st.builds(SealContext, any_text, any_text, any_text, any_text)
# The machine may be busy: these tests do not measure speed.
unhurried = settings(max_examples=150)


def is_api_key(text: str) -> bool:
    try:
        check_api_key(text)
    except MalformedApiKey:
        return False
    return True


def opens(blob: bytes, context: SealContext = CONTEXT) -> bool:
    try:
        OPENER.open(blob, context)
    except CannotOpen:
        return False
    return True


def decode_length_prefixed(data: bytes) -> Sequence[str]:
    """The inverse of the context's encoding: its existence makes the encoding unambiguous."""
    parts = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        parts.append(data[4:end].decode("utf-8", "surrogatepass"))
        data = data[end:]
    return parts


@unhurried
@given(position=st.integers(0, len(API_KEY) - 1), character=st.sampled_from(BASE62 + "_-é "))
def test_any_one_character_mistyped_in_an_api_key_is_noticed(position: int, character: str) -> None:
    assume(character != API_KEY[position])

    assert not is_api_key(API_KEY[:position] + character + API_KEY[position + 1 :])


def test_every_single_character_typo_of_one_key_is_noticed() -> None:
    typos = [
        API_KEY[:n] + character + API_KEY[n + 1 :]
        for n in range(len(API_KEY))
        for character in BASE62
        if character != API_KEY[n]
    ]

    assert [] == [position for position, typo in enumerate(typos) if is_api_key(typo)]


@unhurried
@given(position=st.integers(0, 45))
def test_two_neighbours_swapped_in_the_body_of_an_api_key_are_noticed(position: int) -> None:
    left, right = API_KEY[position], API_KEY[position + 1]
    assume(left != right)

    assert not is_api_key(API_KEY[:position] + right + left + API_KEY[position + 2 :])


@unhurried
@given(text=st.text(max_size=80))
@example(text="rlv_")
def test_any_text_is_an_api_key_or_refused_as_malformed(text: str) -> None:
    assert not is_api_key(text)


@unhurried
@given(plaintext=st.binary(max_size=2000), context=contexts)
def test_any_plaintext_opens_unchanged_in_its_own_context(plaintext: bytes, context: SealContext) -> None:
    blob = seal(plaintext, public_key=KEYS.public_key, context=context, server=SERVER)

    assert plaintext == OPENER.open(blob, context)


@unhurried
@given(context=contexts)
def test_a_blob_opens_in_no_other_context(context: SealContext) -> None:
    assume(context != CONTEXT)

    assert not opens(BLOB, context)


@unhurried
@given(context=contexts)
@example(context=SealContext("", "", "", ""))
@example(context=SealContext("\ud800\udc00", "\U00010000", "\x00\x00\x00\x01", "é"))
def test_the_encoding_of_a_context_gives_the_context_back(context: SealContext) -> None:
    expected = [context.account_id, context.usage_point_id, context.dataset, context.window]

    assert expected == decode_length_prefixed(context.encode())


@unhurried
@given(first=contexts, second=contexts)
def test_two_contexts_have_the_same_encoding_only_if_they_are_equal(first: SealContext, second: SealContext) -> None:
    assert (first == second) == (first.encode() == second.encode())


@unhurried
@given(garbage=st.binary(max_size=400))
@example(garbage=b"")
@example(garbage=b"\x01")
def test_random_bytes_never_open_and_raise_nothing_else(garbage: bytes) -> None:
    assert not opens(garbage)
    assert not opens(BLOB[:5] + garbage)
    assert not opens(BLOB[:37] + garbage)


@unhurried
@given(position=st.integers(0, len(BLOB) - 1), mask=st.integers(1, 255))
def test_any_change_of_any_byte_of_a_blob_is_noticed(position: int, mask: int) -> None:
    # Also the top bit of the encapsulated key: X25519 ignores it (RFC 7748, section 5), but HPKE hashes it in.
    assert not opens(BLOB[:position] + bytes([BLOB[position] ^ mask]) + BLOB[position + 1 :])


@unhurried
@given(garbage=st.binary(max_size=120), purpose=any_text)
def test_random_bytes_are_neither_unwrapped_nor_decrypted(garbage: bytes, purpose: str) -> None:
    refused = 0
    for blob in (garbage, b"\x01" + garbage, b"\x01" + bytes.fromhex(SERVER.key_id) + garbage):
        try:
            SERVER.decrypt(blob, purpose=purpose)
        except CannotOpen:
            refused += 1
        try:
            unwrap_private_key(blob, b"\x01" * 32, account_id=purpose, key_id=purpose)
        except CannotOpen:
            refused += 1

    assert 6 == refused


@unhurried
@given(secret=st.binary(min_size=32, max_size=32), account_id=any_text, key_id=any_text)
def test_any_wrapped_key_unwraps_in_its_own_row(secret: bytes, account_id: str, key_id: str) -> None:
    wrapped = wrap_private_key(KEYS.private_key, secret, account_id=account_id, key_id=key_id)

    assert KEYS.private_key == unwrap_private_key(wrapped, secret, account_id=account_id, key_id=key_id)


@unhurried
@given(plaintext=st.binary(max_size=500), purpose=any_text, other=any_text)
def test_a_purpose_is_bound_to_what_it_encrypted(plaintext: bytes, purpose: str, other: str) -> None:
    assume(purpose != other)
    blob = SERVER.encrypt(plaintext, purpose=purpose)

    assert plaintext == SERVER.decrypt(blob, purpose=purpose)
    try:
        SERVER.decrypt(blob, purpose=other)
    except CannotOpen:
        return
    raise AssertionError("a value decrypted for a purpose that it was not made for")

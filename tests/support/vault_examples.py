"""Synthetic keys and contents of the vault's examples."""

from shared.crypto.vault import (
    new_vault,
)

KEYS = new_vault()


def flipped(data: bytes, position: int) -> bytes:
    """The data with one bit changed at this position."""
    return data[:position] + bytes([data[position] ^ 0x01]) + data[position + 1 :]

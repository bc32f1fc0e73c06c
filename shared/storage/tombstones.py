"""The keys of tombstones of erased accounts and usage points, which refuse new jobs and events."""

import hashlib


def erased_key(erased_id: str) -> str:
    """The key that marks an account or a usage point as erased, which refuses new jobs and events."""
    # A hash, so that not even the erased id remains. It can't be reversed by guessing, because ids are random.
    return f"erased:{hashlib.sha256(erased_id.encode()).hexdigest()[:32]}"

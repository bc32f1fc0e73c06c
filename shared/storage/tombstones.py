"""Marks of what was erased: no new job, no event. Only where they are."""

import hashlib


def erased_key(erased_id: str) -> str:
    """Where it is marked that an account or a usage point is gone: no new job, no event."""
    # A hash: of what is erased not even the id stays. It can't be guessed, for ids are random.
    return f"erased:{hashlib.sha256(erased_id.encode()).hexdigest()[:32]}"

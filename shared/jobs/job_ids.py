"""The ids of jobs: each contains a checksum of itself and its account; pure.

The checksum distinguishes an expired job from one that never existed, without storing anything. It is not secret: an id
of another account fails the check of this account.
"""

import hashlib
import secrets

_PREFIX = "job_"
_RANDOM_DIGITS = 24
_CHECK_DIGITS = 12


def new_job_id(account_id: str) -> str:
    """An id for a job of this account: 96 random bits and a 48-bit checksum, in hex."""
    chance = secrets.token_hex(_RANDOM_DIGITS // 2)
    return _PREFIX + chance + _check(chance, account_id)


def is_job_id_of(account_id: str, job_id: str) -> bool:
    """Whether this id was generated for a job of this account."""
    digits = job_id.removeprefix(_PREFIX)
    if len(digits) != _RANDOM_DIGITS + _CHECK_DIGITS or digits == job_id:
        return False
    return _check(digits[:_RANDOM_DIGITS], account_id) == digits[_RANDOM_DIGITS:]


def _check(chance: str, account_id: str) -> str:
    return hashlib.sha256(f"job/{chance}/{account_id}".encode()).hexdigest()[:_CHECK_DIGITS]

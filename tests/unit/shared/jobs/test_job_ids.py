"""The ids of jobs: an account's own ids are recognised, even after the job is deleted."""

from shared.jobs.job_ids import is_job_id_of, new_job_id
from tests.support.cases import case

ACCOUNT, OTHER = "acct_0123456789abcdef01234567", "acct_76543210fedcba9876543210"


def test_an_account_knows_its_own_ids_and_no_other_account_does() -> None:
    ids = {new_job_id(ACCOUNT) for _ in range(100)}

    assert 100 == len(ids)
    assert all(is_job_id_of(ACCOUNT, each) for each in ids)
    assert not any(is_job_id_of(OTHER, each) for each in ids)


def test_what_was_never_made_is_known_to_nobody() -> None:
    for job_id in ["", "job_", "job_0123456789abcdef01234567", "job_" + "0" * 36, "0" * 40]:
        with case(job_id):
            assert not is_job_id_of(ACCOUNT, job_id)


def test_an_id_of_which_one_digit_was_changed_is_unknown() -> None:
    made = new_job_id(ACCOUNT)
    changed = [
        made[:index] + ("1" if digit == "0" else "0") + made[index + 1 :]
        for index, digit in enumerate(made)
        if index >= 4
    ]

    assert not any(is_job_id_of(ACCOUNT, each) for each in changed)

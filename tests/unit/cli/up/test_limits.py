"""The supervisor's time limits."""

from cli.services import GRACEFUL_SHUTDOWN_SECONDS
from cli.up.guard import LAST_GRACE_SECONDS
from cli.up.supervisor import Limits


def test_stages_of_a_stop_together_stay_within_the_promised_15_seconds() -> None:
    assert sum(Limits().stop_seconds) <= 13.0, "no room is left for killing and collecting"


def test_requests_are_given_less_time_than_the_process_that_serves_them() -> None:
    assert Limits().stop_seconds[0] > GRACEFUL_SHUTDOWN_SECONDS


def test_guard_ends_everything_within_the_time_that_the_next_start_waits() -> None:
    from cli.up.data_directory import TAKE_OVER_SECONDS

    assert len(Limits().stop_seconds) * LAST_GRACE_SECONDS < TAKE_OVER_SECONDS

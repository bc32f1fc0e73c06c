"""Whole processes at another time: the times of the suite, and the nights of the chaos bench."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bench import clock
from tests.support.dates import _ALIKE, MOMENTS, of_the_day

NEW_YEAR = datetime(2027, 1, 1, 0, 1, tzinfo=ZoneInfo("Europe/Paris"))
TELL = "import datetime; print(datetime.datetime.now(datetime.UTC).isoformat())"
# Long enough for a busy machine.
A_WHILE = timedelta(hours=1)


def now_there(variables: Mapping[str, str], program: str = TELL) -> datetime:
    environ = {**os.environ, **variables}
    told = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    return datetime.fromisoformat(told.stdout.strip())


def test_a_process_lives_at_the_moment_that_it_is_given_and_so_do_those_that_it_starts() -> None:
    variables = clock.at(NEW_YEAR.timestamp())
    grandchild = f"import sys, subprocess; subprocess.run([sys.executable, '-c', {TELL!r}], check=True)"

    for program in (TELL, grandchild):
        assert NEW_YEAR <= now_there(variables, program) < NEW_YEAR + A_WHILE, program


def test_a_shift_adds_to_the_one_that_is_there() -> None:
    new_year = {**os.environ, **clock.at(NEW_YEAR.timestamp())}

    later = now_there(clock.later(86_400, new_year))

    assert NEW_YEAR + timedelta(days=1) <= later < NEW_YEAR + timedelta(days=1) + A_WHILE


def test_every_moment_has_its_day() -> None:
    days = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(len(MOMENTS))]

    assert set(MOMENTS) == {of_the_day(day) for day in days}


def test_what_is_left_out_of_a_run_are_moments_and_twelve_are_taken() -> None:
    assert set(MOMENTS) >= _ALIKE
    assert 12 <= len(MOMENTS) - len(_ALIKE)

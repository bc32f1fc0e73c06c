"""The times at which every test must pass, and a command that runs the tests at them.

    python -m tests.support.dates --list
    python -m tests.support.dates [--one-database] [--all | --of-the-day | --at MOMENT ...] [-- pytest arguments]

The clock of every Python process of a run starts at that time, in the tests and in the processes they start; Valkey and
PostgreSQL keep the machine's time.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bench import clock

PARIS = ZoneInfo("Europe/Paris")
MOMENTS = {
    "2026-10-25T00:30+02:00": "the night in which clocks are put back, a Sunday",
    "2026-10-25T02:30+02:00": "its half past two",
    "2026-10-25T02:30+01:00": "its other half past two",
    "2026-10-25T03:30+01:00": "the morning after",
    "2026-10-29T00:05+01:00": "four days after, just after midnight",
    "2026-11-02T07:59+01:00": "eight days after, a Monday, before the hour at which Enedis begins to publish",
    "2026-12-04T08:01+01:00": "forty days after, when that hour has come",
    "2026-12-05T12:00+01:00": "forty-one days after",
    "2026-12-31T23:59+01:00": "the year ends while tests run",
    "2027-01-01T00:01+01:00": "the year has begun",
    "2027-02-28T18:00+01:00": "the last of February, a Sunday",
    "2027-03-28T00:30+01:00": "the night in which clocks are put forward",
    "2027-03-28T01:59+01:00": "they are put forward while tests run",
    "2027-03-28T03:30+02:00": "the morning after",
    "2027-04-01T00:05+02:00": "four days after, just after midnight",
    "2027-04-05T07:59+02:00": "eight days after, a Monday",
    "2027-05-07T08:01+02:00": "forty days after",
    "2027-05-08T12:00+02:00": "forty-one days after",
    "2028-02-29T12:00+01:00": "the day that most years lack",
}
# Left out of a run that must end within the hour: another time of the list is similar.
_ALIKE = {
    "2026-10-25T03:30+01:00",
    "2026-12-05T12:00+01:00",
    "2027-02-28T18:00+01:00",
    "2027-03-28T00:30+01:00",
    "2027-04-01T00:05+02:00",
    "2027-05-07T08:01+02:00",
    "2027-05-08T12:00+02:00",
}
DATABASES = ("sqlite", "postgresql")
# The module is also a pytest plug-in, and was imported before pytest.
_IMPORTED_EARLY = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"


def of_the_day(now: datetime) -> str:
    """A different time every day, all of them in turn."""
    return list(MOMENTS)[now.timetuple().tm_yday % len(MOMENTS)]


def _moments(is_whole: bool) -> list[str]:
    return [moment for moment in MOMENTS if is_whole or moment not in _ALIKE]


def database_of(moment: str) -> str:
    """Each database in turn: a failure due to the day occurs on both, a failure due to the database on many days."""
    return DATABASES[list(MOMENTS).index(moment) % len(DATABASES)]


def run_at(moment: str, arguments: Sequence[str]) -> int:
    """Run pytest at that time; returns its exit status."""
    there = datetime.fromisoformat(moment)
    # A time without a zone is in Paris time.
    there = there if there.tzinfo else there.replace(tzinfo=PARIS)
    environ = {**os.environ, **clock.at(there.timestamp())}
    argv = [sys.executable, "-m", "pytest", "-W", _IMPORTED_EARLY, *arguments]
    return subprocess.run(argv, env=environ, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the tests at each time, and report after each whether all passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.dates", description="Run pytest at other moments.")
    parser.add_argument("--list", action="store_true", help="print the moments and end")
    parser.add_argument("--all", action="store_true", help="every moment, also those that are much like another")
    parser.add_argument("--of-the-day", action="store_true", help="one moment, another one every day")
    parser.add_argument("--at", action="append", metavar="MOMENT", help="this one, in Paris unless it says otherwise")
    parser.add_argument("--one-database", action="store_true", help="each moment on one database, in turn")
    parser.add_argument("pytest", nargs="*", metavar="PYTEST", help="what pytest takes, after --")
    wanted = parser.parse_args(arguments)
    if wanted.list:
        sys.stdout.writelines(f"{moment}  {why}\n" for moment, why in MOMENTS.items())
        return 0
    moments = [of_the_day(datetime.now(UTC))] if wanted.of_the_day else wanted.at or _moments(wanted.all)
    results = []
    for moment in moments:
        sys.stdout.write(f"== {moment}: {MOMENTS.get(moment, 'as asked')}\n")
        sys.stdout.flush()
        begun = time.monotonic()
        database = ("--database", database_of(moment)) if wanted.one_database and moment in MOMENTS else ()
        status = run_at(moment, [*database, *wanted.pytest])
        results.append((moment, status, time.monotonic() - begun))
    for moment, status, seconds in results:
        sys.stdout.write(f"{'passed' if status == 0 else f'FAILED ({status})'}  {moment}  {seconds:.0f} s\n")
    return max(status for _, status, _ in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A command that runs the tests that start processes three times, while eight other processes load the machine.

    python -m tests.support.busy [-- pytest arguments]

A test that passes only on an idle machine waits for a fixed time where it should wait for an event.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

from tests.support.guarded import guarding

TIMES = 3
BUSY_PROCESSES = 8
# More test processes get a larger share of the processors that the busy processes use.
TEST_PROCESSES = "3"
PATHS = (
    "tests/acceptance",
    "tests/integration/cli",
    "tests/integration/workers/quota/test_pacer_processes.py",
    "tests/integration/workers/quota/test_pacer_restart.py",
    "tests/integration/workers/test_processes.py",
)


def main(arguments: Sequence[str]) -> int:
    """Run all of them, and report at the end which passed."""
    results = []
    with guarding() as guard:
        for _ in range(BUSY_PROCESSES):
            guard.start([sys.executable, "-c", "while True: pass"])
        for _ in range(TIMES):
            begun = time.monotonic()
            argv = [sys.executable, "-m", "pytest", "--numprocesses", TEST_PROCESSES, *(arguments or PATHS)]
            status = subprocess.run(argv, check=False).returncode
            results.append((status, time.monotonic() - begun))
    for status, seconds in results:
        sys.stdout.write(f"{'passed' if status == 0 else f'FAILED ({status})'} in {seconds:.0f} s\n")
    return max(status for status, _ in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

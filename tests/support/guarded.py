"""Servers of tests that stop however the test process ends: under the same guard as `releve up` uses."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.up import guard


class Guard:
    """The processes to end, and the directories to remove, when the test process has ended."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Send commands to ``process``, a running `guard.py watch`, through its standard input."""
        self._process = process

    def start(self, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a process in its own group, which ends with the guard; ``options`` are those of `Popen`."""
        started = subprocess.Popen(argv, start_new_session=True, **options)
        self._tell(f"group {started.pid} 0")
        return started

    def forget(self, ended: "subprocess.Popen[bytes]") -> None:
        """Forget a process that has ended and was reaped: another process may get its id."""
        self._tell(f"ended {ended.pid}")

    def remove(self, directory: Path) -> None:
        """Remove this directory when the guard ends."""
        self._tell(f"directory {directory}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def guarding() -> Iterator[Guard]:
    """Run a guard; on exit, every process started under it has ended and its directories are removed."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, "watch"],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield Guard(process)
    finally:
        process.stdin.close()
        process.wait()

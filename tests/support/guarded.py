"""A server of the tests' own that goes away however their process ends: under the same guard as under `releve up`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.up import guard


class Guard:
    """What has to end, and what has to be removed, when the test process is gone."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Tell ``process``, a running `guard.py watch`, through its standard input."""
        self._process = process

    def start(self, argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a process, in a group of its own that ends with the guard; ``options`` are those of `Popen`."""
        started = subprocess.Popen(argv, start_new_session=True, **options)
        self._tell(f"group {started.pid} 0")
        return started

    def forget(self, ended: "subprocess.Popen[bytes]") -> None:
        """A process has ended and was collected: its number may become somebody else's."""
        self._tell(f"ended {ended.pid}")

    def remove(self, directory: Path) -> None:
        """Remove this directory in the end."""
        self._tell(f"directory {directory}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def guarding() -> Iterator[Guard]:
    """A guard; when the block is left, everything that was started under it has ended and what it removes is gone."""
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

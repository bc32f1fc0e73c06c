"""The two small programs that make sure nothing outlives the supervisor, whatever kills it.

Run as a script with nothing but the standard library (`python -I -S guard.py gate|watch …`):

- `gate COMMAND…` waits for one byte on its standard input and then becomes COMMAND. If the supervisor dies first, the
  pipe closes and the gate ends, so a child never runs before the guard is notified of it.
- `watch` reads lines from its standard input, whose other end only the supervisor holds: `group PGID STAGE`,
  `ended PGID`, `directory PATH`. At end of file, which a `kill -9` of the supervisor also causes, it ends the
  remaining groups, lowest stage first, removes the directories and exits.

Must never import from the project, and must never be stopped by the signals that stop the supervisor.
"""

import contextlib
import os
import shutil
import signal
import sys
import time

OPEN_GATE = b"g"
LAST_GRACE_SECONDS = 3.0
POLL_SECONDS = 0.02


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to one process; a process that is gone is not an error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_group(pgid: int) -> None:
    """Kill the remaining processes of a group; an empty group is not an error."""
    # macOS returns EPERM for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie counts as ended, where `/proc` is available."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # The pid now belongs to another user's process.
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # "4711 (name, with anything in it) Z …"
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return True  # No /proc on macOS.


def end_groups(stages: dict[int, int], grace_seconds: float = LAST_GRACE_SECONDS) -> None:
    """End process groups (`{pgid: stage}`), the lowest stage first: SIGTERM to the leader, SIGKILL to the rest.

    Only the leader gets SIGTERM: a Celery worker ends its pool itself, and a pool process treats SIGTERM as "at once".
    """
    for stage in sorted(set(stages.values())):
        leaders = [pgid for pgid, its_stage in stages.items() if its_stage == stage]
        for pgid in leaders:
            send_signal(pgid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while any(is_alive(pgid) for pgid in leaders) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        for pgid in leaders:
            kill_group(pgid)


def watch() -> None:
    """Keep the list of groups until the supervisor is gone, then end them."""
    # The supervisor decides when processes end; the terminal's Ctrl-C and a shutdown's SIGTERM are for it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stages: dict[int, int] = {}
    directories: list[str] = []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "group":
            pgid, stage = rest.split()
            stages[int(pgid)] = int(stage)
        elif word == "ended":
            stages.pop(int(rest), None)
        elif word == "directory":
            directories.append(rest)
    end_groups(stages)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def pass_gate(command: list[str]) -> None:
    """Exec `command` on the supervisor's signal; exit when it is gone."""
    if os.read(0, 1) != OPEN_GATE:
        raise SystemExit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise SystemExit(f"cannot start {command[0]}: {error.strerror}") from None


if __name__ == "__main__":
    if sys.argv[1] == "gate":
        pass_gate(sys.argv[2:])
    else:
        watch()

"""Four processes that share a quota: neither sent nor received requests exceed the provider's limit."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import tests.integration.workers.paced_process as paced_process
from shared.jobs.models import Lane
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS

_ROOT = Path(__file__).parents[4]
PROCESSES = 4
CALLS_EACH = 3
SECONDS = 2
PER_SECOND = paced_process.PER_SECOND


class Arrivals:
    """An application that records the times of its requests."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.moments.append(time.monotonic())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


@contextmanager
def paced(redis_url: str, address: str, lane: Lane) -> Iterator["subprocess.Popen[str]"]:
    """A process that repeatedly reads a number of calls to make."""
    command = [sys.executable, paced_process.__file__, redis_url, address, str(lane)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, stdin=pipe, stdout=pipe, text=True) as it:
        try:
            yield it
        finally:
            it.kill()


def most_at_once(begun_and_written: Sequence[tuple[float, float]]) -> int:
    """The maximum number of requests in any second: each may have been sent at any time between its two times."""
    return max(
        sum(begun - 1 < other_written and other_begun <= begun for other_begun, other_written in begun_and_written)
        for begun, _ in begun_and_written
    )


def one_round(processes: Sequence["subprocess.Popen[str]"]) -> list[tuple[float, float]]:
    """Make the calls of every process concurrently; returns the times at which each was started and written."""
    sent = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{CALLS_EACH}\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        for line in iter(process.stdout.readline, "ready\n"):
            begun, written = map(float, line.split())
            sent.append((begun, written))
    return sent


def test_four_processes_never_send_more_than_allowed_in_any_second_and_waste_little(redis_url: str) -> None:
    arrivals, sent = Arrivals(), list[tuple[float, float]]()
    with served(arrivals) as address, ExitStack() as stack:
        lanes = [Lane.BULK, Lane.BULK, Lane.BULK, Lane.INTERACTIVE]
        processes = [stack.enter_context(paced(redis_url, address, lane)) for lane in lanes]
        for process in processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()

        deadline, most_in_time = time.monotonic() + PATIENCE_SECONDS, 0
        # On a busy machine a round may lose time for reasons other than the pacer; a pacer that wastes time does so in
        # every round.
        while most_in_time < 0.9 * PER_SECOND * SECONDS and time.monotonic() < deadline:
            arrivals.moments.clear()
            sent += (of_round := one_round(processes))
            assert PROCESSES * CALLS_EACH == len(of_round) == len(arrivals.moments)
            in_time = [moment for moment in arrivals.moments if moment < min(arrivals.moments) + SECONDS]
            most_in_time = max(most_in_time, len(in_time))

    assert most_at_once(sent) <= PER_SECOND
    assert most_in_time >= 0.9 * PER_SECOND * SECONDS

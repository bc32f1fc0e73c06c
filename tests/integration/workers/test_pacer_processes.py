"""Four processes that share a quota: what they send, and what arrives, is never more than the provider allows."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import tests.integration.workers.paced_process as paced_process
from shared.models import Lane
from tests.integration.workers.loopback import served

_ROOT = Path(__file__).parents[3]
PROCESSES = 4
CALLS_EACH = 4
SECONDS = 2
PER_SECOND = paced_process.PER_SECOND


class Arrivals:
    """An application that notes when it is called."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.moments.append(time.monotonic())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


@contextmanager
def paced(redis_url: str, address: str, lane: Lane) -> Iterator["subprocess.Popen[str]"]:
    """A process that waits to be told how often to call."""
    command = [sys.executable, paced_process.__file__, redis_url, address, str(lane)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, stdin=pipe, stdout=pipe, text=True) as it:
        try:
            yield it
        finally:
            it.kill()


def most_at_once(begun_and_written: Sequence[tuple[float, float]]) -> int:
    """The most requests in any second: each may have left at any moment between its two."""
    return max(
        sum(begun - 1 < other_written and other_begun <= begun for other_begun, other_written in begun_and_written)
        for begun, _ in begun_and_written
    )


def test_four_processes_never_send_more_than_allowed_in_any_second_and_waste_little(redis_url: str) -> None:
    arrivals = Arrivals()
    with served(arrivals) as address, ExitStack() as stack:
        lanes = [Lane.BULK, Lane.BULK, Lane.BULK, Lane.INTERACTIVE]
        processes = [stack.enter_context(paced(redis_url, address, lane)) for lane in lanes]
        for process in processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()

        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{CALLS_EACH}\n")
            process.stdin.flush()
        told = [process.communicate(timeout=30)[0] for process in processes]

    moments = [tuple(map(float, line.split())) for lines in told for line in lines.splitlines()]
    sent = [(begun, written) for begun, written in moments]
    assert PROCESSES * CALLS_EACH == len(sent) == len(arrivals.moments)
    assert PER_SECOND == most_at_once(sent)
    in_time = [moment for moment in arrivals.moments if moment < min(arrivals.moments) + SECONDS]
    assert len(in_time) >= 0.9 * PER_SECOND * SECONDS

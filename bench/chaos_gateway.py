"""A gateway for chaos tests: `releve up` with a separate Valkey, and control over every process of both.

Owns the processes: their ids, ending them, suspending them, waiting until they are back. Run as a program it is `releve
up` with unlimited restarts: here processes end on purpose.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from bench.household import UNPOOLED, BenchFailed, Household
from cli.demo.gateway import FOREIGN_PREFIXES, Gateway, running_gateway
from cli.up import guard
from cli.up.child import COMMAND
from cli.up.command import UpOptions, run_up
from cli.up.embedded_valkey import place_socket, valkey_child
from cli.up.supervisor import Limits

PATIENT = (sys.executable, "-P", "-m", "bench.chaos_gateway")
# Celery was measured to need half a minute to stop.
WAIT_SECONDS = 240.0
_POLL_SECONDS = 0.02
_TAIL_LINES = 15
_MEASURES_API = "mesure_synchrone_auto"
# All accounts come from one address; and no call may be given up because its worker was killed too often.
_SETTINGS: Mapping[str, str] = {
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_CONSENTS_PER_HOUR": "100000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
    "RELEVE_FETCH_QUOTA": "100000",
    "RELEVE_READ_QUOTA": "100000",
    "RELEVE_CALL_ATTEMPTS": "20",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "ENEDIS_PER_HOUR": "1000000",
}

Document = dict[str, Any]


class TaskQueue:
    """A Valkey that can be killed, stopped, frozen and restarted; its data is persistent."""

    def __init__(self, directory: Path, start: Callable[[Sequence[str]], "subprocess.Popen[bytes]"]) -> None:
        """Run in ``directory``; ``start`` starts a process."""
        directory.mkdir(parents=True)
        self._place = place_socket(directory)
        self._argv = valkey_child(directory, self._place.path, 0).argv
        self._start = start
        self.url = self._place.redis_url
        self.start()

    def start(self) -> None:
        """Return when it responds."""
        self._process = self._start(self._argv)
        with Redis.from_url(self.url) as redis:

            def answers() -> bool:
                with suppress(RedisError):
                    return bool(redis.ping())
                return False

            until(answers, "Valkey does not respond")

    def end(self, number: signal.Signals) -> None:
        """Send it a signal; return when it has ended."""
        self._process.send_signal(number)
        self._process.wait(WAIT_SECONDS)

    def freeze(self) -> None:
        """Suspend it: it keeps its connections but does not respond, like a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._process.send_signal(signal.SIGCONT)


class ChaosGateway:
    """A running gateway, its simulated Enedis, its broker, and its households."""

    def __init__(self, gateway: Gateway, broker: TaskQueue, settings: Mapping[str, str], clients: ExitStack) -> None:
        """Read the events of `releve up` from now on."""
        self.gateway = gateway
        self.broker = broker
        self.settings = settings
        self.api = clients.enter_context(httpx.Client(base_url=gateway.api, timeout=90, limits=UNPOOLED))
        self._control = clients.enter_context(
            httpx.Client(base_url=f"{gateway.simulator}/control", timeout=60, limits=UNPOOLED)
        )
        self._pids = dict(gateway.pids)
        self._ended_by_us: set[int] = set()
        self.slowest_start_seconds = 0.0
        """The longest time until an ended process was ready again: a measure of the machine's speed."""
        self._events: list[Document] = []
        self._told = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def new_household(self, usage_point_id: str) -> Household:
        """A household with an account and a consent for this usage point."""
        return Household(self.gateway, self.api, usage_point_id)

    def leave_to_its_owner(self, household: Household) -> None:
        """Exclude this household's usage point from the nightly refresh."""
        path = f"/v1/usage-points/{household.usage_point_id}"
        self.api.patch(path, json={"refresh": False}, headers=household.headers).raise_for_status()

    @contextmanager
    def another_beat(self, number: int) -> Iterator[None]:
        """An additional beat next to the gateway's, with the same settings; ``number`` identifies it."""
        environ = self.environ(RELEVE_DATA_DIR=str(self.gateway.data_dir / f"beat-{number}"))
        with (self.gateway.data_dir / "logs" / f"beat-{number}.log").open("wb") as log:
            process = subprocess.Popen(self.command("beat"), env=environ, stdout=log, stderr=log)
            try:
                yield
                if process.poll() is not None:
                    raise BenchFailed("another beat has ended by itself")
            finally:
                process.kill()
                process.wait()

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a terminating signal to a process of the gateway; returns its pid."""
        with self._told:
            pid = self._pids[name]
            self._ended_by_us.add(pid)
        os.kill(pid, number)
        return pid

    def wait_restarted(self, name: str, pid: int) -> None:
        """Return when another process than ``pid`` is ready under that name."""
        begun = time.monotonic()
        with self._told:
            if not self._told.wait_for(lambda: self._pids[name] != pid, WAIT_SECONDS):
                raise BenchFailed(f"{name} is not started again: {self._events[-3:]}, {self._log_tail(name)}")
        self.slowest_start_seconds = max(self.slowest_start_seconds, time.monotonic() - begun)

    @contextmanager
    def nobody_starts_again(self) -> Iterator[None]:
        """Processes that end within the block are restarted after it: the supervisor is suspended."""
        supervisor = self.gateway.process.pid
        os.kill(supervisor, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def ended_by_themselves(self) -> list[str]:
        """The processes that ended without an injection: their names, and the end of their logs."""
        with self._told:
            ended = [
                event
                for event in self._events
                if event["event"] == "child_exited" and event["pid"] not in self._ended_by_us
            ]
        return [f"{event['name']} ({event}): {self._log_tail(event['name'])}" for event in ended]

    def calls(self, after: int = 0) -> list[Document]:
        """The measure calls received by the simulated Enedis, oldest first."""
        answer = self._control.get("/calls", params={"api": _MEASURES_API, "after": after})
        found: list[Document] = answer.raise_for_status().json()
        return found

    def set_latency(self, seconds: float) -> None:
        """Set the latency of each response from now on."""
        self._control.post("/settings", json={"latency_seconds": seconds}).raise_for_status()

    def command(self, *words: str) -> list[str]:
        """The `releve` command."""
        return [*COMMAND, *words]

    def environ(self, **changed: str) -> dict[str, str]:
        """The environment for a process of this gateway."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
        database = f"sqlite+aiosqlite:///{self.gateway.data_dir / 'releve.db'}"
        return own | dict(self.settings) | {"DATABASE_URL": database} | changed

    def _log_tail(self, name: str) -> str:
        log = self.gateway.data_dir / "logs" / f"{name}.log"
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])

    def _listen(self) -> None:
        # The stop of the gateway closes the stream that is read here.
        with suppress(ValueError):
            for line in self.gateway.process.stdout or ():
                event = json.loads(line)
                with self._told:
                    self._events.append(event)
                    if event["event"] == "child_restarted":
                        self._pids[event["name"]] = event["pid"]
                    self._told.notify_all()


@contextmanager
def running_chaos_gateway(directory: Path, extra: Mapping[str, str], *, patient: bool = True) -> Iterator[ChaosGateway]:
    """A gateway in ``directory``; all processes have ended when the block exits.

    ``patient``: with unlimited restarts; otherwise with the supervisor limits of `releve up`.
    """
    with ExitStack() as stack:
        start = stack.enter_context(_guarded())
        broker = TaskQueue(directory / "valkey", start)
        settings = {"RELEVE_SECRET_KEY": token_hex(32), "REDIS_URL": broker.url, **_SETTINGS, **extra}
        command = PATIENT if patient else (*COMMAND, "up")
        gateway = stack.enter_context(running_gateway(directory / "data", settings, command))
        yield ChaosGateway(gateway, broker, settings, stack)


def until(is_so: Callable[[], bool], otherwise: str, seconds: float = WAIT_SECONDS) -> None:
    """Return when the condition is true. Raises `BenchFailed` on timeout."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchFailed(otherwise)
        time.sleep(_POLL_SECONDS)


@contextmanager
def _guarded() -> Iterator[Callable[[Sequence[str]], "subprocess.Popen[bytes]"]]:
    """A function that starts processes that end with this one, however it ends."""
    argv = [sys.executable, "-I", "-S", guard.__file__, "watch"]
    watcher = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, start_new_session=True)
    assert watcher.stdin is not None
    started: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        started.append(process)
        assert watcher.stdin is not None
        watcher.stdin.write(f"group {process.pid} 0\n")
        watcher.stdin.flush()
        return process

    try:
        yield start
    finally:
        watcher.stdin.close()
        watcher.wait()
        for process in started:
            process.wait()


def main() -> None:
    """`releve up` on free ports, with unlimited restarts; positional options, for one caller only."""
    data_dir = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    options = UpOptions(data_dir, "127.0.0.1", 0, 0, 0, output="json", reload=False, while_stdin_open=True)
    sys.exit(run_up(options, os.environ, Limits(restarts=10_000)))


if __name__ == "__main__":
    main()

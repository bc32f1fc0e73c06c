"""A gateway that chaos may fall upon: `releve up` beside a Valkey of its own, and a hand on every process of both.

Owns the processes: which runs under which id, ending them, holding them, waiting until they are back. Run as a program
it is `releve up`, but starts again whatever ends, however often: here it ends on purpose.
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
# Celery was measured to take half a minute to stop.
WAIT_SECONDS = 240.0
_POLL_SECONDS = 0.02
_TAIL_LINES = 15
_MEASURES_API = "mesure_synchrone_auto"
# All the accounts come from one address; and no call may be given up because it was killed too often.
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
    """A Valkey that can be killed, stopped, frozen and started again; what it was told it keeps."""

    def __init__(self, directory: Path, start: Callable[[Sequence[str]], "subprocess.Popen[bytes]"]) -> None:
        """Begin in ``directory``; ``start`` starts a process."""
        directory.mkdir(parents=True)
        self._place = place_socket(directory)
        self._argv = valkey_child(directory, self._place.path, 0).argv
        self._start = start
        self.url = self._place.redis_url
        self.start()

    def start(self) -> None:
        """Return when it answers."""
        self._process = self._start(self._argv)
        with Redis.from_url(self.url) as redis:

            def answers() -> bool:
                with suppress(RedisError):
                    return bool(redis.ping())
                return False

            until(answers, "Valkey does not answer")

    def end(self, number: signal.Signals) -> None:
        """End it with a signal; return when it has."""
        self._process.send_signal(number)
        self._process.wait(WAIT_SECONDS)

    def freeze(self) -> None:
        """It keeps its connections and answers nobody, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)


class ChaosGateway:
    """A running gateway, its simulated Enedis, its broker, and whoever lives there."""

    def __init__(self, gateway: Gateway, broker: TaskQueue, settings: Mapping[str, str], clients: ExitStack) -> None:
        """Listen to what `releve up` tells from now on."""
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
        """The longest that it took until a process that had been ended was ready again: a measure of the machine."""
        self._events: list[Document] = []
        self._told = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def new_household(self, usage_point_id: str) -> Household:
        """Somebody with an account and a consent for this usage point."""
        return Household(self.gateway, self.api, usage_point_id)

    def leave_to_its_owner(self, household: Household) -> None:
        """The refresh does not come by at this household's usage point."""
        path = f"/v1/usage-points/{household.usage_point_id}"
        self.api.patch(path, json={"refresh": False}, headers=household.headers).raise_for_status()

    @contextmanager
    def another_beat(self, number: int) -> Iterator[None]:
        """A beat beside that of the gateway, with the same settings; ``number`` tells it from others."""
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
        """Send a signal that ends a process of the gateway; its id."""
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
        """What ends within the block is started again after it: the supervisor is held so long."""
        supervisor = self.gateway.process.pid
        os.kill(supervisor, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def ended_by_themselves(self) -> list[str]:
        """The processes that ended though nobody had ended them: by their names, and the end of their logs."""
        with self._told:
            ended = [
                event
                for event in self._events
                if event["event"] == "child_exited" and event["pid"] not in self._ended_by_us
            ]
        return [f"{event['name']} ({event}): {self._log_tail(event['name'])}" for event in ended]

    def calls(self, after: int = 0) -> list[Document]:
        """The calls for measures that arrived at the simulated Enedis, oldest first."""
        answer = self._control.get("/calls", params={"api": _MEASURES_API, "after": after})
        found: list[Document] = answer.raise_for_status().json()
        return found

    def set_latency(self, seconds: float) -> None:
        """How long each answer takes from now on."""
        self._control.post("/settings", json={"latency_seconds": seconds}).raise_for_status()

    def command(self, *words: str) -> list[str]:
        """The `releve` command."""
        return [*COMMAND, *words]

    def environ(self, **changed: str) -> dict[str, str]:
        """The environment of a process that belongs to this gateway."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
        database = f"sqlite+aiosqlite:///{self.gateway.data_dir / 'releve.db'}"
        return own | dict(self.settings) | {"DATABASE_URL": database} | changed

    def _log_tail(self, name: str) -> str:
        log = self.gateway.data_dir / "logs" / f"{name}.log"
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])

    def _listen(self) -> None:
        # Whoever stops the gateway closes what is read here.
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
    """A gateway in ``directory``; everything has ended when the block is left.

    ``patient``: with a supervisor that never gives up; otherwise with that of `releve up`.
    """
    with ExitStack() as stack:
        start = stack.enter_context(_guarded())
        broker = TaskQueue(directory / "valkey", start)
        settings = {"RELEVE_SECRET_KEY": token_hex(32), "REDIS_URL": broker.url, **_SETTINGS, **extra}
        command = PATIENT if patient else (*COMMAND, "up")
        gateway = stack.enter_context(running_gateway(directory / "data", settings, command))
        yield ChaosGateway(gateway, broker, settings, stack)


def until(is_so: Callable[[], bool], otherwise: str, seconds: float = WAIT_SECONDS) -> None:
    """Return when it is so. Raises `BenchFailed` when it takes longer."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchFailed(otherwise)
        time.sleep(_POLL_SECONDS)


@contextmanager
def _guarded() -> Iterator[Callable[[Sequence[str]], "subprocess.Popen[bytes]"]]:
    """A way to start processes that end with this one, however it ends."""
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
    """`releve up` on free ports, with patience; the options are read by place, for one caller only."""
    data_dir = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    options = UpOptions(data_dir, "127.0.0.1", 0, 0, 0, output="json", reload=False, while_stdin_open=True)
    sys.exit(run_up(options, os.environ, Limits(restarts=10_000)))


if __name__ == "__main__":
    main()

"""A Valkey that a test kills and restarts."""

import time
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from subprocess import DEVNULL, Popen

from redis import Redis, RedisError

from cli.up.embedded_valkey import place_socket, valkey_child
from tests.support.guarded import Guard
from tests.support.patience import PATIENCE_SECONDS


class KillableValkey:
    """A Valkey with an append-only file that can be killed."""

    def __init__(self, directory: Path, guard: Guard) -> None:
        self._directory = directory
        self._guard = guard
        self._place = place_socket(directory)
        self.redis_url = self._place.redis_url
        self._process: Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start the server; returns when it answers."""
        argv = valkey_child(self._directory, self._place.path, stop_stage=0).argv
        self._process = self._guard.start(list(argv), stdout=DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        with Redis.from_url(self.redis_url) as redis:
            while time.monotonic() < deadline:
                with suppress(RedisError):
                    redis.ping()
                    return
                time.sleep(0.01)
        raise AssertionError("it does not answer")

    def await_disk(self) -> None:
        """Return when every write is in the append-only file: a disk under load delays writes."""
        with Redis.from_url(self.redis_url, socket_timeout=PATIENCE_SECONDS) as redis:
            redis.set("told", "everything")
            assert [1, 0] == redis.execute_command("WAITAOF", 1, 0, int(PATIENCE_SECONDS * 1000))

    def kill(self) -> None:
        """Kill the server, as the kernel does when memory runs out."""
        self._process.kill()
        self._process.wait()
        self._guard.forget(self._process)

    def wait(self) -> None:
        """Wait for the server's end and reap it."""
        self._process.wait()

    def forget_everything(self) -> None:
        """Delete the stored data, as when the disk is lost."""
        rmtree(self._directory / "appendonlydir")

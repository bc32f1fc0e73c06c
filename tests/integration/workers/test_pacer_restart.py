"""A Redis that was killed and started again: what it may have forgotten of the last moments lets nobody burst."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from cli.valkey import place_socket, valkey_child
from shared.models import Lane
from tests.support.guarded import Guard, guarding
from tests.support.patience import PATIENCE_SECONDS
from workers.pacer import Pacer, Quota

pytestmark = pytest.mark.anyio

API = "measures"
QUOTA = Quota(5, 1000, 1000)


class Server:
    """A Valkey with an append-only file that can be killed."""

    def __init__(self, directory: Path, guard: Guard) -> None:
        self._directory = directory
        self._guard = guard
        self._place = place_socket(directory)
        self.redis_url = self._place.redis_url
        self._process: Popen[bytes]
        self.start()

    def start(self) -> None:
        """Return when it answers."""
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
        """Return when everything that it was told is in its file: beside other work a disk has it wait."""
        with Redis.from_url(self.redis_url, socket_timeout=PATIENCE_SECONDS) as redis:
            redis.set("told", "everything")
            assert [1, 0] == redis.execute_command("WAITAOF", 1, 0, int(PATIENCE_SECONDS * 1000))

    def kill(self) -> None:
        """As the kernel does it when memory runs out."""
        self._process.kill()
        self._process.wait()
        self._guard.forget(self._process)

    def wait(self) -> None:
        """Collect it when it has ended."""
        self._process.wait()

    def forget_everything(self) -> None:
        """As when the disk is lost."""
        rmtree(self._directory / "appendonlydir")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with guarding() as guard:
        started = Server(tmp_path, guard)
        yield started
    started.wait()


@contextmanager
def looking(server: Server) -> Iterator[Redis]:
    with Redis.from_url(server.redis_url) as redis:
        yield redis


async def use(pacer: Pacer) -> float:
    """A call; when it was begun."""
    async with pacer.slot(API, Lane.INTERACTIVE) as slot:
        await slot.reach()
        begun = time.monotonic()
        slot.sent()
    return begun


async def test_after_a_kill_nobody_has_a_slot_for_a_second_and_what_may_be_lost_counts_as_used(server: Server) -> None:
    async with AsyncRedis.from_url(server.redis_url) as redis:
        for _ in range(3):
            await use(Pacer(redis, "enedis", QUOTA))
    server.await_disk()
    server.kill()
    server.start()
    async with AsyncRedis.from_url(server.redis_url) as redis:
        # A worker that has started meanwhile, too.
        pacer, began = Pacer(redis, "enedis", QUOTA), time.monotonic()

        begun = await use(pacer)
        await use(pacer)

    assert begun - began >= 1
    with looking(server) as found:
        slots: Any = found.zrange(f"slots:enedis:{API}", 0, -1)
    # Three, two seconds' worth that may be lost, and two: once is enough, so the second one does not wait again.
    assert 3 + 10 + 2 == len(slots)
    assert 10 == len([each for each in slots if each.startswith(b"lost-")])


async def test_a_worker_that_lives_on_notices_that_redis_has_forgotten_everything(server: Server) -> None:
    async with AsyncRedis.from_url(server.redis_url) as redis:
        pacer = Pacer(redis, "enedis", QUOTA)
        last = [await use(pacer) for _ in range(5)][-1]
        server.kill()
        server.forget_everything()
        server.start()
        await redis.connection_pool.disconnect()

        begun = await use(pacer)

    assert begun - last >= 1

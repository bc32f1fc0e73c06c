"""The pacer's own script in a dedicated server, with a virtual clock: sixteen hours in seconds."""

import heapq
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio
from redis import Redis, RedisError

from cli.up.embedded_valkey import place_socket, valkey_child
from shared.jobs.models import Lane
from shared.quota import pacer
from shared.storage.redis_scripts import load_source

_START_SECONDS = 20.0
_PERSON_EVERY_SECONDS = 60.0
_API = "bench"
_LEAST_PAUSE_SECONDS = 0.001
_SENT = "sent"
# Any start time works.
_BEGIN = 1_790_000_000.0


@contextmanager
def running_valkey(directory: Path) -> Iterator[str]:
    """The address of an empty server that stops when the block exits."""
    place = place_socket(directory)
    child = valkey_child(directory, place.path, stop_stage=0)
    server = subprocess.Popen([*child.argv, "--appendonly", "no"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        with Redis.from_url(place.redis_url) as redis:
            while True:
                try:
                    redis.ping()
                    break
                except RedisError:
                    if time.monotonic() > deadline or server.poll() is not None:
                        raise
                    time.sleep(0.01)
        yield place.redis_url
    finally:
        server.terminate()
        server.wait()


@dataclass(frozen=True)
class Traffic:
    """The calls admitted by a pacer: times of bulk calls and interactive waiting times, in seconds from the start."""

    bulk: list[float]
    waits: list[float]


class VirtualPacer:
    """Slots of one API at explicit times instead of the server's time."""

    def __init__(self, redis_url: str, *, per_second: int, per_hour: int, interactive_share: float) -> None:
        """Store the slots in that Redis."""
        quota = pacer.Quota.shared_out(per_second, per_hour, interactive_share)
        # The real pacer provides the script's arguments; it never connects.
        self._pacer = pacer.Pacer(redis.asyncio.Redis.from_url(redis_url), "bench", quota)
        self._redis = Redis.from_url(redis_url)
        # Two bulk calls never get slots closer together: earlier attempts would be useless.
        self._bulk_pause = pacer._EVENNESS / per_second - pacer.AHEAD_SECONDS / 2  # noqa: SLF001  # the real one
        self._source = load_source("shared.quota", "take")
        keys = self._pacer._keys(_API)  # noqa: SLF001  # the real ones
        self._keys = [keys[name] for name in self._source.keys]
        arguments = len(self._source.arguments)
        clock = f"{{ARGV[{arguments + 1}], ARGV[{arguments + 2}]}}"
        script = self._source.text.replace("redis.call('TIME')", clock)
        assert script != self._source.text, "the script no longer reads the clock in the expected way"
        self._take = self._redis.register_script(script)

    def run(self, seconds: float) -> Traffic:
        """The traffic when a bulk call is always waiting, and an interactive call arrives every minute."""
        bulk, waits = list[float](), list[float]()
        # (time, who, since when): bulk tries whenever it may, an interactive call from its arrival on.
        tries: list[tuple[float, str, float]] = [(0.0, "bulk 0", 0.0)]
        random_numbers = random.Random(20_261_002)  # noqa: S311  # the same moments in every run, no secret
        for number in range(int(seconds // _PERSON_EVERY_SECONDS)):
            moment = (number + random_numbers.random()) * _PERSON_EVERY_SECONDS
            tries.append((moment, f"person {number}", moment))
        heapq.heapify(tries)
        while tries and tries[0][0] < seconds:
            now, who, since = heapq.heappop(tries)
            if who.startswith(_SENT):
                self._confirm(now, who.removeprefix(_SENT))
                continue
            is_bulk = who.startswith("bulk")
            taken, moment = self._try(now, Lane.BULK if is_bulk else Lane.INTERACTIVE, who)
            if not taken:
                again = max(moment - pacer.AHEAD_SECONDS / 2, now + _LEAST_PAUSE_SECONDS)
                heapq.heappush(tries, (again, who, since))
                continue
            heapq.heappush(tries, (moment, f"{_SENT}{who}", moment))
            if is_bulk:
                bulk.append(moment)
                heapq.heappush(tries, (moment + self._bulk_pause, f"bulk {len(bulk)}", moment))
            else:
                waits.append(moment - since)
        return Traffic([each for each in bulk if each < seconds], waits)

    def _try(self, now: float, lane: Lane, who: str) -> tuple[bool, float]:
        """Whether a slot was granted, and its time; else the time of the next attempt."""
        clock = _BEGIN + now
        arguments = [*self._arguments(lane, who), int(clock), int(clock % 1 * 1_000_000)]
        taken, moment, *_ = self._take(keys=self._keys, args=arguments)
        return bool(int(taken)), float(moment) - _BEGIN

    def _confirm(self, now: float, who: str) -> None:
        """Record a sent call, as `Pacer.confirm` does."""
        slots, _, unsent, *_ = self._keys
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zadd(slots, {who: round(_BEGIN + now, 6)}, xx=True)
            pipeline.zrem(unsent, who)
            pipeline.execute()

    def _arguments(self, lane: Lane, who: str) -> list[str | int | float]:
        arguments = self._pacer._arguments(_API, lane, who)  # noqa: SLF001  # the real ones
        return [arguments[name] for name in self._source.arguments]

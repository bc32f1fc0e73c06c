"""The pacer's own script in a server of this run's, with a clock that the run turns: sixteen hours in seconds."""

import heapq
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError

from cli.valkey import place_socket, valkey_child
from shared.models import Lane
from workers import pacer

_START_SECONDS = 20.0
_PERSON_EVERY_SECONDS = 60.0
# Any moment will do.
_BEGIN = 1_790_000_000.0


@contextmanager
def running_valkey(directory: Path) -> Iterator[str]:
    """The address of an empty server that ends with the block."""
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


class VirtualPacer:
    """Slots of one API at moments that are told instead of looked up."""

    def __init__(self, redis: Redis, *, per_second: int, per_hour: int, interactive_share: float) -> None:
        """Keep the slots in ``redis``."""
        self._quota = pacer.Quota.shared_out(per_second, per_hour, interactive_share)
        script = pacer._TAKE.replace("redis.call('TIME')", "{ARGV[11], ARGV[12]}")  # noqa: SLF001  # the real one, but for its clock
        self._take = redis.register_script(script)

    def run(self, seconds: float) -> tuple[int, float]:
        """Bulk calls that go out when there is always one that waits, and the mean wait of somebody who comes every
        minute."""
        bulk_calls, waits = 0, []
        # (moment, who, since when): bulk tries whenever it may, a person from the moment of coming.
        tries: list[tuple[float, str, float]] = [(_BEGIN, Lane.BULK, _BEGIN)]
        people = int(seconds // _PERSON_EVERY_SECONDS)
        tries += [
            (_BEGIN + number * _PERSON_EVERY_SECONDS, f"person {number}", _BEGIN + number * _PERSON_EVERY_SECONDS)
            for number in range(people)
        ]
        heapq.heapify(tries)
        while tries and tries[0][0] < _BEGIN + seconds:
            now, who, since = heapq.heappop(tries)
            moment = self._try(now, who)
            if who == Lane.BULK:
                bulk_calls += moment is None
                heapq.heappush(tries, (now if moment is None else max(moment, now + 1e-6), who, since))
            elif moment is None:
                waits.append(now - since)
            else:
                heapq.heappush(tries, (max(moment, now + 1e-6), who, since))
        return bulk_calls, sum(waits) / max(1, len(waits))

    def _try(self, now: float, who: str) -> float | None:
        """Take a slot (``None``), or learn when it is worth trying again."""
        arguments: list[Any] = [
            self._quota.per_second,
            self._quota.per_hour,
            self._quota.bulk_per_hour,
            int(who == Lane.BULK),
            who,
            1.5,
            0.02,
            3660,
            0.1,
            "bench",
            int(now),
            int(now % 1 * 1_000_000),
        ]
        taken, moment, _ = self._take(keys=[f"bench:{number}" for number in range(6)], args=arguments)
        return None if int(taken) else float(moment)

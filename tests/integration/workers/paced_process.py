"""A process that calls a URL in slots, as a worker does: `python paced_process.py REDIS_URL ADDRESS LANE`.

Each line on its standard input is a number of concurrent calls. For each call it prints the times at which the request
was started and written; it prints `ready` before it reads the first line, and after the calls of each line.
"""

import asyncio
import sys
import time

import httpx
from redis.asyncio import Redis

from shared.jobs.models import Lane
from shared.quota.pacer import PacedSlot, Pacer, Quota
from tests.support.patience import PATIENCE_SECONDS
from workers.upstream.http_client import open_http, send

PER_SECOND = 5
MARGIN_SECONDS = 0.03


class ObservedSlot(PacedSlot):
    """Prints its times."""

    begun = 0.0

    async def reach(self) -> None:
        await super().reach()
        self.begun = time.monotonic()

    def sent(self) -> None:
        sys.stdout.write(f"{self.begun} {time.monotonic()}\n")
        super().sent()


async def call(http: httpx.AsyncClient, pacer: Pacer, address: str, lane: Lane) -> None:
    slot = ObservedSlot(pacer, "measures", lane)
    await slot.take()
    try:
        await send(http, http.build_request("GET", address), slot)
    finally:
        await slot.end()


async def main(redis_url: str, address: str, lane: Lane) -> None:
    async with Redis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as redis, open_http(PATIENCE_SECONDS) as http:
        pacer = Pacer(redis, "enedis", Quota(PER_SECOND, 10_000, 10_000, MARGIN_SECONDS))
        count = 0
        while True:
            await asyncio.gather(*(call(http, pacer, address, lane) for _ in range(count)))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            # All concurrently, after the test has seen that every process is ready.
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            count = int(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Lane(sys.argv[3])))

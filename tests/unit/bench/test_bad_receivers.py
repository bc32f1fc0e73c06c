"""A receiver that stops leaves no connection open, at whichever iteration of the loop a client connected."""

import asyncio
import gc
import socket
import warnings
from urllib.parse import urlsplit

from bench.bad_receivers import BAD, receiving


async def go_away_after(turns: int) -> None:
    async with receiving(BAD["never answers"]) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port)):
            for _ in range(turns):
                await asyncio.sleep(0)


def test_nothing_is_left_open_by_who_came_when_it_went() -> None:
    for turns in range(10):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            asyncio.run(go_away_after(turns))
            gc.collect()

        assert [] == [str(each.message) for each in told], turns

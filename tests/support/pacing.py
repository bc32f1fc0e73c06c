"""Slots that the tests of the pacer take."""

from collections.abc import Callable
from typing import Any

from redis import Redis

from shared.jobs.models import Lane
from shared.quota.pacer import Pacer, Quota
from tests.support.worker import now_of

API = "measures"


SLOTS = f"slots:enedis:{API}"


# The margins added to a second and to an hour.
MARGIN = 0.005


Pace = Callable[[Quota], list[Pacer]]


def granted(redis: Redis, key: str = SLOTS) -> list[float]:
    """The times of the slots, in order."""
    slots: Any = redis.zrange(key, 0, -1, withscores=True)
    return [moment for _, moment in slots]


def earlier_slots(redis: Redis, count: int, seconds_ago: float, key: str = SLOTS) -> float:
    """Store ``count`` earlier slots, a tenth of a second apart; returns the time of the first."""
    first = now_of(redis) - seconds_ago
    redis.zadd(key, {f"earlier-{number}": first + number / 10 for number in range(count)})
    return first


async def use(pacer: Pacer, lane: Lane, api: str = API) -> None:
    """Make a call: wait for a slot, write the request in time."""
    async with pacer.slot(api, lane) as slot:
        await slot.reach()
        slot.sent()

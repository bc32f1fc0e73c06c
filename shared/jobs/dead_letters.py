"""Dead calls (Redis): calls that failed permanently, with the reason, for administrators. No PRM, no reading.

A bounded stream of the newest ones. The ledger adds a call in the step that settles it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from shared.core.calendar import DayRange

KEPT_CALLS = 1000
KEPT = timedelta(days=30)
"""How long a call is listed, by the clock of the processes that settle and list calls."""
_KEY = "dead"


@dataclass(frozen=True, slots=True)
class DeadCall:
    """A dead call: its account, dataset and days (the day, for a record), reason, number of attempts and time."""

    id: str
    job_id: str
    account_id: str
    dataset: str
    days: DayRange
    code: str
    upstream_code: str | None
    attempts: int
    at: datetime


class DeadLetterStore:
    """The dead calls of all accounts."""

    def __init__(self, redis: Redis) -> None:
        """Read from ``redis``."""
        self._redis = redis

    async def list_calls(self, before: str | None, limit: int, now: datetime) -> list[DeadCall]:
        """The newest calls, or those before the call with the id ``before``, newest first."""
        newest = f"({before}" if before else "+"
        entries = cast(
            list[tuple[bytes, dict[bytes, bytes]]], await self._redis.xrevrange(_KEY, max=newest, count=limit)
        )
        calls = [_dead_call(id_, fields) for id_, fields in entries]
        return [call for call in calls if call.at >= now - KEPT]

    async def forget(self, account_id: str, usage_point_ids: Collection[str] | None) -> None:
        """Erase the dead calls of an account, or of some of its usage points."""
        entries = cast(list[tuple[bytes, dict[bytes, bytes]]], await self._redis.xrange(_KEY))
        gone = [
            id_
            for id_, fields in entries
            if fields[b"account_id"].decode() == account_id
            and (usage_point_ids is None or fields[b"usage_point_id"].decode() in usage_point_ids)
        ]
        if gone:
            await self._redis.xdel(_KEY, *cast(Any, gone))


def _dead_call(id_: bytes, fields: dict[bytes, bytes]) -> DeadCall:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    start, end = map(date.fromisoformat, text["days"].split("/"))
    return DeadCall(
        id=id_.decode(),
        job_id=text["job_id"],
        account_id=text["account_id"],
        dataset=text["dataset"],
        days=DayRange(start, end),
        code=text["code"],
        upstream_code=text["upstream_code"] or None,
        attempts=int(text["attempts"]),
        at=datetime.fromtimestamp(float(text["at"]), UTC),
    )

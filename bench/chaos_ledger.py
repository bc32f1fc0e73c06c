"""The state of jobs, calls and queues in the gateway's Redis, read independently of its processes.

The only chaos module that knows the ledger's layout in Redis. Read-only, except for `lose_messages`, which is an
injection itself.
"""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any, cast

from redis import Redis

from shared.jobs.ledger import LEASES_KEY, calls_key, job_key
from shared.jobs.models import JobStatus, Lane
from shared.jobs.task_queue import SYSTEM_QUEUE

# Queue places, and their waiting lines and claims: removed with the last call.
_OF_CALLS = ("places:*", "line:*", "again:*", "claims:*", "waiters:*")

Held = tuple[str, int]
"""A call: its job and its number."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A stored job. ``outcomes``: the number of its calls with a known outcome; ``ends``: how often its end was
    published; ``steps``: how often its progress or end was published."""

    id: str
    account_id: str
    dataset: str
    start: date
    end: date
    lane: str
    status: str
    calls_total: int
    calls_done: int
    calls_failed: int
    outcomes: int
    steps: int = 0
    ends: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether its state is final."""
        return JobStatus(self.status).ended


class LedgerView:
    """The ledger of a gateway, from the outside."""

    def __init__(self, redis: Redis) -> None:
        """Read from ``redis``."""
        self._redis = redis

    def jobs(self) -> list[JobRecord]:
        """Every stored job."""
        ids = [key.decode().partition(":")[2] for key in self._redis.scan_iter(job_key("*"), count=1000)]
        records = self._many(lambda pipeline, each: pipeline.hgetall(job_key(each)), ids)
        calls = self._many(lambda pipeline, each: pipeline.hkeys(calls_key(each)), ids)
        told = self._told({record[b"account_id"].decode() for record in records})
        return [
            _job(job_id, {name.decode(): value.decode() for name, value in record.items()}, names, told[job_id])
            for job_id, record, names in zip(ids, records, calls, strict=True)
        ]

    def leases(self) -> int:
        """The number of calls still to be done."""
        return self._redis.zcard(LEASES_KEY)

    def untold(self) -> int:
        """The number of ended jobs whose end was not published yet."""
        return self._redis.zcard("untold")

    def left_over(self) -> int:
        """The number of keys of calls in progress; zero when all have ended."""
        return self.leases() + sum(1 for pattern in _OF_CALLS for _ in self._redis.scan_iter(pattern, count=1000))

    def held(self, lanes: Iterable[str], now: float) -> list[Held]:
        """The leased calls of these lanes. ``now``: by the gateway's clock, in epoch seconds."""
        members = cast(list[bytes], self._redis.zrange(LEASES_KEY, 0, -1))
        leased = [_member(each) for each in members]
        lane_of = self._many(lambda pipeline, each: pipeline.hget(job_key(each[0]), "lane"), leased)
        until = self._many(lambda pipeline, each: pipeline.hget(calls_key(each[0]), f"{each[1]}:until"), leased)
        return [
            call
            for call, lane, moment in zip(leased, lane_of, until, strict=True)
            if lane and lane.decode() in lanes and moment and float(moment) > now
        ]

    def unsettled(self, calls: Sequence[Held]) -> list[Held]:
        """Those of these calls that have not ended."""
        found = self._many(lambda pipeline, each: pipeline.hexists(calls_key(each[0]), f"{each[1]}:outcome"), calls)
        return [call for call, is_settled in zip(calls, found, strict=True) if not is_settled]

    def waiting(self, lane: Lane) -> int:
        """The number of messages in a lane's queue."""
        return self._redis.llen(lane)

    def stored_days(self, account_ids: Iterable[str], dataset: str) -> dict[str, frozenset[date]]:
        """Per account with its one usage point: the currently known days of a dataset with one window per day."""
        wanted = frozenset(account_ids)
        stored: dict[str, frozenset[date]] = defaultdict(frozenset)
        keys = list(self._redis.scan_iter(f"coverage:*:*:{dataset}", count=1000))
        fields = self._many(lambda pipeline, each: pipeline.hkeys(each), keys)
        for key, windows in zip(keys, fields, strict=True):
            account_id = key.decode().split(":")[1]
            if account_id in wanted:
                stored[account_id] |= {date.fromisoformat(window.decode()) for window in windows}
        return stored

    def lose_messages(self, lane: Lane, chance: Random) -> list[Held]:
        """Remove all or part of the messages in a lane's queue, like a broker that loses data; returns their calls.

        Sweep messages are lost too.
        """
        length = self.waiting(lane)
        kept = chance.choice((0, length // 2))
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lrange(lane, kept, -1)
            # The range from an index to the one before it is empty: an empty range removes all.
            pipeline.ltrim(lane, 0, kept - 1) if kept else pipeline.delete(lane)
            pipeline.delete(SYSTEM_QUEUE)
            lost = cast(list[bytes], pipeline.execute()[0])
        return [call for message in lost for call in _calls_of(message)]

    def _told(self, account_ids: Iterable[str]) -> Mapping[str, Counter[str]]:
        """The number of published events per job, by type."""
        told: dict[str, Counter[str]] = defaultdict(Counter)
        streams = self._many(lambda pipeline, each: pipeline.xrange(f"events:{each}"), list(account_ids))
        for _, event in (entry for stream in streams for entry in stream):
            kind = event[b"type"].decode()
            if kind.startswith("job."):
                told[json.loads(event[b"data"])["job_id"]][kind] += 1
        return told

    def _many(self, ask: Any, about: Sequence[Any]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for each in about:
                ask(pipeline, each)
            return pipeline.execute()


def _job(job_id: str, fields: Mapping[str, str], names: Iterable[bytes], told: Counter[str]) -> JobRecord:
    return JobRecord(
        id=job_id,
        account_id=fields["account_id"],
        dataset=fields["dataset"],
        start=date.fromisoformat(fields["start"]),
        end=date.fromisoformat(fields["end"]),
        lane=fields["lane"],
        status=fields["status"],
        calls_total=int(fields["calls_total"]),
        calls_done=int(fields["calls_done"]),
        calls_failed=int(fields["calls_failed"]),
        outcomes=sum(name.endswith(b":outcome") for name in names),
        steps=told.total(),
        ends=told.total() - told["job.progress"],
    )


def _member(member: bytes) -> Held:
    job_id, _, number = member.decode().rpartition("/")
    return job_id, int(number)


def _calls_of(message: bytes) -> Iterator[Held]:
    """The call of a Celery message, if it has one."""
    arguments, *_ = json.loads(base64.b64decode(json.loads(message)["body"]))
    if len(arguments) == 2:
        yield str(arguments[0]), int(arguments[1])

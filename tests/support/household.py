"""An account with a meter, over real stores; a worker's use cases; and a provider whose records a test sets."""

import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from shared.accounts.store import Account, Caller
from shared.config.settings import Settings
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.datasets import DATASETS, Direction, Series
from shared.core.errors import AppError
from shared.jobs.models import CallTicket, Job, Lane
from shared.readings.models import Coverage, Reading
from shared.readings.planning import current_days, missing_windows, plan_calls
from shared.resources import Resources, open_resources
from tests.support.due_calls import bring_back
from tests.support.states import take_state
from tests.support.storing import save_window
from workers.fetching.fetcher import Fetcher
from workers.upstream.port import FetchRequest, RecordRequest

PRM = "99000000009307"


@dataclass
class TellingProvider:
    """A provider that returns the configured records, or raises the configured errors. It has no readings."""

    name: str = "enedis"
    answers: dict[str, Mapping[str, Any] | AppError] = field(default_factory=dict)
    asked: list[RecordRequest] = field(default_factory=list)

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """The record, or the error."""
        self.asked.append(request)
        answer = self.answers[request.dataset.name]
        if isinstance(answer, AppError):
            raise answer
        return answer

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """Nothing."""
        return []

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """Nothing."""
        return []


@dataclass
class Household:
    """An account, its usage point, and the worker's use cases."""

    resources: Resources
    account: Account
    api_key: str = field(repr=False)
    usage_point: UsagePoint
    provider: TellingProvider
    fetcher: Fetcher

    def series(self, dataset: str) -> Series:
        """The time series of a dataset of this usage point."""
        return Series(self.account.id, self.usage_point.id, dataset)

    async def caller(self) -> Caller:
        """The caller authenticated by the API key."""
        return await self.resources.accounts.authenticate(self.api_key)

    async def coverage(self, dataset: str) -> dict[str, Coverage]:
        """The coverage of a dataset."""
        return await self.resources.readings.load_all_coverage(self.series(dataset))

    async def create_job(self, dataset: str, lane: Lane = Lane.INTERACTIVE) -> Job:
        """A job for a record, as the API creates it; its call is leased and not enqueued."""
        now, series = datetime.now(UTC), self.series(dataset)
        described, days = DATASETS[dataset], current_days(now)
        calls = plan_calls(described, missing_windows(described, days, await self.coverage(dataset), now))
        job = await self.resources.jobs.create_job(series, days, lane, calls, {}, now)
        await self.resources.ledger.send_next(now)
        return job

    async def do_again(self, ticket: CallTicket) -> None:
        """Make a deferred call due, and run it."""
        await bring_back(self.resources, ticket)
        await self.fetcher.do_call(ticket)

    async def fetch(self, dataset: str) -> Job:
        """Create a job for a record, and run its call as a worker does."""
        job = await self.create_job(dataset)
        await self.fetcher.do_call(CallTicket(job.id, 0))
        return await self.load_job(job.id)

    async def jobs(self) -> list[Job]:
        """All jobs of this account, oldest first."""
        ids = cast(list[bytes], await self.resources.redis.zrange(f"jobs:{self.account.id}", 0, -1))
        return [await self.load_job(job_id.decode()) for job_id in ids]

    async def load_job(self, job_id: str) -> Job:
        """An existing job."""
        job = await self.resources.jobs.load_job(job_id)
        assert job is not None
        return job

    async def age(self, dataset: str, by: timedelta) -> None:
        """Move back a record's fetch time, whatever its contents."""
        (known,) = (await self.coverage(dataset)).values()
        gaps = tuple(replace(gap, ask_again_at=gap.ask_again_at and gap.ask_again_at - by) for gap in known.gaps)
        older = replace(known, fetched_at=known.fetched_at - by, gaps=gaps)
        await save_window(self.resources.readings, self.series(dataset), older, [], b"")

    async def queued(self, lane: Lane) -> list[bytes]:
        """The messages queued for a worker, each followed by its decoded body."""
        messages = cast(list[bytes], await self.resources.redis.lrange(lane, 0, -1))
        return [message + base64.b64decode(json.loads(message)["body"]) for message in messages]


@asynccontextmanager
async def household(
    settings: Settings, directions: Iterable[Direction] = (Direction.CONSUMPTION,)
) -> AsyncIterator[Household]:
    """An account with one usage point and an active consent."""
    async with open_resources(settings) as resources:
        now = datetime.now(UTC)
        account, api_key = await resources.accounts.create_account(now)
        usage_point = await _grant(resources, account, frozenset(directions), now)
        provider = TellingProvider()
        yield Household(resources, account, api_key, usage_point, provider, Fetcher(resources, {"enedis": provider}))


async def _grant(resources: Resources, account: Account, directions: frozenset[Direction], now: datetime) -> UsagePoint:
    consent, state = await resources.authorization_states.create(account.id, now)
    await take_state(resources.authorization_states, state, now, 1)
    point = GrantedPoint(PRM, directions, date(now.year + 2, 1, 1))
    await resources.grants.grant(consent.id, [point], now)
    return await resources.usage_points.find(account.id, PRM)

"""The API over real stores, without a network and without workers: what workers would do is done through `shared`."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from shared.accounts.store import Account
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import ONE_DAY, day_seconds, day_start, days_between, month_start, next_month
from shared.core.datasets import Direction, Series
from shared.quota.quota_status import KNOWN_KEY, circuit_key, known_name
from shared.readings.models import Coverage, Gap, Reading
from shared.resources import Resources
from tests.support.states import take_state
from tests.support.storing import save_window

# A quiet Tuesday noon in Paris; the day before is published.
NOON = datetime(2026, 10, 20, 10, tzinfo=UTC)
PRM = "98765432101234"
OTHER_PRM = "98765432105678"


@dataclass
class Clock:
    """What time it is for the API."""

    now: datetime = NOON


@dataclass
class Person:
    """Somebody with an account."""

    account: Account
    api_key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What they send with every request."""
        return {"Authorization": f"Bearer {self.api_key}"}


@dataclass
class Stage:
    """The API, its resources, its clock, and what a test does behind its back."""

    app: FastAPI
    client: httpx.AsyncClient
    resources: Resources
    clock: Clock
    # Each consent has a number of its own at the provider.
    authorisations: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def admin(self) -> dict[str, str]:
        """What an administrator sends with every request."""
        return {"Authorization": f"Bearer {self.resources.settings.admin_api_key.get_secret_value()}"}

    async def create_person(self) -> Person:
        """Somebody new."""
        return Person(*await self.resources.accounts.create_account(self.clock.now))

    async def open_link(self, started: Mapping[str, Any], client: httpx.AsyncClient | None = None) -> str:
        """Go on from the link as a program does; gives the provider's page; the client keeps the cookie."""
        link = urlsplit(started["authorize_url"])
        answer = await (client or self.client).post(f"{link.path}?{link.query}")
        assert 200 == answer.status_code, answer.text
        return str(answer.json()["provider_url"])

    async def grant(
        self,
        person: Person,
        prm: str = PRM,
        directions: Iterable[Direction] = (Direction.CONSUMPTION,),
        expires_on: date | None = None,
    ) -> UsagePoint:
        """Give a person a usage point, as a worker does after an exchange."""
        consent, state = await self.resources.authorization_states.create(person.account.id, self.clock.now)
        await take_state(self.resources.authorization_states, state, self.clock.now, next(self.authorisations))
        point = GrantedPoint(prm, frozenset(directions), expires_on or date(2029, 10, 19))
        await self.resources.grants.grant(consent.id, [point], self.clock.now)
        return await self.resources.usage_points.find(person.account.id, prm)

    async def store_curve(
        self, usage_point: UsagePoint, start: date, end: date, gaps: dict[date, Gap] | None = None
    ) -> None:
        """Store half-hours: their value is their number in the day."""
        series = Series(usage_point.account_id, usage_point.id, "consumption_load_curve")
        public_key = await self.resources.accounts.load_public_key(usage_point.account_id)
        for day in days_between(start, end):
            gap = (gaps or {}).get(day)
            readings = [] if gap else half_hours(day)
            coverage = Coverage(day.isoformat(), self.clock.now, day, day + ONE_DAY, (gap,) if gap else ())
            await save_window(self.resources.readings, series, coverage, readings, public_key)

    async def store_months(self, usage_point: UsagePoint, dataset: str, start: date, end: date) -> None:
        """Store daily values: the value is the day of the month."""
        series = Series(usage_point.account_id, usage_point.id, dataset)
        public_key = await self.resources.accounts.load_public_key(usage_point.account_id)
        month = month_start(start)
        while month < end:
            since, through = max(start, month), min(end, next_month(month))
            readings = [
                Reading(day_start(day), "P1D", day.day, day_start(day) + timedelta(hours=19))
                for day in days_between(since, through)
            ]
            coverage = Coverage(month.isoformat()[:7], self.clock.now, since, through)
            await save_window(self.resources.readings, series, coverage, readings, public_key)
            month = next_month(month)

    async def redis_now(self) -> float:
        """What time it is for Redis, whose scripts look at its clock: not that of the stage, nor of this process."""
        seconds, microseconds = await self.resources.redis.time()
        return seconds + microseconds / 1_000_000

    async def leave_alone(self, seconds: float, api: str = "measures", failures: int = 5) -> None:
        """Have nobody call an API for so long, as after too many failures; a pause that is over is tried."""
        await self.resources.redis.sadd(KNOWN_KEY, known_name("enedis", api))
        circuit: Any = {"failures": failures, "pause_seconds": 60, "pause_ends": await self.redis_now() + seconds}
        await self.resources.redis.hset(circuit_key("enedis", api), mapping=circuit)

    async def queued(self, lane: str) -> list[bytes]:
        """The messages that wait for a worker, each with its body decoded behind it."""
        messages = cast(list[bytes], await self.resources.redis.lrange(lane, 0, -1))
        return [message + _body(message) for message in messages]

    async def take_task(self, lane: str) -> list[Any]:
        """The arguments of the next task, taken from the queue as soon as it is there, as a worker takes it."""
        _, message = cast(tuple[bytes, bytes], await self.resources.redis.brpop(lane))
        arguments, *_ = json.loads(_body(message))
        return cast(list[Any], arguments)


def _body(message: bytes) -> bytes:
    return base64.b64decode(json.loads(message)["body"])


def half_hours(day: date) -> list[Reading]:
    """The half-hours of a day: 46, 48 or 50."""
    first = day_start(day)
    return [
        Reading(first + timedelta(minutes=30 * number), "PT30M", number) for number in range(day_seconds(day) // 1800)
    ]

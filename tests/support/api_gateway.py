"""The API over real stores, without a network or workers: tests perform the work of workers through `shared`."""

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

# Noon in Paris on an ordinary Tuesday; the previous day is published.
NOON = datetime(2026, 10, 20, 10, tzinfo=UTC)
PRM = "98765432101234"
OTHER_PRM = "98765432105678"


@dataclass
class Clock:
    """The API's current time."""

    now: datetime = NOON


@dataclass
class Person:
    """An account holder."""

    account: Account
    api_key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request of this account."""
        return {"Authorization": f"Bearer {self.api_key}"}


@dataclass
class Stage:
    """The API, its resources, its clock, and the changes a test makes directly in the stores."""

    app: FastAPI
    client: httpx.AsyncClient
    resources: Resources
    clock: Clock
    # Each consent has its own authorisation number at the provider.
    authorisations: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def admin(self) -> dict[str, str]:
        """The headers of every request of an administrator."""
        return {"Authorization": f"Bearer {self.resources.settings.admin_api_key.get_secret_value()}"}

    async def create_person(self) -> Person:
        """Create an account."""
        return Person(*await self.resources.accounts.create_account(self.clock.now))

    async def open_link(self, started: Mapping[str, Any], client: httpx.AsyncClient | None = None) -> str:
        """Follow the link as a program does; returns the provider's page URL; the client keeps the cookie."""
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
        """Grant a usage point to an account, as a worker does after an exchange."""
        consent, state = await self.resources.authorization_states.create(person.account.id, self.clock.now)
        await take_state(self.resources.authorization_states, state, self.clock.now, next(self.authorisations))
        point = GrantedPoint(prm, frozenset(directions), expires_on or date(2029, 10, 19))
        await self.resources.grants.grant(consent.id, [point], self.clock.now)
        return await self.resources.usage_points.find(person.account.id, prm)

    async def store_curve(
        self, usage_point: UsagePoint, start: date, end: date, gaps: dict[date, Gap] | None = None
    ) -> None:
        """Store half-hourly readings: each value is the half-hour's number in the day."""
        series = Series(usage_point.account_id, usage_point.id, "consumption_load_curve")
        public_key = await self.resources.accounts.load_public_key(usage_point.account_id)
        for day in days_between(start, end):
            gap = (gaps or {}).get(day)
            readings = [] if gap else half_hours(day)
            coverage = Coverage(day.isoformat(), self.clock.now, day, day + ONE_DAY, (gap,) if gap else ())
            await save_window(self.resources.readings, series, coverage, readings, public_key)

    async def store_months(self, usage_point: UsagePoint, dataset: str, start: date, end: date) -> None:
        """Store daily readings: each value is the day of the month."""
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
        """Redis's current time, which its scripts use: neither the stage's clock nor this process's."""
        seconds, microseconds = await self.resources.redis.time()
        return seconds + microseconds / 1_000_000

    async def leave_alone(self, seconds: float, api: str = "measures", failures: int = 5) -> None:
        """Pause the calls to an API for ``seconds``, as after too many failures; then a trial call is allowed."""
        await self.resources.redis.sadd(KNOWN_KEY, known_name("enedis", api))
        circuit: Any = {"failures": failures, "pause_seconds": 60, "pause_ends": await self.redis_now() + seconds}
        await self.resources.redis.hset(circuit_key("enedis", api), mapping=circuit)

    async def queued(self, lane: str) -> list[bytes]:
        """The messages queued for a worker, each followed by its decoded body."""
        messages = cast(list[bytes], await self.resources.redis.lrange(lane, 0, -1))
        return [message + _body(message) for message in messages]

    async def take_task(self, lane: str) -> list[Any]:
        """The arguments of the next task, popped from the queue as soon as it arrives, as a worker does."""
        _, message = cast(tuple[bytes, bytes], await self.resources.redis.brpop(lane))
        arguments, *_ = json.loads(_body(message))
        return cast(list[Any], arguments)


def _body(message: bytes) -> bytes:
    return base64.b64decode(json.loads(message)["body"])


def half_hours(day: date) -> list[Reading]:
    """The half-hourly readings of a day: 46, 48 or 50."""
    first = day_start(day)
    return [
        Reading(first + timedelta(minutes=30 * number), "PT30M", number) for number in range(day_seconds(day) // 1800)
    ]

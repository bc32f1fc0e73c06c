"""The API gateway in front of every simulated API: token, subscription, quota, latency and faults, in that order.

The order is WSO2's: a call without a valid token costs no quota, a call hit by a fault does. APIs pass a coroutine that
returns the response and raises `Refusal` for refused requests. Independent of measures and consents.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request, Response

from simulator.calls import Call
from simulator.clock import Clock
from simulator.conditions import Conditions, Generation
from simulator.error_catalogue import code_of
from simulator.errors import Refusal, not_subscribed, unknown_path
from simulator.faults import Faults
from simulator.limits import Limits

Produce = Callable[[Request], Awaitable[Response]]


class BearerCheck(Protocol):
    """The token check that the gateway needs."""

    def check(self, authorization: str | None) -> None:
        """Accept an `Authorization` header. Raises: Refusal."""


@dataclass(frozen=True, slots=True)
class Api:
    """One API as DataHub lists it, subscribed separately. `quota` names the quota of its calls."""

    name: str
    generation: Generation
    quota: str


class Gateway:
    """Admits or refuses calls to the APIs."""

    def __init__(
        self, clock: Clock, conditions: Conditions, tokens: BearerCheck, limits: Limits, faults: Faults
    ) -> None:
        self._clock = clock
        self._conditions = conditions
        self._tokens = tokens
        self._limits = limits
        self._faults = faults
        self._apis: list[Api] = []

    def register(self, name: str, generation: Generation) -> Api:
        """Declare an API. Each 2026 API has its own quota, the v5 APIs share one."""
        api = Api(name, generation, name if generation == "2026" else "v5")
        self._apis.append(api)
        return api

    def subscribed_apis(self) -> list[str]:
        """The names of the declared APIs that the application is subscribed to."""
        conditions = self._conditions
        return [
            api.name
            for api in self._apis
            if api.name not in conditions.unsubscribed_apis and api.generation not in conditions.stopped_generations
        ]

    async def answer(self, request: Request, api: Api, produce: Produce) -> Response:
        """The response of a metered API, including refusals."""
        call = call_of(request)
        call.api = api.name
        try:
            self._admit(request, api)
        except Refusal as refusal:
            return refused(refusal, call)
        if self._conditions.latency_seconds:
            await asyncio.sleep(self._conditions.latency_seconds)
        return await self._spoiled(request, produce, call)

    async def answer_unmetered(self, request: Request, api_name: str, produce: Produce) -> Response:
        """The response of the token endpoint and the consent pages: no bearer token, no quota, but faults."""
        call = call_of(request)
        call.api = api_name
        return await self._spoiled(request, produce, call)

    def _admit(self, request: Request, api: Api) -> None:
        conditions = self._conditions
        if api.generation in conditions.stopped_generations:
            raise unknown_path()
        self._tokens.check(request.headers.get("authorization"))
        if api.name in conditions.unsubscribed_apis:
            raise not_subscribed()
        per_hour = conditions.per_hour if api.generation == "2026" else conditions.per_hour_v5
        self._limits.admit(api.quota, conditions.per_second, per_hour, conditions.hour_window)

    async def _spoiled(self, request: Request, produce: Produce, call: Call) -> Response:
        fault = self._faults.take(call)
        if fault is not None:
            call.fault = fault.kind
            if fault.delay_seconds:
                await asyncio.sleep(fault.delay_seconds)
            replacement = fault.replacement(call, self._clock.now())
            if replacement is not None:
                return replacement
        try:
            answer = await produce(request)
        except Refusal as refusal:
            answer = refused(refusal, call)
        return answer if fault is None else fault.distort(answer)


def call_of(request: Request) -> Call:
    """The log's record of this request."""
    call: Call = request.scope["simulator.call"]
    return call


def json_answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response, without spaces, accents unescaped."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(content, status, dict(headers or {}), "application/json")


def refused(refusal: Refusal, call: Call) -> Response:
    """A refusal as a response; its code is logged."""
    call.error = code_of(refusal)
    return json_answer(refusal.status, refusal.body, refusal.headers)

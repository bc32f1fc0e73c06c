"""Two generations of one provider's APIs as one: the newer is asked, and the older where the newer is not there.

Which of them answers is remembered per API for a while, so that no call is made twice for nothing. Only an error that
says "this API is not there, or not for you" makes the other one be asked; an outage, a used-up quota, a lost consent
or a name that can't be resolved say nothing about it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar, cast

from redis.asyncio import Redis

from shared.consents.models import GrantedPoint
from shared.core.errors import ProviderApiMissing, ProviderError, ProviderNotSubscribed, ProviderUnavailable
from shared.readings.models import Reading
from workers.upstream.port import FetchRequest, Provider, RecordRequest

Result = TypeVar("Result")

MEMORY_SECONDS = 6 * 3600
"""After so long the newer generation is asked first again: its API may have been subscribed to meanwhile."""

_ONLY_NEWER = frozenset({"consumption_index", "production_index"})
# The newer generation's APIs, one of which serves several datasets.
_RECORD_APIS: Mapping[str, str] = {
    "address": "donnees_generales_auto",
    "contract": "situation_contrat_auto",
    "identity": "situation_contrat_auto",
    "contact": "situation_contrat_auto",
}
_NOT_THERE = (ProviderApiMissing, ProviderNotSubscribed)


class Generation(StrEnum):
    """The two, by their names in settings and in memory."""

    NEWER = "2026"
    OLDER = "v5"


class GenerationMemory:
    """Which generation is known to be the only one that answers, per API, shared by all workers."""

    def __init__(self, redis: Redis, provider: str) -> None:
        """Keep it in ``redis``."""
        self._redis = redis
        self._prefix = f"generation:{provider}"

    async def load(self, api: str) -> Generation | None:
        """The only one that is there, as far as is known; ``None``: nothing is known, or no longer."""
        known = await cast(Awaitable[bytes | None], self._redis.get(f"{self._prefix}:{api}"))
        return next((each for each in Generation if known == each.value.encode()), None)

    async def save(self, api: str, generation: Generation) -> None:
        """Remember it for `MEMORY_SECONDS`."""
        await self._redis.set(f"{self._prefix}:{api}", generation.value, ex=MEMORY_SECONDS)


class Generations:
    """Both adapters as one. Implements `workers.upstream.port.Provider`."""

    def __init__(self, newer: Provider, older: Provider, memory: GenerationMemory) -> None:
        """Prefer ``newer``; ``older`` is asked for what ``newer`` does not serve."""
        self.name = newer.name
        self._newer = newer
        self._older = older
        self._memory = memory

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """As `Provider.fetch_readings`, from whichever generation serves measures."""
        if request.dataset.name in _ONLY_NEWER:
            return await self._newer.fetch_readings(request)
        name = request.dataset.name
        return await self._ask("measures", name, lambda provider: provider.fetch_readings(request))

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """As `Provider.fetch_record`, from whichever generation serves the record."""
        name = request.dataset.name
        return await self._ask(_RECORD_APIS[name], name, lambda provider: provider.fetch_record(request))

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """As `Provider.fetch_granted_points`: authorisations are the newer generation's alone."""
        return await self._newer.fetch_granted_points(autorisation_id)

    async def _ask(self, api: str, dataset: str, ask: Callable[[Provider], Awaitable[Result]]) -> Result:
        # The older generation has an API for each dataset: that one is missing says nothing of the others.
        only = await self._memory.load(f"{api}:{dataset}") or await self._memory.load(api)
        if only is Generation.NEWER:
            return await ask(self._newer)
        first, second = (Generation.OLDER, Generation.NEWER) if only else (Generation.NEWER, Generation.OLDER)
        try:
            return await ask(self._provider(first))
        except _NOT_THERE as error:
            missing = error
        try:
            result = await ask(self._provider(second))
        except _NOT_THERE as other:
            # Neither: what the newer one says is what its operator can mend.
            await self._memory.save(f"{api}:{dataset}", Generation.NEWER)
            raise (missing if first is Generation.NEWER else other) from None
        except ProviderUnavailable:
            raise
        except ProviderError:
            # It is there, and says no for a reason of its own.
            await self._memory.save(api, second)
            raise
        await self._memory.save(api, second)
        return result

    def _provider(self, generation: Generation) -> Provider:
        return self._newer if generation is Generation.NEWER else self._older

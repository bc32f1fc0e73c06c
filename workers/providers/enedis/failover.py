"""Two generations of one provider's APIs as one: requests go to the newer, or to the older where the newer is missing.

The generation that responds is cached per API for a while, to avoid duplicate calls. Only an error that means "this API
does not exist, or is not subscribed to" triggers the failover; an outage, an exhausted quota, a lost consent or an
unresolvable host name does not.
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
"""After this period the newer generation is tried first again: its API may have been subscribed to in the meantime."""

_ONLY_NEWER = frozenset({"consumption_index", "production_index"})
# The newer generation's APIs; one of them serves several datasets.
_RECORD_APIS: Mapping[str, str] = {
    "address": "donnees_generales_auto",
    "contract": "situation_contrat_auto",
    "identity": "situation_contrat_auto",
    "contact": "situation_contrat_auto",
}
_NOT_THERE = (ProviderApiMissing, ProviderNotSubscribed)


class Generation(StrEnum):
    """The two generations, by their names in the settings and in the cache."""

    NEWER = "2026"
    OLDER = "v5"


class GenerationMemory:
    """The generation known to be the only one that responds, per API, shared by all workers."""

    def __init__(self, redis: Redis, provider: str) -> None:
        """Store it in ``redis``."""
        self._redis = redis
        self._prefix = f"generation:{provider}"

    async def load(self, api: str) -> Generation | None:
        """The only available generation, if known; ``None``: unknown or expired."""
        known = await cast(Awaitable[bytes | None], self._redis.get(f"{self._prefix}:{api}"))
        return next((each for each in Generation if known == each.value.encode()), None)

    async def save(self, api: str, generation: Generation) -> None:
        """Remember it for `MEMORY_SECONDS`."""
        await self._redis.set(f"{self._prefix}:{api}", generation.value, ex=MEMORY_SECONDS)


class Generations:
    """Both adapters as one. Implements `workers.upstream.port.Provider`."""

    def __init__(self, newer: Provider, older: Provider, memory: GenerationMemory) -> None:
        """Prefer ``newer``; use ``older`` for what ``newer`` does not serve."""
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
        """As `Provider.fetch_granted_points`; only the newer generation has authorisations."""
        return await self._newer.fetch_granted_points(autorisation_id)

    async def _ask(self, api: str, dataset: str, ask: Callable[[Provider], Awaitable[Result]]) -> Result:
        # The older generation has one API per dataset: a missing one does not imply that others are missing.
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
            # Neither is available: the newer generation's error is the one that the operator can fix.
            await self._memory.save(f"{api}:{dataset}", Generation.NEWER)
            raise (missing if first is Generation.NEWER else other) from None
        except ProviderUnavailable:
            raise
        except ProviderError:
            # The API exists and refused the request for another reason.
            await self._memory.save(api, second)
            raise
        await self._memory.save(api, second)
        return result

    def _provider(self, generation: Generation) -> Provider:
        return self._newer if generation is Generation.NEWER else self._older

"""Each adapter of the registry, in each generation, built as in a worker, with a scripted provider."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from shared.config.settings import Settings
from shared.core.datasets import DATASETS
from shared.jobs.models import Lane
from shared.resources import Resources, open_resources
from tests.contract.workers.cases import CASES, Case, Recorded
from tests.support.loopback import Reply, ScriptedProvider, one_authority, served
from workers.registry import ADAPTERS
from workers.upstream.http_client import open_http
from workers.upstream.port import FetchRequest, Provider, RecordRequest


@dataclass
class Bench:
    """An adapter, its provider, and a factory for more of the same."""

    name: str
    case: Case
    provider: ScriptedProvider
    adapter: Provider
    resources: Resources
    _stack: AsyncExitStack
    _base_url: str

    async def another(self, **changes: object) -> Provider:
        """The same adapter with other settings."""
        settings = self.case.settings(self.resources.settings, self._base_url, **changes)
        resources = await self._stack.enter_async_context(open_resources(settings))
        http = await self._stack.enter_async_context(open_http(settings.enedis_timeout_seconds))
        return ADAPTERS[self.name](resources, http)

    def request(self, dataset: str | None = None) -> FetchRequest:
        """The request of a recorded response, for any dataset unless one is named."""
        name = dataset or next(iter(self.case.answers))
        answer = self.case.answers[name]
        return FetchRequest(answer.prm, DATASETS[name], answer.days, Lane.INTERACTIVE)

    def record_request(self, dataset: str) -> RecordRequest:
        """The request of a recorded record."""
        return RecordRequest(self.case.records[dataset][0], DATASETS[dataset], Lane.INTERACTIVE)

    def recorded(self, dataset: str | None = None) -> Recorded:
        """The recorded response to that request."""
        return self.case.answers[dataset or next(iter(self.case.answers))]

    async def start_again(self) -> None:
        """Reset to the initial state: no token, no slot taken, no failure counted, nothing received."""
        await self.resources.redis.flushall()
        self.provider.start_again(self.case.token)

    def will_answer(self, *replies: Reply) -> None:
        """Set the provider's responses to everything except token requests."""
        self.provider.will_answer(*replies)


@pytest.fixture(scope="session", autouse=True)
def quick_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """HTTP clients that are fast to create."""
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


@pytest.fixture(scope="session", params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> tuple[str, Case]:
    """Each adapter's name, and its case."""
    known = CASES[request.param]
    return known.adapter, known


@pytest.fixture(scope="session")
def scripted(case: tuple[str, Case]) -> Iterator[tuple[ScriptedProvider, str]]:
    """The adapter's provider, and its URL."""
    provider = ScriptedProvider(case[1].token_path)
    with served(provider) as base_url:
        yield provider, base_url


@pytest.fixture
async def bench(
    case: tuple[str, Case], scripted: tuple[ScriptedProvider, str], settings: Settings
) -> AsyncIterator[Bench]:
    """The adapter and its provider."""
    name, known = case
    provider, base_url = scripted
    provider.start_again(known.token)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(known.settings(settings, base_url)))
        http = await stack.enter_async_context(open_http(resources.settings.enedis_timeout_seconds))
        yield Bench(name, known, provider, ADAPTERS[name](resources, http), resources, stack, base_url)

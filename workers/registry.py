"""The adapters, one line each; the only place that imports them."""

from collections.abc import Awaitable, Callable, Mapping

import httpx

from shared.config import Settings
from shared.resources import Resources
from workers.circuit import Patience
from workers.client import ProviderClient
from workers.generations import GenerationMemory, Generations
from workers.pacer import Pacer, Quota
from workers.provider import Provider, PublicProvider
from workers.providers import rte
from workers.providers.enedis import Enedis, token_fetcher
from workers.providers.enedis_v5 import EnedisV5
from workers.providers.rte_open_data import RteOpenData
from workers.tokens import Token, TokenStore

# Beside the wait for an answer: for a token, a slot and a connection.
_PROBE_SPARE_SECONDS = 5.0
# Of an API of RTE's, which publishes hardly any: far more than the schedule needs, even with a token refused.
_RTE_QUOTA = Quota(per_second=1, per_hour=60, bulk_per_hour=60)


def _build_enedis(resources: Resources, http: httpx.AsyncClient) -> Provider:
    settings = resources.settings
    share = settings.interactive_share

    def client(per_hour: int) -> ProviderClient:
        quota = Quota.shared_out(settings.enedis_per_second, per_hour, share, settings.enedis_slot_margin_seconds)
        patience = Patience(
            failures=settings.enedis_failures_before_pause,
            probe_seconds=settings.enedis_timeout_seconds + _PROBE_SPARE_SECONDS,
        )
        return ProviderClient(
            http,
            settings.enedis_base_url,
            Pacer(resources.redis, Enedis.name, quota, patience),
            # One token for both generations.
            TokenStore(resources.redis, resources.server, Enedis.name),
            enedis_token_fetcher(settings),
        )

    match settings.enedis_api:
        case "2026":
            return Enedis(client(settings.enedis_per_hour))
        case "v5":
            return EnedisV5(client(settings.enedis_per_hour_v5))
        case "auto":
            return Generations(
                Enedis(client(settings.enedis_per_hour)),
                EnedisV5(client(settings.enedis_per_hour_v5)),
                GenerationMemory(resources.redis, Enedis.name),
            )


def enedis_token_fetcher(settings: Settings) -> Callable[[httpx.AsyncClient], Awaitable[Token]]:
    """What gets the application's token at Enedis."""
    secret = settings.enedis_client_secret.get_secret_value()
    return token_fetcher(settings.enedis_base_url, settings.enedis_client_id, secret)


def _build_rte(resources: Resources, http: httpx.AsyncClient) -> PublicProvider:
    settings, name = resources.settings, rte.Rte.name
    secret = settings.rte_client_secret.get_secret_value()
    return rte.Rte(
        ProviderClient(
            http,
            settings.rte_base_url,
            Pacer(resources.redis, name, _RTE_QUOTA),
            TokenStore(resources.redis, resources.server, name),
            rte.token_fetcher(settings.rte_base_url, settings.rte_client_id, secret),
        )
    )


def _build_rte_open_data(resources: Resources, http: httpx.AsyncClient) -> PublicProvider:
    pacer = Pacer(resources.redis, RteOpenData.name, _RTE_QUOTA)
    return RteOpenData(http, resources.settings.rte_open_data_url, pacer)


ADAPTERS: Mapping[str, Callable[[Resources, httpx.AsyncClient], Provider]] = {
    "enedis": _build_enedis,
}

PUBLIC_ADAPTERS: Mapping[str, Callable[[Resources, httpx.AsyncClient], PublicProvider]] = {
    "rte": _build_rte,
    "rte_open_data": _build_rte_open_data,
}


def build_providers(resources: Resources, http: httpx.AsyncClient) -> dict[str, Provider]:
    """Every adapter, ready to use."""
    return {name: build(resources, http) for name, build in ADAPTERS.items()}


def build_public_providers(resources: Resources, http: httpx.AsyncClient) -> dict[str, PublicProvider]:
    """Every adapter to public data, ready to use; none while this gateway is no application of RTE's."""
    if not resources.settings.rte_client_id:
        return {}
    return {name: build(resources, http) for name, build in PUBLIC_ADAPTERS.items()}

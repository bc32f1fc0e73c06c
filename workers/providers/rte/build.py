"""Builds the RTE adapters from the settings."""

import httpx

from shared.quota.pacer import Pacer, Quota
from shared.resources import Resources
from workers.providers.rte import adapter as rte
from workers.providers.rte.open_data import RteOpenData
from workers.upstream.access_tokens import TokenStore
from workers.upstream.http_client import ProviderClient
from workers.upstream.port import PublicProvider

# Per RTE API; RTE publishes hardly any limits: far more than the schedule needs, even with a refused token.
_RTE_QUOTA = Quota(per_second=1, per_hour=60, bulk_per_hour=60)


def build_rte(resources: Resources, http: httpx.AsyncClient) -> PublicProvider:
    """The adapter for the Tempo and EcoWatt APIs."""
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


def build_rte_open_data(resources: Resources, http: httpx.AsyncClient) -> PublicProvider:
    """The adapter for the open data."""
    pacer = Pacer(resources.redis, RteOpenData.name, _RTE_QUOTA)
    return RteOpenData(http, resources.settings.rte_open_data_url, pacer)

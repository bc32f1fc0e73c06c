"""The adapters, one line each; the only place that imports them."""

from collections.abc import Callable, Mapping

import httpx

from shared.resources import Resources
from workers.client import ProviderClient
from workers.pacer import Pacer, Quota
from workers.provider import Provider
from workers.providers.enedis import Enedis, token_fetcher
from workers.tokens import TokenStore


def _build_enedis(resources: Resources, http: httpx.AsyncClient) -> Provider:
    settings = resources.settings
    quota = Quota.shared_out(settings.enedis_per_second, settings.enedis_per_hour, settings.interactive_share)
    client = ProviderClient(
        http,
        settings.enedis_base_url,
        Pacer(resources.redis, Enedis.name, quota),
        TokenStore(resources.redis, resources.server, Enedis.name),
        token_fetcher(
            settings.enedis_base_url, settings.enedis_client_id, settings.enedis_client_secret.get_secret_value()
        ),
    )
    return Enedis(client)


ADAPTERS: Mapping[str, Callable[[Resources, httpx.AsyncClient], Provider]] = {
    "enedis": _build_enedis,
}


def build_providers(resources: Resources, http: httpx.AsyncClient) -> dict[str, Provider]:
    """Every adapter, ready to use."""
    return {name: build(resources, http) for name, build in ADAPTERS.items()}

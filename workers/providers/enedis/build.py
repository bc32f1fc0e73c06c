"""Builds an Enedis adapter from the settings."""

from collections.abc import Awaitable, Callable

import httpx

from shared.config.settings import Settings
from shared.quota.circuit_breaker import Patience
from shared.quota.pacer import Pacer, Quota
from shared.resources import Resources
from workers.providers.enedis.adapter_2026 import Enedis, token_fetcher
from workers.providers.enedis.adapter_v5 import EnedisV5
from workers.providers.enedis.failover import GenerationMemory, Generations
from workers.upstream.access_tokens import Token, TokenStore
from workers.upstream.http_client import ProviderClient
from workers.upstream.port import Provider

# In addition to the response timeout: for a token, a slot and a connection.
_PROBE_SPARE_SECONDS = 5.0


def build_enedis(resources: Resources, http: httpx.AsyncClient) -> Provider:
    """The adapter selected by the settings: one generation, or both."""
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
            # Both generations share one token.
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
    """The function that fetches the application token from Enedis."""
    secret = settings.enedis_client_secret.get_secret_value()
    return token_fetcher(settings.enedis_base_url, settings.enedis_client_id, secret)

"""The adapters, one line each; the only place that imports them."""

from collections.abc import Callable, Mapping

import httpx

from shared.resources import Resources
from workers.providers.enedis.build import build_enedis
from workers.providers.rte.build import build_rte, build_rte_open_data
from workers.upstream.port import Provider, PublicProvider

ADAPTERS: Mapping[str, Callable[[Resources, httpx.AsyncClient], Provider]] = {
    "enedis": build_enedis,
}

PUBLIC_ADAPTERS: Mapping[str, Callable[[Resources, httpx.AsyncClient], PublicProvider]] = {
    "rte": build_rte,
    "rte_open_data": build_rte_open_data,
}


def build_providers(resources: Resources, http: httpx.AsyncClient) -> dict[str, Provider]:
    """Every adapter, ready to use."""
    return {name: build(resources, http) for name, build in ADAPTERS.items()}


def build_public_providers(resources: Resources, http: httpx.AsyncClient) -> dict[str, PublicProvider]:
    """Every adapter for public data, ready to use; none while this gateway is not registered as an RTE application."""
    if not resources.settings.rte_client_id:
        return {}
    return {name: build(resources, http) for name, build in PUBLIC_ADAPTERS.items()}

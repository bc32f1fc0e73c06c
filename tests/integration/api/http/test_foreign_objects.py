"""Every route, called with objects of another account, returns not found. A route that is not listed here fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.app import openapi_document
from shared.core.calendar import DayRange
from shared.core.datasets import Direction, Series
from shared.jobs.models import Lane
from tests.support.api_gateway import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

DAYS = {"start": "2026-10-01", "end": "2026-10-03"}

# Routes that an account's key may call, but not for another account's object.
FOREIGN = {
    "get_consent",
    "revoke_consent",
    "get_usage_point",
    "get_readings",
    "get_coverage",
    "get_coverage_overview",
    "create_job",
    "get_job",
    "cancel_job",
    "stream_job_events",
    "change_usage_point",
    "erase_usage_point",
    "erase_readings",
    "revoke_key",
    "get_webhook",
    "change_webhook",
    "delete_webhook",
    "rotate_webhook_secret",
    "test_webhook",
    "list_webhook_deliveries",
    "replay_webhook_delivery",
}
# Routes without an object: they return or create only the caller's own data.
OWN = {
    "get_account",
    "erase_account",
    "export_account",
    "get_audit",
    "list_keys",
    "create_key",
    "create_consent",
    "list_consents",
    "list_usage_points",
    "list_jobs",
    "stream_events",
    "list_webhooks",
    "create_webhook",
}
# Routes for objects without an account, or that accept no key.
PUBLIC = {
    "create_account",
    "look_at_consent_link",
    "open_consent_link",
    "return_from_provider",
    "list_datasets",
    "list_tempo_days",
    "get_tempo_today",
    "get_tempo_tomorrow",
    "get_tempo_remaining",
    "get_tempo_prices",
    "list_ecowatt_days",
    "get_liveness",
    "get_readiness",
    "get_metrics",
    "get_index",
    "get_problem",
    "get_public_keys",
}
# Routes that reject an account's key, as it is not an administrator's.
ADMIN = {
    "admin_list_accounts",
    "admin_get_account",
    "admin_change_account",
    "admin_delete_account",
    "admin_purge_readings",
    "admin_recover_account",
    "admin_list_dead_calls",
    "admin_list_consents",
    "admin_approve_consent",
    "admin_deny_consent",
    "admin_list_invitations",
    "admin_create_invitation",
    "admin_delete_invitation",
    "admin_get_pacer",
    "admin_get_refresh",
    "admin_start_refresh",
    "admin_get_audit",
    "admin_get_public_data",
    "admin_list_tempo_prices",
    "admin_set_tempo_prices",
    "admin_delete_tempo_prices",
}
_SERIES = {
    "daily_consumption",
    "consumption_load_curve",
    "daily_consumption_max_power",
    "daily_production",
    "production_load_curve",
}
_V1_WORDS = _SERIES | {"contracts", "addresses", "identity", "contact"}
# Routes of other gateways' contracts, which have no 401 or 404 for this case. All of them name a usage point.
V1_FOREIGN = {
    *(f"v1_get_{word}{suffix}" for word in (*_V1_WORDS, "access") for suffix in ("", "_cache")),
    *(f"v1_erase_{word}" for word in (*_V1_WORDS, "cache")),
    "v1_create_token",
}
V1_PUBLIC = {"v1_ping", "v1_tempo", "v1_ecowatt", "v1_tempo_days", "v1_tempo_prices"}
V1_ADMIN = {"v1_admin_reset_quota", "v1_admin_ask_tempo", "v1_admin_ask_ecowatt", "v1_admin_set_tempo_prices"}
CONSO_FOREIGN = {
    "conso_daily_consumption",
    "conso_consommation_quotidienne",
    "conso_consumption_load_curve",
    "conso_courbe_de_charge_consommation",
    "conso_consumption_max_power",
    "conso_puissance_conso_max_quotidienne",
    "conso_daily_production",
    "conso_production_quotidienne",
    "conso_production_load_curve",
    "conso_courbe_de_charge_production",
}

QUERIES = {
    "get_readings": DAYS,
    "get_coverage": DAYS,
    **{operation: {"prm": PRM, **DAYS} for operation in CONSO_FOREIGN},
}
BODIES = {
    "create_job": {"usage_point_id": PRM, "dataset": "consumption_load_curve", **DAYS},
    "change_usage_point": {"label": "mine", "refresh": False},
    "change_webhook": {"enabled": False},
}


@dataclass(frozen=True)
class Route:
    """One route of the API."""

    operation: str
    method: str
    path: str


def routes() -> Iterator[Route]:
    """All routes, except the OpenAPI document."""
    for path, methods in openapi_document()["paths"].items():
        for method, described in methods.items():
            yield Route(described["operationId"], method, path)


@pytest.fixture
async def victim(stage: Stage) -> Person:
    """An account with a usage point, readings, a job, a consent."""
    victim = await stage.create_person()
    point = await stage.grant(victim, PRM, list(Direction))
    await stage.store_curve(point, NOON.date().replace(day=1), NOON.date().replace(day=3))
    return victim


async def foreign_values(stage: Stage, victim: Person) -> dict[str, str]:
    """The names of path parameters, with the victim's values."""
    (point,) = await stage.resources.usage_points.list_for_account(victim.account.id)
    (key,) = await stage.resources.accounts.keys.list_keys(victim.account.id)
    series = Series(victim.account.id, point.id, "consumption_load_curve")
    days = DayRange(NOON.date().replace(day=1), NOON.date().replace(day=3))
    job = await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOON)
    webhook, _ = await stage.resources.webhooks.create_webhook(
        victim.account.id, "https://receiver.example", None, None, key.id, NOON
    )
    delivery = await stage.resources.deliveries.enqueue_test(victim.account.id, webhook.id, NOON, awaited=False)
    assert delivery is not None
    return {
        "usage_point_id": PRM,
        "dataset": "consumption_load_curve",
        "job_id": job.id,
        "consent_id": point.consent.id,
        "key_id": key.id,
        "account_id": victim.account.id,
        "invitation_id": "inv_0123456789abcdef",
        "webhook_id": webhook.id,
        "delivery_id": delivery.id,
        "valid_from": "2026-08-01",
        **DAYS,
    }


async def call(stage: Stage, route: Route, values: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    return await stage.client.request(
        route.method,
        route.path.format(**values),
        params=QUERIES.get(route.operation),
        json=BODIES.get(route.operation),
        headers=headers,
    )


def test_every_route_is_listed_here() -> None:
    of_other_gateways = V1_FOREIGN | V1_PUBLIC | V1_ADMIN | CONSO_FOREIGN

    assert FOREIGN | OWN | PUBLIC | ADMIN | of_other_gateways == {route.operation for route in routes()}


async def test_what_belongs_to_somebody_else_is_not_there(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)
    intruder = await stage.create_person()

    answers = {
        route.operation: await call(stage, route, values, intruder.headers)
        for route in routes()
        if route.operation in FOREIGN
    }

    assert dict.fromkeys(FOREIGN, (404, "not_found")) == {
        name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()
    }


async def test_by_the_contracts_of_other_gateways_it_is_refused(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)
    intruder = await stage.create_person()

    statuses = {
        route.operation: (await call(stage, route, values, intruder.headers)).status_code
        for route in routes()
        if route.operation in V1_FOREIGN | CONSO_FOREIGN
    }

    assert dict.fromkeys(V1_FOREIGN | CONSO_FOREIGN, 403) == statuses


async def test_it_is_the_same_as_what_is_nowhere(stage: Stage, victim: Person) -> None:
    """The response does not reveal whether another account owns the object."""
    values = await foreign_values(stage, victim)
    nowhere = {
        **values,
        "usage_point_id": "00000000000000",
        **{
            name: f"{value.split('_')[0]}_{'0' * 16}" for name, value in values.items() if "_" in value and "id" in name
        },
    }
    intruder = await stage.create_person()

    def said(answer: httpx.Response) -> dict[str, Any]:
        document: dict[str, Any] = answer.json()
        # The path contains the requested id.
        return {name: text for name, text in document.items() if name not in ("instance", "trace_id")}

    for route in routes():
        if route.operation in V1_FOREIGN | FOREIGN - set(BODIES):
            foreign = await call(stage, route, values, intruder.headers)
            unknown = await call(stage, route, nowhere, intruder.headers)
            assert said(unknown) == said(foreign), route.operation


async def test_without_a_key_nothing_but_what_is_public_answers(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)

    statuses = {
        route.operation: (await call(stage, route, values, {})).status_code
        for route in routes()
        if route.operation not in PUBLIC | V1_PUBLIC
    }

    unauthenticated = dict.fromkeys(FOREIGN | OWN | ADMIN | CONSO_FOREIGN, 401)
    assert unauthenticated | dict.fromkeys(V1_FOREIGN | V1_ADMIN, 403) == statuses


async def test_an_accounts_key_opens_no_door_of_the_administrators(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)
    intruder = await stage.create_person()

    statuses = {
        route.operation: (await call(stage, route, values, intruder.headers)).status_code
        for route in routes()
        if route.operation in ADMIN | V1_ADMIN
    }

    assert set(statuses.values()) <= {401, 403, 404}

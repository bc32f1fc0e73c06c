"""Every route, called with what belongs to somebody else: it is not there. A route that is not listed here fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.app import openapi_document
from shared.catalog import Direction
from shared.models import DayRange, Lane, Series
from tests.integration.api.stage import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

DAYS = {"start": "2026-10-01", "end": "2026-10-03"}

# What a route does for somebody who has a key, but not to the thing that is named.
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
# It names nothing: what it shows or makes is the caller's own.
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
# It belongs to nobody, or lets nobody in by a key.
PUBLIC = {
    "create_account",
    "look_at_consent_link",
    "open_consent_link",
    "return_from_provider",
    "list_datasets",
    "get_liveness",
    "get_readiness",
    "get_metrics",
    "get_index",
    "get_problem",
    "get_public_keys",
}
# An account's key is no administrator's.
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
}

QUERIES = {"get_readings": DAYS, "get_coverage": DAYS}
BODIES = {
    "create_job": {"usage_point_id": PRM, "dataset": "consumption_load_curve", **DAYS},
    "change_usage_point": {"label": "mine", "refresh": False},
    "change_webhook": {"enabled": False},
}


@dataclass(frozen=True)
class Route:
    """One thing that the API answers to."""

    operation: str
    method: str
    path: str


def routes() -> Iterator[Route]:
    """All of them, but for the description itself."""
    for path, methods in openapi_document()["paths"].items():
        for method, described in methods.items():
            yield Route(described["operationId"], method, path)


@pytest.fixture
async def victim(stage: Stage) -> Person:
    """Somebody with a usage point, readings, a job, a consent."""
    victim = await stage.create_person()
    point = await stage.grant(victim, PRM, list(Direction))
    await stage.store_curve(point, NOON.date().replace(day=1), NOON.date().replace(day=3))
    return victim


async def foreign_values(stage: Stage, victim: Person) -> dict[str, str]:
    """What the parts of a path are called, and the victim's."""
    (point,) = await stage.parts.consents.list_usage_points(victim.account.id)
    (key,) = await stage.parts.accounts.keys.list_keys(victim.account.id)
    series = Series(victim.account.id, point.id, "consumption_load_curve")
    days = DayRange(NOON.date().replace(day=1), NOON.date().replace(day=3))
    job = await stage.parts.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOON)
    webhook, _ = await stage.parts.webhooks.create_webhook(
        victim.account.id, "https://receiver.example", None, None, key.id, NOON
    )
    delivery = await stage.parts.deliveries.enqueue_test(victim.account.id, webhook.id, NOON, awaited=False)
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
    assert FOREIGN | OWN | PUBLIC | ADMIN == {route.operation for route in routes()}


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


async def test_it_is_the_same_as_what_is_nowhere(stage: Stage, victim: Person) -> None:
    """Whether somebody else has it can't be told from the answer."""
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
        # The path holds the id that was asked for.
        return {name: text for name, text in document.items() if name not in ("instance", "trace_id")}

    for route in routes():
        if route.operation in FOREIGN - set(BODIES):
            foreign = await call(stage, route, values, intruder.headers)
            unknown = await call(stage, route, nowhere, intruder.headers)
            assert said(unknown) == said(foreign), route.operation


async def test_without_a_key_nothing_but_what_is_public_answers(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)

    statuses = {
        route.operation: (await call(stage, route, values, {})).status_code
        for route in routes()
        if route.operation not in PUBLIC
    }

    assert dict.fromkeys(FOREIGN | OWN | ADMIN, 401) == statuses


async def test_an_accounts_key_opens_no_door_of_the_administrators(stage: Stage, victim: Person) -> None:
    values = await foreign_values(stage, victim)
    intruder = await stage.create_person()

    statuses = {
        route.operation: (await call(stage, route, values, intruder.headers)).status_code
        for route in routes()
        if route.operation in ADMIN
    }

    assert set(statuses.values()) <= {401, 403, 404}

"""Requests to MyElectricalData v1."""

import httpx

from shared.accounts.daily_quota import Quota
from shared.jobs.models import Job
from tests.support.api_gateway import PRM, Person, Stage

CURVE = f"/consumption_load_curve/{PRM}"


DAYS = f"{CURVE}/start/2026-10-01/end/2026-10-03"


async def ask(stage: Stage, person: Person, path: str = DAYS) -> httpx.Response:
    """Send a request as the clients do: with only the key."""
    return await stage.client.get(path, headers={"Authorization": person.api_key})


async def used(stage: Stage, person: Person) -> tuple[int, int]:
    """The used quotas: fetch requests and read requests."""
    quotas = {
        each.quota: each.used for each in await stage.resources.quotas.load(person.account.id, {}, stage.clock.now)
    }
    return quotas[Quota.FETCH], quotas[Quota.READ]


async def jobs(stage: Stage, person: Person) -> list[Job]:
    """The newest jobs of the account."""
    return (await stage.resources.job_list.load_page(person.account.id, 10)).jobs

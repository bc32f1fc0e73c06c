"""The number of Enedis calls of several clients of one account that concurrently request overlapping data: together
they should cost as much as the union of the requested days.

Also the calls for two years of curve the first time, again, and shifted by a day.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from bench.household import BenchFailed, Household
from bench.provider_calls import DATASET, DAYS, measure_provider_calls
from cli.demo.gateway import running_gateway
from shared.core.datasets import DATASETS
from simulator.households import household_of
from simulator.known_points import Profile

CLIENTS = (1, 2, 10)
OVERLAPPING_DAYS = 210
_JOB_SECONDS = 240.0


@dataclass(frozen=True)
class Demand:
    """The request of each of several clients, shifted by ``step_days`` from one to the next."""

    name: str
    days: int
    step_days: int

    def periods(self, clients: int, end: date) -> list[tuple[date, date]]:
        """The days of each client; the last one's end at ``end``."""
        ends = [end - timedelta(days=self.step_days * number) for number in reversed(range(clients))]
        return [(each - timedelta(days=self.days), each) for each in ends]


DEMANDS = (
    Demand("same_two_years", DAYS, 0),
    Demand("overlapping_by_a_day", OVERLAPPING_DAYS, 1),
    Demand("overlapping_by_ten_days", OVERLAPPING_DAYS, 10),
)


def measure_sharing(settings: dict[str, str], end: date) -> dict[str, Any]:
    """Calls made, and the minimum for the union of the days, per demand and number of clients. Each has its own
    household without stored data."""
    figures: dict[str, Any] = {}
    numbers = (str(number) for number in count(99_000_020_000_000))
    points = (number for number in numbers if household_of(number).profile is Profile.STANDARD)
    with (
        tempfile.TemporaryDirectory(prefix="releve-bench-") as directory,
        running_gateway(Path(directory) / "data", settings) as gateway,
        httpx.Client(base_url=gateway.api, timeout=40) as client,
    ):
        figures |= measure_provider_calls(Household(gateway, client), end)
        for demand in DEMANDS:
            for clients in CLIENTS:
                household = Household(gateway, client, next(points))
                name = f"{demand.name}_{clients}_clients"
                figures[f"{name}_calls"] = _calls_of(household, demand.periods(clients, end))
                days_together = demand.days + demand.step_days * (clients - 1)
                figures[f"{name}_fewest"] = -(-days_together // DATASETS[DATASET].span_days)
    return figures


def _calls_of(household: Household, periods: list[tuple[date, date]]) -> int:
    before = household.provider_calls()
    with ThreadPoolExecutor(len(periods)) as pool:
        jobs = list(pool.map(lambda period: household.submit(DATASET, *period), periods))
    for job in jobs:
        ended = household.wait_for(job, _JOB_SECONDS)
        if ended["status"] != "succeeded" or ended["missing"]:
            raise BenchFailed(f"a job ended {ended['status']}: {ended['error']}")
    return household.provider_calls() - before

"""The number of Enedis calls for two years of curve: the first time, again, and shifted by a day."""

import time
from datetime import date, timedelta
from typing import Any

from bench.household import Household

DATASET = "consumption_load_curve"
DAYS = 730


def measure_provider_calls(household: Household, end: date) -> dict[str, Any]:
    """The counts, and the duration of the first time with wide quotas. The last day is ``end``."""
    figures: dict[str, Any] = {}
    for name, shift in {"first": 0, "again": 0, "shifted": 1}.items():
        days = timedelta(days=shift)
        before, begun = household.provider_calls(), time.perf_counter()
        household.fetch(DATASET, end - timedelta(days=DAYS) + days, end + days)
        figures[f"two_years_calls_{name}"] = household.provider_calls() - before
        if name == "first":
            figures["two_years_seconds"] = round(time.perf_counter() - begun, 1)
    return figures

"""Speed: encryption, provider calls, reads of stored data."""

import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bench.cached_reads import measure_cached_reads
from bench.household import Household
from bench.provider_calls import measure_provider_calls
from bench.sealing import measure_sealing
from cli.demo.gateway import running_gateway
from shared.core.calendar import day_of

# Wide enough to measure the gateway's own work and not the waiting for slots.
WIDE = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "RELEVE_FETCH_QUOTA": "100000",
    "RELEVE_READ_QUOTA": "100000000",
}
# Published long ago, independent of the time of day.
SETTLED = timedelta(days=10)


def settled_end() -> date:
    """The exclusive end of the days whose publication is final."""
    return day_of(datetime.now(UTC)) - SETTLED


def measure_speed() -> dict[str, Any]:
    """Every figure, by name; a load well above 0 before the start means that the machine was busy."""
    load_before, _, _ = os.getloadavg()
    end = settled_end()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as directory:
        figures = measure_sealing()
        with running_gateway(Path(directory) / "data", WIDE) as gateway, httpx.Client(base_url=gateway.api) as client:
            client.timeout = httpx.Timeout(40)
            household = Household(gateway, client)
            figures |= measure_provider_calls(household, end)
            figures |= measure_cached_reads(gateway, household, end)
    return figures | {"load_before": round(load_before, 2), "seconds": round(time.perf_counter() - begun, 1)}

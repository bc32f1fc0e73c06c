"""Throughput of cached reads of a week of curve by one API process, compared with a trivial request.

On a busy machine their ratio is more meaningful than either value.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.household import BenchFailed, Household
from bench.load import Measured, Order
from cli.demo.gateway import Gateway

DAYS = 7
CONNECTIONS = 16
REQUESTS = 6_000
WARM_UP = 500
LONGEST_SECONDS = 8.0


def measure_cached_reads(gateway: Gateway, household: Household, end: date) -> dict[str, Any]:
    """Requests per second and latencies of both, and their ratio. The days before ``end`` must be stored."""
    query = f"start={end - timedelta(days=DAYS)}&end={end}"
    path = f"/v1/usage-points/{household.usage_point_id}/readings/consumption_load_curve?{query}"
    answer = httpx.get(gateway.api + path, headers=household.headers)
    if answer.headers.get("X-Cache-Status") != "hit":
        raise BenchFailed(f"the measured request is not a cached read: {answer.status_code}")
    nothing = _put_under_load(gateway, "/health/live", {})
    reads = _put_under_load(gateway, path, household.headers)
    return {
        "cached_read_per_second": reads.requests_per_second,
        "cached_read_p50_ms": reads.p50_ms,
        "cached_read_p99_ms": reads.p99_ms,
        "cached_read_bytes": reads.answer_bytes,
        "health_per_second": nothing.requests_per_second,
        "health_p50_ms": nothing.p50_ms,
        "health_p99_ms": nothing.p99_ms,
        "cached_read_share_of_health": round(reads.requests_per_second / nothing.requests_per_second, 3),
    }


def _put_under_load(gateway: Gateway, path: str, headers: dict[str, str]) -> Measured:
    address = urlsplit(gateway.api)
    order = Order(
        host=address.hostname or "",
        port=address.port or 0,
        path=path,
        headers=headers,
        connections=CONNECTIONS,
        requests=REQUESTS,
        warm_up=WARM_UP,
        longest_seconds=LONGEST_SECONDS,
    )
    told = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        # Not as an argument: arguments are readable by every user of the machine, and this contains a key.
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        timeout=4 * LONGEST_SECONDS,
        check=True,
    )
    measured = Measured(**json.loads(told.stdout))
    if measured.failed:
        raise BenchFailed(f"{measured.failed} of {measured.requests} requests failed")
    return measured

"""Memory use of an export: one year of two load curves, and ten, each in its own process.

`python -m bench.export`: prints the growth of the process's peak while the zip is created and discarded block by block.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from api.accounts.export import stream_export
from bench.virtual_pacer import running_valkey
from shared.config.settings import Settings, load_settings
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import ONE_DAY, DayRange, day_seconds, day_start, days_between
from shared.core.datasets import Direction, Series
from shared.jobs.models import Lane
from shared.readings.models import Coverage, Reading
from shared.resources import Resources, open_resources
from shared.storage.database import migrate

YEARS = (1, 10)
DATASETS = ("consumption_load_curve", "production_load_curve")
END = date(2026, 10, 20)
NOW = datetime(2026, 10, 20, 10, tzinfo=UTC)
# A Python process with open resources has used memory before the export begins; only the growth counts.
_KIB = 1024


def measure_exports() -> dict[str, float]:
    """MiB of growth, seconds and MiB of zip, per number of years."""
    figures: dict[str, float] = {}
    for years in YEARS:
        done = subprocess.run(
            [sys.executable, "-m", "bench.export", str(years)], capture_output=True, text=True, check=True
        )
        figures |= {f"export_{name}_{years}y": value for name, value in json.loads(done.stdout).items()}
    return figures


async def _export_years(settings: Settings, years: int) -> dict[str, float]:
    async with open_resources(settings) as resources:
        account, api_key = await resources.accounts.create_account(NOW)
        point = await granted_point(resources, account.id)
        stored = 0
        for dataset in DATASETS:
            stored += await fill(resources, point, dataset, END - timedelta(days=365 * years))
        caller = await resources.accounts.authenticate(api_key, NOW)
        before, begun, size = _peak_mib(), time.perf_counter(), 0
        async for block in stream_export(resources, caller, NOW):
            size += len(block)
        return {
            "readings": stored,
            "growth_mib": round(_peak_mib() - before, 1),
            "seconds": round(time.perf_counter() - begun, 1),
            "zip_mib": round(size / _KIB / _KIB, 2),
        }


async def granted_point(resources: Resources, account_id: str) -> UsagePoint:
    """A usage point of the account, as after a consent."""
    consent, state = await resources.authorization_states.create(account_id, NOW)
    browser = "a-browser-of-a-benchmark-with-43-characters"
    await resources.authorization_states.open(state, browser, NOW)
    await resources.authorization_states.consume(state, NOW, 1, browser=browser)
    await resources.grants.grant(consent.id, [GrantedPoint("99000000000471", frozenset(Direction))], NOW)
    return await resources.usage_points.find(account_id, "99000000000471")


async def fill(resources: Resources, point: UsagePoint, dataset: str, start: date) -> int:
    """Store half-hours from ``start`` to `END`; returns their number."""
    days = DayRange(start, END)
    series = Series(point.account_id, point.id, dataset)
    job = await resources.jobs.create_job(series, days, Lane.BULK, [days], {}, NOW)
    public_key = await resources.accounts.load_public_key(point.account_id)
    count = 0
    for day in days_between(days.start, days.end):
        readings = [
            Reading(day_start(day) + timedelta(minutes=30 * n), "PT30M", (day.toordinal() * 31 + n * 97) % 9000)
            for n in range(day_seconds(day) // 1800)
        ]
        count += len(readings)
        await resources.readings.save_window(job, Coverage(str(day), NOW, day, day + ONE_DAY), readings, public_key)
    await resources.ledger.cancel(job.id, NOW)
    return count


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB


def _run(years: int) -> None:
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as name:
        directory = Path(name)
        with running_valkey(directory) as redis_url:
            settings = load_settings(
                {
                    "RELEVE_SECRET_KEY": "a-secret-key-for-benchmarks-0123456789",
                    "REDIS_URL": redis_url,
                    "DATABASE_URL": f"sqlite+aiosqlite:///{directory}/releve.db",
                }
            )
            asyncio.run(migrate(settings.database_url.get_secret_value()))
            print(json.dumps(asyncio.run(_export_years(settings, years))))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _run(int(sys.argv[1]))
    else:
        print(json.dumps(measure_exports(), indent=2))

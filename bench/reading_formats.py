"""Cost of reading one year of a half-hourly curve, and ten, in each format: time, and memory growth.

`python -m bench.reading_formats`: each measurement in its own process; the response is discarded chunk by chunk.
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
from urllib.parse import urlencode

from fastapi import FastAPI

from api.app import create_app
from bench.export import fill, granted_point
from bench.virtual_pacer import running_valkey
from shared.config.settings import Settings, load_settings
from shared.storage.database import migrate

YEARS = (1, 10)
DATASET = "consumption_load_curve"
END = date(2026, 10, 20)
NOW = datetime(2026, 10, 20, 10, tzinfo=UTC)
# The requests, by name: media type, further parameters, encoding.
QUESTIONS = {
    "json": ("application/json", {}, ""),
    "json_gzip": ("application/json", {}, "gzip"),
    "json_zstd": ("application/json", {}, "zstd"),
    "ndjson": ("application/x-ndjson", {}, ""),
    "csv": ("text/csv", {}, ""),
    "parquet": ("application/vnd.apache.parquet", {}, ""),
    "json_month": ("application/json", {"resolution": "month", "unit": "kWh"}, ""),
}


def measure_formats() -> dict[str, float]:
    """MiB of growth, seconds and MiB of response, per format and number of years."""
    figures: dict[str, float] = {}
    for name in QUESTIONS:
        for years in YEARS:
            argv = [sys.executable, "-m", "bench.reading_formats", name, str(years)]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            figures |= {f"{name}_{figure}_{years}y": value for figure, value in json.loads(done.stdout).items()}
    return figures


async def _read(app: FastAPI, path: str, query: dict[str, str], headers: dict[str, str]) -> int:
    """The size of a response, whose chunks are discarded."""
    size = status = 0
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, object]:
        # No more messages: the client waits for its response.
        return asked.pop() if asked else await asyncio.Future()

    async def send(message: dict[str, object]) -> None:
        nonlocal size, status
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))
        else:
            size += len(bytes(message.get("body", b"")))  # type: ignore[call-overload]  # bytes, as ASGI has it

    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items() if value]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "scheme": "http"}
    scope |= {"query_string": urlencode(query).encode(), "headers": encoded, "http_version": "1.1"}
    await app({**scope, "client": ("127.0.0.1", 1), "server": None}, receive, send)  # type: ignore[arg-type]  # as above
    assert status == 200, status
    return size


async def _measure(settings: Settings, question: str, years: int) -> dict[str, float]:
    media_type, more, encoding = QUESTIONS[question]
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        parts = app.state.resources
        account, api_key = await parts.accounts.create_account(NOW)
        point = await granted_point(parts, account.id)
        start = END - timedelta(days=365 * years)
        await fill(parts, point, DATASET, start)
        path = f"/v1/usage-points/{point.prm}/readings/{DATASET}"
        headers = {"Authorization": f"Bearer {api_key}", "Accept": media_type, "Accept-Encoding": encoding}
        # One-time initialisation happens before the measurement.
        await _read(app, path, {"start": str(END - timedelta(days=7)), "end": str(END), **more}, headers)
        before, begun = _peak_mib(), time.perf_counter()
        size = await _read(app, path, {"start": str(start), "end": str(END), **more}, headers)
        return {
            "growth_mib": round(_peak_mib() - before, 1),
            "seconds": round(time.perf_counter() - begun, 2),
            "mib": round(size / 1024 / 1024, 2),
        }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(question: str, years: int) -> None:
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as name:
        directory = Path(name)
        with running_valkey(directory) as redis_url:
            settings = load_settings(
                {
                    "RELEVE_SECRET_KEY": "a-secret-key-for-benchmarks-0123456789",
                    "REDIS_URL": redis_url,
                    "DATABASE_URL": f"sqlite+aiosqlite:///{directory}/releve.db",
                    "RELEVE_LOG_LEVEL": "warning",
                }
            )
            asyncio.run(migrate(settings.database_url.get_secret_value()))
            print(json.dumps(asyncio.run(_measure(settings, question, years))))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _run(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(measure_formats(), indent=2))

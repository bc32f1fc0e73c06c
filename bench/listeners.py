"""A thousand listeners on one API process: memory per listener, and delivery latency.

Uses its own API, Valkey and SQLite; the listeners are plain sockets in this process, the events are published as a
worker publishes them. Measured with all listeners on one account, so that each event goes to all of them; and with one
account per listener, as in production.
"""

import asyncio
import os
import random
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.virtual_pacer import running_valkey
from cli.up.child import COMMAND
from shared.config.settings import Settings, load_settings
from shared.resources import Resources, open_resources
from shared.storage.database import migrate

LISTENERS = 1000
_CROWD_EVENTS, _SPREAD_EVENTS = 40, 500
_CROWD_PAUSE_SECONDS, _SPREAD_PAUSE_SECONDS = 0.5, 0.02
# Longer than a heartbeat interval, so that each listener gets one.
_IDLE_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class _Heard:
    """The time at which each listener received each event."""

    at: dict[str, list[float]] = field(default_factory=dict)
    begun: int = 0
    listeners: list[asyncio.Task[None]] = field(default_factory=list)


def measure_listeners() -> dict[str, Any]:
    """MiB, KiB per listener, percent of a core, milliseconds from the event to its last listener."""
    figures: dict[str, Any] = {"listeners": LISTENERS}
    for name, accounts in (("one_account", 1), ("own_accounts", LISTENERS)):
        with tempfile.TemporaryDirectory(prefix="releve-bench-") as directory:
            found = _measure_in(Path(directory), accounts)
        figures |= {f"listeners_{name}_{each}": value for each, value in found.items()}
    return figures


def _measure_in(directory: Path, accounts: int) -> dict[str, Any]:
    with running_valkey(directory) as redis_url:
        environ = {
            "RELEVE_SECRET_KEY": "a-secret-of-the-bench-alone-0123456789",
            "REDIS_URL": redis_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{directory}/releve.db",
            "RELEVE_LISTENERS_PER_ACCOUNT": str(LISTENERS),
            "RELEVE_LOG_LEVEL": "error",
        }
        settings = load_settings(environ)
        asyncio.run(migrate(settings.database_url.get_secret_value()))
        with _running_api(environ) as (pid, port):
            return asyncio.run(_measure(settings, pid, port, accounts))


@contextmanager
def _running_api(environ: dict[str, str]) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "api", "--port", str(port)], env={**os.environ, **environ})
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def _measure(settings: Settings, pid: int, port: int, accounts: int) -> dict[str, Any]:
    async with open_resources(settings) as resources:
        now = datetime.now(UTC)
        people = [await resources.accounts.create_account(now) for _ in range(accounts)]
        heard = _Heard()
        # One connects and leaves first: one-time initialisation must not count for a listener.
        async with _listeners(port, [people[0][1]], _Heard()):
            pass
        before = _resident_mib(pid)
        async with _listeners(port, [people[n % accounts][1] for n in range(LISTENERS)], heard):
            after = _resident_mib(pid)
            idle_from = _cpu_seconds(pid)
            await asyncio.sleep(_IDLE_SECONDS)
            idle = (_cpu_seconds(pid) - idle_from) / _IDLE_SECONDS
            events = _CROWD_EVENTS if accounts == 1 else _SPREAD_EVENTS
            pause = _CROWD_PAUSE_SECONDS if accounts == 1 else _SPREAD_PAUSE_SECONDS
            busy_from, begun = _cpu_seconds(pid), time.perf_counter()
            delays = await _publish(resources, [account.id for account, _ in people], heard, events, pause)
            busy = (_cpu_seconds(pid) - busy_from) / (time.perf_counter() - begun)
            peak = _resident_mib(pid)
    return {
        "mib_before": round(before, 1),
        "mib_listening": round(after, 1),
        "mib_after_events": round(peak, 1),
        "kib_each": round((after - before) * 1024 / LISTENERS, 1),
        "idle_cpu_percent": round(idle * 100, 1),
        "events_a_second": round(events / (time.perf_counter() - begun), 1),
        "cpu_percent": round(busy * 100, 1),
        "last_heard_p50_ms": round(statistics.median(delays) * 1000, 1),
        "last_heard_p99_ms": round(statistics.quantiles(delays, n=100)[98] * 1000, 1),
    }


async def _publish(
    resources: Resources, account_ids: list[str], heard: _Heard, events: int, pause: float
) -> list[float]:
    """Seconds from each event to the last listener of its account."""
    told: dict[str, float] = {}
    each_goes_to = LISTENERS // len(account_ids)
    for number in range(events):
        account_id = random.choice(account_ids)  # noqa: S311  # any of them
        name = f"job_{number:024x}"
        told[name] = time.perf_counter()
        await resources.events.publish(account_id, "job.progress", {"job_id": name})
        await asyncio.sleep(max(0.0, pause - (time.perf_counter() - told[name])))
    async with asyncio.timeout(60):
        while any(len(heard.at.get(name, ())) < each_goes_to for name in told):  # noqa: ASYNC110  # a thousand of them
            await asyncio.sleep(0.05)
    return [max(heard.at[name]) - at for name, at in told.items()]


@asynccontextmanager
async def _listeners(port: int, keys: list[str], heard: _Heard) -> AsyncIterator[None]:
    # A few at a time, as in production.
    places = asyncio.Semaphore(20)
    heard.listeners = [asyncio.create_task(_listen(port, key, heard, places)) for key in keys]
    async with asyncio.timeout(120):
        while heard.begun < len(keys):
            for listener in heard.listeners:
                if listener.done():
                    listener.result()
            await asyncio.sleep(0.05)
    try:
        yield
    finally:
        for listener in heard.listeners:
            listener.cancel()
        await asyncio.gather(*heard.listeners, return_exceptions=True)


async def _listen(port: int, key: str, heard: _Heard, places: asyncio.Semaphore) -> None:
    async with places:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"the API answered {status!r}")
        while b"account.snapshot" not in await reader.readline():
            pass
        heard.begun += 1
    try:
        while line := await reader.readline():
            at = line.find(b'"job_id":"')
            if at >= 0:
                heard.at.setdefault(line[at + 10 : at + 38].decode(), []).append(time.perf_counter())
    finally:
        writer.close()


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS

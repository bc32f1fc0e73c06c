"""The metrics of `/metrics`: requests served by this process, and metrics of the whole gateway from Redis.

Prometheus text format. No label contains an account, a usage point or a path chosen by a client.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from shared.jobs.job_metrics import Backlog, Settled
from shared.quota.quota_status import CircuitState, QuotaUse
from shared.refresh.wave_schedule import next_wave_at
from shared.refresh.waves import Wave, time_of_first_wave
from shared.resources import Resources

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# The endpoint is public, so the stores are queried at most this often.
_KEPT_SECONDS = 5.0


class Meters:
    """The metrics of one API process, and its cached view of the gateway's metrics."""

    def __init__(self) -> None:
        """Start with empty counters."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "releve_http_requests", "Requests served.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "releve_http_request_seconds",
            "Duration of requests, including waits and event streams.",
            ("method", "route"),
            buckets=_BOUNDS_SECONDS,
            registry=self._registry,
        )
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._gateway = b""

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a served request; ``route``: its template, never its path; ``status`` 0: no response started."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    async def tell(self, resources: Resources, now: datetime) -> bytes:
        """All metrics in the Prometheus text format; those of the gateway may be some seconds old."""
        async with self._looking:
            if time.monotonic() - self._looked_at > _KEPT_SECONDS:
                self._gateway = generate_latest(_registry_of(await _look(resources, now)))
                self._looked_at = time.monotonic()
        return generate_latest(self._registry) + self._gateway


class _Prepared:
    """A collector of prepared metrics."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _registry_of(metrics: list[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Prepared(metrics))
    return registry


async def _look(resources: Resources, now: datetime) -> list[Metric]:
    waves = await resources.refreshes.load_waves()
    begins = next_wave_at(now, time_of_first_wave(resources.settings, resources.server))
    return [
        *_of_backlog(await resources.job_metrics.load_backlog()),
        *_of_settled(await resources.job_metrics.load_settled()),
        *_of_slots(await resources.quota_status.load_use()),
        *_of_refresh(waves, begins),
    ]


def _of_backlog(backlog: Backlog) -> Iterator[Metric]:
    yield _gauge("releve_queue_messages", "Calls in the queue, by lane.", "lane", backlog.queued)
    yield _gauge("releve_line_accounts", "Accounts with waiting calls.", "line", backlog.accounts_waiting)
    yield _gauge(
        "releve_line_places", "Calls that are queued, running or waiting for a slot.", "line", backlog.places_taken
    )
    yield GaugeMetricFamily("releve_calls_leased", "Calls that are queued, running or deferred.", backlog.leased)
    yield GaugeMetricFamily("releve_dead_calls", "Failed calls in the dead-letter list.", backlog.dead)


def _of_settled(settled: Settled) -> Iterator[Metric]:
    calls = CounterMetricFamily("releve_calls_settled", "Ended calls by outcome.", labels=("lane", "outcome"))
    jobs = CounterMetricFamily(
        "releve_jobs_ended", "Ended jobs by status, without cancelled ones.", labels=("lane", "status")
    )
    for family, counts in ((calls, settled.calls), (jobs, settled.jobs)):
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        yield family


def _of_slots(uses: list[QuotaUse]) -> Iterator[Metric]:
    of_api = ("provider", "api")
    used = GaugeMetricFamily("releve_slots_used", "Calls to an API.", labels=(*of_api, "lane", "within"))
    is_open = GaugeMetricFamily("releve_api_open", "1 while calls to an API are allowed.", labels=(*of_api, "lacks"))
    failures = GaugeMetricFamily("releve_api_failures", "Consecutive failures.", labels=of_api)
    for use in uses:
        api = (use.provider, use.api)
        used.add_metric((*api, "all", "second"), use.used_last_second)
        used.add_metric((*api, "all", "hour"), use.used_last_hour)
        used.add_metric((*api, "bulk", "hour"), use.used_last_hour_by_bulk)
        is_open.add_metric((*api, "quota"), use.closed_until is None)
        is_open.add_metric((*api, "answers"), use.circuit is CircuitState.WORKING)
        failures.add_metric(api, use.failures)
    yield from (used, is_open, failures)


def _of_refresh(waves: list[Wave], begins: datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily("releve_refresh_next_timestamp_seconds", "Start time of the next wave.", begins.timestamp())
    left = sum(wave.calls_left for wave in waves)
    yield GaugeMetricFamily("releve_refresh_calls_left", "Calls of all waves that have not ended.", left)
    if not waves:
        return
    newest = waves[0]
    for name, of_what, value in (
        ("started_timestamp_seconds", "Start time of the latest wave.", newest.started_at.timestamp()),
        ("planned", "1 once the latest wave is planned.", newest.planned_at is not None),
        ("points", "Usage points checked by the latest wave.", newest.points),
        ("jobs", "Jobs of the latest wave.", newest.jobs),
        ("calls", "Calls of the latest wave.", newest.calls),
        ("calls_failed", "Failed calls of the latest wave.", newest.calls_failed),
        ("series_waiting", "Series that it skipped: an earlier job is in progress.", newest.waiting),
        ("left_by_earlier", "Remaining calls of earlier waves when it started.", newest.left_by_earlier),
    ):
        yield GaugeMetricFamily(f"releve_refresh_{name}", of_what, float(value))


def _gauge(name: str, of_what: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, of_what, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family

"""What `/metrics` tells: requests as this process has served them, and the whole gateway's figures as Redis has them.

The format is that of Prometheus. No label names an account, a usage point or a path that somebody chose.
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
# Anybody may ask, but the stores are asked this often only.
_KEPT_SECONDS = 5.0


class Meters:
    """The figures of one process of the API, and its look at those of the gateway."""

    def __init__(self) -> None:
        """Nothing was served yet."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "releve_http_requests", "Requests served.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "releve_http_request_seconds",
            "How long requests took; those that wait, and streams of events, for as long as they do.",
            ("method", "route"),
            buckets=_BOUNDS_SECONDS,
            registry=self._registry,
        )
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._gateway = b""

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was served; ``route``: its template, never its path; ``status`` 0: nobody was there any more."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    async def tell(self, resources: Resources, now: datetime) -> bytes:
        """Everything, in the text format of Prometheus; the gateway's figures may be some seconds old."""
        async with self._looking:
            if time.monotonic() - self._looked_at > _KEPT_SECONDS:
                self._gateway = generate_latest(_registry_of(await _look(resources, now)))
                self._looked_at = time.monotonic()
        return generate_latest(self._registry) + self._gateway


class _Prepared:
    """Figures that are there already."""

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
    yield _gauge("releve_queue_messages", "Calls in the queue of a lane.", "lane", backlog.queued)
    yield _gauge("releve_line_accounts", "Accounts whose calls wait for their turn.", "line", backlog.accounts_waiting)
    yield _gauge(
        "releve_line_places", "Calls that are enqueued, at work or without a slot.", "line", backlog.places_taken
    )
    yield GaugeMetricFamily("releve_calls_leased", "Calls enqueued, at work or laid aside.", backlog.leased)
    yield GaugeMetricFamily("releve_dead_calls", "Calls given up that are still listed.", backlog.dead)


def _of_settled(settled: Settled) -> Iterator[Metric]:
    calls = CounterMetricFamily("releve_calls_settled", "Calls by how they ended.", labels=("lane", "outcome"))
    jobs = CounterMetricFamily(
        "releve_jobs_ended", "Jobs by how they ended, but for cancelled ones.", labels=("lane", "status")
    )
    for family, counts in ((calls, settled.calls), (jobs, settled.jobs)):
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        yield family


def _of_slots(uses: list[QuotaUse]) -> Iterator[Metric]:
    of_api = ("provider", "api")
    used = GaugeMetricFamily("releve_slots_used", "Calls to an API.", labels=(*of_api, "lane", "within"))
    is_open = GaugeMetricFamily("releve_api_open", "1 while calls go to an API.", labels=(*of_api, "lacks"))
    failures = GaugeMetricFamily("releve_api_failures", "Failures in a row.", labels=of_api)
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
    yield GaugeMetricFamily("releve_refresh_next_timestamp_seconds", "When the next wave begins.", begins.timestamp())
    left = sum(wave.calls_left for wave in waves)
    yield GaugeMetricFamily("releve_refresh_calls_left", "Calls of all waves that are not settled.", left)
    if not waves:
        return
    newest = waves[0]
    for name, of_what, value in (
        ("started_timestamp_seconds", "When the newest wave began.", newest.started_at.timestamp()),
        ("planned", "1 once the newest wave is planned.", newest.planned_at is not None),
        ("points", "Usage points that the newest wave has looked at.", newest.points),
        ("jobs", "Jobs of the newest wave.", newest.jobs),
        ("calls", "Calls of the newest wave.", newest.calls),
        ("calls_failed", "Calls of the newest wave that were given up.", newest.calls_failed),
        ("series_waiting", "Series that it left out: an earlier job is under way.", newest.waiting),
        ("left_by_earlier", "Calls that were left when it began.", newest.left_by_earlier),
    ):
        yield GaugeMetricFamily(f"releve_refresh_{name}", of_what, float(value))


def _gauge(name: str, of_what: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, of_what, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family

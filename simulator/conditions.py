"""Settings that can change while the simulator runs: quotas, latency, publication, available APIs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Literal

from simulator.config import HourWindow, SimulatorSettings
from simulator.rte_calendar import Colour
from simulator.rte_signals import Level

Generation = Literal["2026", "v5"]
GENERATIONS: tuple[Generation, ...] = ("2026", "v5")


@dataclass(slots=True)
class Conditions:
    """The current conditions. Read at each call, changed only through `/control/settings`."""

    per_second: int
    per_hour: int
    per_hour_v5: int
    hour_window: HourWindow
    latency_seconds: float
    publication_hour: int
    services_delay_seconds: float
    unsubscribed_apis: frozenset[str]
    stopped_generations: frozenset[Generation]
    tempo_publication_time: time
    ecowatt_pause_seconds: int
    tempo_tomorrow_published: bool = True
    tempo_colours: Mapping[date, Colour | None] = field(default_factory=dict)
    ecowatt_levels: Mapping[date, Level] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: SimulatorSettings) -> "Conditions":
        """The conditions at the start."""
        return cls(
            per_second=settings.per_second,
            per_hour=settings.per_hour,
            per_hour_v5=settings.per_hour_v5,
            hour_window=settings.hour_window,
            latency_seconds=settings.latency_seconds,
            publication_hour=settings.publication_hour,
            services_delay_seconds=settings.services_delay_seconds,
            unsubscribed_apis=frozenset(settings.unsubscribed_apis),
            stopped_generations=frozenset(settings.stopped_generations),
            tempo_publication_time=settings.tempo_publication_time,
            ecowatt_pause_seconds=settings.ecowatt_pause_seconds,
        )

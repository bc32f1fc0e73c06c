"""What can be turned while the simulator runs: quotas, latency, publication, which APIs answer."""

from dataclasses import dataclass
from typing import Literal

from simulator.config import HourWindow, SimulatorSettings

Generation = Literal["2026", "v5"]
GENERATIONS: tuple[Generation, ...] = ("2026", "v5")


@dataclass(slots=True)
class Conditions:
    """The present conditions. Read at each call, changed by `/control/settings` only."""

    per_second: int
    per_hour: int
    per_hour_v5: int
    hour_window: HourWindow
    latency_seconds: float
    publication_hour: int
    services_delay_seconds: float
    unsubscribed_apis: frozenset[str]
    stopped_generations: frozenset[Generation]

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
        )

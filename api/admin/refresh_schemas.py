"""Response schemas of the nightly refresh; `releve admin refresh --status --json` prints the same."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.http.fields import Document
from shared.refresh.waves import Wave


class WaveDocument(Document):
    """A wave: one plan over all usage points, with its calls."""

    id: str = Field(description="Day in Paris, and number of the wave on that day.", examples=["2026-11-23/1"])
    state: Literal["planning", "broken_off", "running", "ended"] = Field(
        description="`broken_off`: its planner died, and a later wave started before the plan was resumed.",
        examples=["running"],
    )
    by_hand: bool = Field(description="Whether an operator started it manually.", examples=[False])
    started_at: datetime = Field(description="Start time.")
    planned_at: datetime | None = Field(
        description="Time at which the last usage point was planned.", examples=["2026-09-21T14:15:00Z"]
    )
    ended_at: datetime | None = Field(description="Time at which the last call ended.")
    usage_points: int = Field(description="Usage points checked so far.", examples=[120])
    jobs: int = Field(description="Created jobs.", examples=[95])
    calls: int = Field(description="Calls of the jobs.", examples=[110])
    calls_done: int = Field(description="Ended calls.", examples=[108])
    calls_failed: int = Field(description="Failed calls, counted when their job has ended.", examples=[1])
    calls_left: int = Field(description="Remaining calls.", examples=[2])
    series_waiting: int = Field(
        description="Skipped time series: a job of an earlier wave was still in progress.", examples=[0]
    )
    left_by_earlier: int = Field(description="Remaining calls of earlier waves at the start.", examples=[0])

    @classmethod
    def of(cls, wave: Wave) -> Self:
        """Build the document of a wave."""
        named = {"usage_points": wave.points, "series_waiting": wave.waiting}
        return cls(**named, **{name: getattr(wave, name) for name in cls.model_fields if name not in named})


class RefreshState(Document):
    """The latest waves of the nightly refresh."""

    next_wave_at: datetime = Field(description="Start time of the next scheduled wave.")
    waves: list[WaveDocument] = Field(description="Newest first.")

    @classmethod
    def of(cls, waves: list[Wave], next_wave_at: datetime) -> Self:
        """Build the document of the refresh."""
        return cls(next_wave_at=next_wave_at, waves=[WaveDocument.of(each) for each in waves])

"""How far the nightly refresh is, on the wire; `releve admin refresh --status --json` prints the same."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.http.fields import Document
from shared.refresh.waves import Wave


class WaveDocument(Document):
    """One plan over all usage points, and the calls that come of it."""

    id: str = Field(description="Its day in Paris, and which of that day it is.", examples=["2026-11-23/1"])
    state: Literal["planning", "broken_off", "running", "ended"] = Field(
        description="`broken_off`: its planner died and a later wave began before somebody went on.",
        examples=["running"],
    )
    by_hand: bool = Field(description="Whether an operator began it.", examples=[False])
    started_at: datetime = Field(description="When it began.")
    planned_at: datetime | None = Field(
        description="When the last usage point was planned.", examples=["2026-09-21T14:15:00Z"]
    )
    ended_at: datetime | None = Field(description="When the last of its calls was settled.")
    usage_points: int = Field(description="How many were looked at so far.", examples=[120])
    jobs: int = Field(description="How many were made.", examples=[95])
    calls: int = Field(description="How many its jobs have.", examples=[110])
    calls_done: int = Field(description="Of these, settled.", examples=[108])
    calls_failed: int = Field(description="Of these, given up, counted when their job has ended.", examples=[1])
    calls_left: int = Field(description="Of these, not settled yet.", examples=[2])
    series_waiting: int = Field(
        description="Series left out: an earlier wave's job for them was still under way.", examples=[0]
    )
    left_by_earlier: int = Field(description="Calls of earlier waves that were left when it began.", examples=[0])

    @classmethod
    def of(cls, wave: Wave) -> Self:
        """What is shown of a wave."""
        named = {"usage_points": wave.points, "series_waiting": wave.waiting}
        return cls(**named, **{name: getattr(wave, name) for name in cls.model_fields if name not in named})


class RefreshState(Document):
    """The newest waves, newest first."""

    next_wave_at: datetime = Field(description="When the next one begins by itself.")
    waves: list[WaveDocument] = Field(description="Newest first.")

    @classmethod
    def of(cls, waves: list[Wave], next_wave_at: datetime) -> Self:
        """What is shown of the refresh."""
        return cls(next_wave_at=next_wave_at, waves=[WaveDocument.of(each) for each in waves])

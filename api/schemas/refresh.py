"""How far the nightly refresh is, on the wire; `releve admin refresh --status --json` prints the same."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.schemas.fields import Document
from shared.refreshes import Wave


class WaveDocument(Document):
    """One plan over all usage points, and the calls that come of it."""

    id: str = Field(examples=["2026-11-23/1"])
    state: Literal["planning", "broken_off", "running", "ended"] = Field(
        description="`broken_off`: its planner died and a later wave began before somebody went on."
    )
    by_hand: bool = Field(description="Whether an operator began it.")
    started_at: datetime
    planned_at: datetime | None = Field(description="When the last usage point was planned.")
    ended_at: datetime | None = Field(description="When the last of its calls was settled.")
    usage_points: int = Field(description="How many were looked at so far.")
    jobs: int = Field(description="How many were made.")
    calls: int = Field(description="How many its jobs have.")
    calls_done: int = Field(description="Of these, settled.")
    calls_failed: int = Field(description="Of these, given up, counted when their job has ended.")
    calls_left: int = Field(description="Of these, not settled yet.")
    series_waiting: int = Field(description="Series left out: an earlier wave's job for them was still under way.")
    left_by_earlier: int = Field(description="Calls of earlier waves that were left when it began.")

    @classmethod
    def of(cls, wave: Wave) -> Self:
        """What is shown of a wave."""
        named = {"usage_points": wave.points, "series_waiting": wave.waiting}
        return cls(**named, **{name: getattr(wave, name) for name in cls.model_fields if name not in named})


class RefreshState(Document):
    """The newest waves, newest first."""

    next_wave_at: datetime
    waves: list[WaveDocument]

    @classmethod
    def of(cls, waves: list[Wave], next_wave_at: datetime) -> Self:
        """What is shown of the refresh."""
        return cls(next_wave_at=next_wave_at, waves=[WaveDocument.of(each) for each in waves])

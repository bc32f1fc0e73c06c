"""Public data as workers store it, and a gateway with RTE credentials."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import ONE_DAY, day_of, days_between
from shared.core.public_datasets import ECOWATT, TEMPO, PublicDataset
from shared.public_data.tempo_tariff import PRICE_NAMES
from tests.support.api_gateway import Stage

PRICES = {name: f"0.{number}500" for number, name in enumerate(PRICE_NAMES, start=1)}


def with_rte(stage: Stage) -> Stage:
    """The same gateway with RTE credentials, before any request to RTE."""
    settings = stage.resources.settings.model_copy(update={"rte_client_id": "application-under-test"})
    stage.resources = stage.app.state.resources = replace(stage.resources, settings=settings)
    return stage


async def note_answer(stage: Stage, dataset: PublicDataset, ago: timedelta = timedelta(minutes=5)) -> None:
    """Record a successful request to RTE, ``ago`` before now."""
    asked_at = stage.clock.now - ago
    await stage.resources.public_days.take_turn(dataset.name, timedelta(), asked_at)
    await stage.resources.public_days.note_success(dataset.name, asked_at)


async def store_colours(stage: Stage, colours: Mapping[date, str | None]) -> None:
    """Store RTE's colours of these days; `None`: a day without a colour."""
    documents = {day: {"colour": colour, "updated_at": None} for day, colour in colours.items()}
    await stage.resources.public_days.save_days(TEMPO.name, documents, stage.clock.now)


async def store_season(stage: Stage, through: date, white: int = 0, red: int = 0) -> None:
    """Store every day of the season up to ``through``: first the white days, then the red ones, then blue ones."""
    start = date(through.year if through.month >= 9 else through.year - 1, 9, 1)
    all_days = list(days_between(start, through + ONE_DAY))
    colours = ["WHITE"] * white + ["RED"] * red + ["BLUE"] * (len(all_days) - white - red)
    await store_colours(stage, dict(zip(all_days, colours, strict=True)))


async def store_ecowatt(stage: Stage, day: date, hours: Mapping[int, int], level: int | None = 1) -> None:
    """Store RTE's values of a day; ``level`` is `None`: none."""
    document: dict[str, Any] = {
        "level": level,
        "message": "Aucune alerte." if level else "",
        "hours": {str(hour): each for hour, each in hours.items()},
        "generated_at": "2026-10-19T23:00:00+02:00" if level else None,
    }
    await stage.resources.public_days.save_days(ECOWATT.name, {day: document}, stage.clock.now)


def today(stage: Stage) -> date:
    """The date in Paris by the stage's clock."""
    return day_of(stage.clock.now)


def set_clock(stage: Stage, paris: str) -> None:
    """Set the stage's clock to an ISO time with the offset of Paris."""
    stage.clock.now = datetime.fromisoformat(paris)

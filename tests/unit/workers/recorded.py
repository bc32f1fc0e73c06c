"""The recorded payloads: answers in Enedis's own shapes, with made-up values."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from shared.catalog import DATASETS
from shared.models import DayRange, Lane
from workers.provider import FetchRequest

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "enedis" / "2026"
CONSUMER = "99000000009101"
SELF_CONSUMER = "99000000009202"


def recorded(name: str) -> Any:
    """The body of a recorded answer."""
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def request(dataset: str, start: date, end: date, prm: str = CONSUMER) -> FetchRequest:
    """A request as the adapter gets it."""
    return FetchRequest(prm, DATASETS[dataset], DayRange(start, end), Lane.INTERACTIVE)

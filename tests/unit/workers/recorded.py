"""The recorded payloads: responses in the providers' own shapes, with invented values."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.jobs.models import Lane
from workers.upstream.port import FetchRequest

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAYLOADS = FIXTURES / "enedis"
CONSUMER = "99000000009101"
SELF_CONSUMER = "99000000009202"


def recorded(name: str) -> Any:
    """The body of a recorded response of 2026."""
    return json.loads((PAYLOADS / "2026" / f"{name}.json").read_text(encoding="utf-8"))


def recorded_v5(name: str) -> Any:
    """The body of a recorded response of v5."""
    return json.loads((PAYLOADS / "v5" / f"{name}.json").read_text(encoding="utf-8"))


def recorded_rte(name: str) -> Any:
    """The body of a recorded response of RTE."""
    return json.loads((FIXTURES / "rte" / f"{name}.json").read_text(encoding="utf-8"))


def request(dataset: str, start: date, end: date, prm: str = CONSUMER) -> FetchRequest:
    """A request as the adapter gets it."""
    return FetchRequest(prm, DATASETS[dataset], DayRange(start, end), Lane.INTERACTIVE)

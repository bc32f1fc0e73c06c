"""Values that may be logged by accident: the reprs of those that contain a secret, a usage point or a reading."""

from datetime import UTC, date, datetime

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.jobs.models import Lane
from workers.upstream.access_tokens import Token
from workers.upstream.http_client import Answer
from workers.upstream.port import FetchRequest

NOW = datetime(2026, 9, 8, 9, tzinfo=UTC)


def test_an_answer_does_not_show_its_body() -> None:
    assert "18146" not in repr(Answer(200, {"v": "18146"}, NOW))


def test_a_token_does_not_show_its_value() -> None:
    assert "not-a-secret" not in repr(Token("not-a-secret", 12600))


def test_a_request_does_not_show_its_usage_point() -> None:
    days = DayRange(date(2026, 9, 8), date(2026, 9, 9))

    assert "99000000009101" not in repr(FetchRequest("99000000009101", DATASETS["daily_consumption"], days, Lane.BULK))

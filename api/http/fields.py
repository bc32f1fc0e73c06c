"""The kinds of values that several resources share. A refused value is never repeated in the refusal."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.consents.models import ConsentStatus
from shared.core.datasets import DATASETS, Direction

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Any day with meters lies well within; the ends keep every computation with days inside of what a date can be.
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)


def parse_day(value: Any) -> date:
    """A day from its one accepted form. Raises `PydanticCustomError`, which pydantic turns into a 422."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "There is no such day in the calendar.") from None
        if _EARLIEST <= day <= _LATEST:
            return day
    raise PydanticCustomError("day", "A day is written YYYY-MM-DD, between 1900-01-01 and 2199-12-31.")


def _known_dataset(name: str) -> str:
    if name not in DATASETS:
        raise PydanticCustomError("dataset", "There is no such dataset; GET /v1/datasets lists them.")
    return name


_DAY_SCHEMA = WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-09-01"]})

Day = Annotated[date, BeforeValidator(parse_day), _DAY_SCHEMA]

# A day that is not given, which is not the same as `null`: that is no day.
AbsentDay = Annotated[date | None, BeforeValidator(parse_day), _DAY_SCHEMA]

DatasetName = Annotated[
    str,
    AfterValidator(_known_dataset),
    WithJsonSchema({"type": "string", "enum": list(DATASETS), "examples": ["consumption_load_curve"]}),
]

Prm = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$", strict=True)]

ObjectId = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,8}_[0-9a-f]{1,40}$", strict=True)]

# What several answers say. Nothing is checked here: it is the gateway that says it.
ShownPrm = Annotated[str, Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])]
ShownDataset = Annotated[str, Field(description="Its name in `GET /v1/datasets`.", examples=["consumption_load_curve"])]
ShownAccountId = Annotated[str, Field(description="The account's id.", examples=["acct_0123456789abcdef01234567"])]
ShownConsentId = Annotated[str, Field(description="The consent's id.", examples=["cons_0123456789abcdef01234567"])]
ShownJobId = Annotated[str, Field(description="The job's id.", examples=["job_0123456789abcdef01234567"])]
ShownKeyId = Annotated[str, Field(description="The key's id.", examples=["key_0123456789abcdef"])]
FirstDay = Annotated[date, Field(description="The first day.", examples=["2026-09-01"])]
EndDay = Annotated[date, Field(description="Not included.", examples=["2026-10-01"])]
GrantedStatus = Annotated[ConsentStatus, Field(examples=["granted"])]
CreatedAt = Annotated[datetime, Field(description="When it was made.")]
Directions = Annotated[list[Direction], Field(description="What is measured there: consumption, production, or both.")]
NextAfter = Annotated[
    str | None, Field(description="What to send as `after` for the page that follows; `null` at the end.")
]


class Body(BaseModel):
    """A request body: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)

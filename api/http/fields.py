"""Field types that several resources share. An error message never repeats the rejected value."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.consents.models import ConsentStatus
from shared.core.datasets import DATASETS, Direction

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# All days with readings are well within these bounds, which keep date arithmetic in the range of `date`.
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)


def parse_day(value: Any) -> date:
    """Parse a day in its only accepted format. Raises `PydanticCustomError`, which pydantic turns into a 422."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "This day does not exist in the calendar.") from None
        if _EARLIEST <= day <= _LATEST:
            return day
    raise PydanticCustomError("day", "The format of a day is YYYY-MM-DD, from 1900-01-01 to 2199-12-31.")


def _known_dataset(name: str) -> str:
    if name not in DATASETS:
        raise PydanticCustomError("dataset", "This dataset does not exist; GET /v1/datasets lists all datasets.")
    return name


_DAY_SCHEMA = WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-09-01"]})

Day = Annotated[date, BeforeValidator(parse_day), _DAY_SCHEMA]

# An optional day. It can be omitted, but `null` is not accepted.
AbsentDay = Annotated[date | None, BeforeValidator(parse_day), _DAY_SCHEMA]

DatasetName = Annotated[
    str,
    AfterValidator(_known_dataset),
    WithJsonSchema({"type": "string", "enum": list(DATASETS), "examples": ["consumption_load_curve"]}),
]

Prm = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$", strict=True)]

ObjectId = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,8}_[0-9a-f]{1,40}$", strict=True)]

# Fields of several responses. They have no constraints, because the gateway itself produces the values.
ShownPrm = Annotated[str, Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])]
ShownDataset = Annotated[str, Field(description="Name in `GET /v1/datasets`.", examples=["consumption_load_curve"])]
ShownAccountId = Annotated[str, Field(description="The account's id.", examples=["acct_0123456789abcdef01234567"])]
ShownConsentId = Annotated[str, Field(description="The consent's id.", examples=["cons_0123456789abcdef01234567"])]
ShownJobId = Annotated[str, Field(description="The job's id.", examples=["job_0123456789abcdef01234567"])]
ShownKeyId = Annotated[str, Field(description="The key's id.", examples=["key_0123456789abcdef"])]
FirstDay = Annotated[date, Field(description="First day.", examples=["2026-09-01"])]
EndDay = Annotated[date, Field(description="Day after the last day.", examples=["2026-10-01"])]
GrantedStatus = Annotated[ConsentStatus, Field(examples=["granted"])]
CreatedAt = Annotated[datetime, Field(description="Creation time.")]
Directions = Annotated[list[Direction], Field(description="Measured directions: consumption, production, or both.")]
NextAfter = Annotated[str | None, Field(description="Value of `after` for the next page; `null` on the last page.")]


class Body(BaseModel):
    """A request body. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)

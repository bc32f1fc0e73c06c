"""Readings and records on the wire.

The models only describe: readings are written without them, because a model for each would cost more than everything
else together.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, RootModel

from api.http.fields import Document, ShownDataset, ShownPrm
from api.http.headers import ETAG, LIMITS, PREFERENCE_APPLIED, HeaderDocs, file_name, header, location
from api.jobs.gap_schemas import MissingDays
from shared.jobs.models import JobStatus
from shared.readings.aggregation import Resolution

_JOB = "/v1/jobs/job_0123456789abcdef01234567"

UNCHANGED_HEADERS: HeaderDocs = {
    "X-Cache-Status": header(
        "`hit`: nothing of it would need a call to the provider now. `miss`: nothing of it was ever fetched. "
        "`partial`: in between.",
        "hit",
        enum=["hit", "partial", "miss"],
    ),
    **ETAG,
    "X-Fetch-Status": header(
        "With `fetch=missing`: the status of the job, `not_needed`, or the code of why it was refused.", "succeeded"
    ),
    **location("With `fetch=missing`: the job, if there is one.", _JOB),
    "Retry-After": header(
        "With `fetch=missing`: seconds until it is worth asking again, while the job has not ended.", 5
    ),
    **PREFERENCE_APPLIED,
    **LIMITS,
}
"""Of an answer that there is nothing new, too."""

READING_HEADERS: HeaderDocs = {
    **UNCHANGED_HEADERS,
    "X-Missing-Days": header(
        "How many of the days are not stored whole; why, says `missing`, or what `Link` leads to.", 1
    ),
    "Link": header(
        "`describedby`: the coverage of these days.",
        "</v1/usage-points/12345678901234/coverage/daily_consumption?start=2026-09-01&end=2026-10-01>; "
        'rel="describedby"',
    ),
    **file_name("A name for the file, of CSV and Parquet.", "daily_consumption_2026-09-01_2026-10-01.csv"),
}

OTHER_FORMATS: dict[str, Any] = {
    "application/x-ndjson": {
        "schema": {
            "type": "string",
            "description": "A reading a line, each with its `unit`.",
            "examples": [
                '{"start":"2026-10-25T02:00:00+02:00","step":"PT30M","value":540,"quality":"raw","unit":"W"}\n'
            ],
        }
    },
    "text/csv": {
        "schema": {
            "type": "string",
            "description": "RFC 4180, with a header; its further columns depend on the dataset and the question.",
            "examples": [
                "start,step,value,unit,quality\r\n2026-10-25T02:00:00+02:00,PT30M,540,W,raw\r\n",
            ],
        }
    },
    "application/vnd.apache.parquet": {
        "schema": {"type": "string", "format": "binary", "description": "The columns of the CSV."}
    },
}
"""Of series, beside JSON."""


class ReadingDocument(Document):
    """One value over one interval."""

    start: datetime = Field(
        description="Start of the interval with the offset of Paris.", examples=["2026-10-25T02:00:00+02:00"]
    )
    step: str = Field(description="Length of the interval, ISO 8601.", examples=["PT30M"])
    value: int | float = Field(
        description="In the document's unit; decimals only with `resolution` or `unit`.",
        examples=[540],
    )
    quality: Literal["raw", "computed"] = Field(
        description="`raw`: as the provider gave it, whatever the unit. `computed`: of several, by `resolution`."
    )
    origin: Literal["derived"] | None = Field(
        None, description="`derived`: the sum of the day's whole load curve; absent when it was measured."
    )
    at: datetime | None = Field(None, description="When within the interval, for a peak; absent otherwise.")
    registers: dict[str, int | float] | None = Field(
        None,
        description="For an index, what each time-class register of the meter shows; absent otherwise.",
        examples=[{"HCB": 5_211_043, "HPB": 9_874_120}],
    )
    coverage: float | None = Field(
        None,
        description="Of a value by `resolution`: what part of its interval is measured and asked for. 1: whole; "
        "with anything less, the value is no total of the interval.",
        examples=[1, 0.9791],
    )


class FetchLinks(Document):
    """Where to look on."""

    job: str | None = Field(
        None,
        description="The job that fetches; absent when there is none.",
        examples=[_JOB],
    )


class FetchDocument(Document):
    """What became of `fetch=missing`."""

    status: Literal["not_needed", "refused"] | JobStatus = Field(
        description="`not_needed`: nothing that can be had was missing. `refused`: see `code`. Else that of the job."
    )
    code: str | None = Field(
        description="Why it was refused: that of the problem that `POST /v1/jobs` answers with.",
        examples=["quota_exceeded"],
    )
    detail: str | None = Field(
        description="The same for people.", examples=["This account has used up its requests for today."]
    )
    links: FetchLinks


class ReadingsDocument(Document):
    """The stored readings of some days. A gap is a gap, not a zero."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    unit: str = Field(description="Of every value.", examples=["W"])
    timezone: Literal["Europe/Paris"]
    resolution: Resolution | None = Field(None, description="As asked for; absent otherwise.")
    readings: list[ReadingDocument] = Field(description="Oldest first.")
    missing: list[MissingDays] = Field(description="The days that are not stored whole, and why.")
    fetch: FetchDocument | None = Field(None, description="With `fetch=missing`; absent otherwise.")


class RecordDocument(Document):
    """A stored record: what the provider knew when it was last asked."""

    usage_point_id: ShownPrm
    dataset: ShownDataset = Field(examples=["contract"])
    record: dict[str, Any] | None = Field(
        description="`null` while nothing of it is stored.",
        examples=[{"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}}],
    )
    fetched_at: datetime | None = Field(description="When the provider was last asked; `null`: never.")
    missing: list[MissingDays] = Field(description="Why it is not there, or not whole; empty when it is.")
    fetch: FetchDocument | None = Field(None, description="With `fetch=missing`; absent otherwise.")


def _one_of(schema: dict[str, Any]) -> None:
    schema["oneOf"] = schema.pop("anyOf")
    schema["examples"] = [_READINGS_EXAMPLE, _RECORD_EXAMPLE]


_READINGS_EXAMPLE = {
    "usage_point_id": "12345678901234",
    "dataset": "consumption_load_curve",
    "unit": "W",
    "timezone": "Europe/Paris",
    "readings": [{"start": "2026-10-25T02:00:00+02:00", "step": "PT30M", "value": 540, "quality": "raw"}],
    "missing": [],
}
_RECORD_EXAMPLE = {
    "usage_point_id": "12345678901234",
    "dataset": "contract",
    "record": {"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}},
    "fetched_at": "2026-10-20T10:00:00Z",
    "missing": [],
}


class StoredDocument(RootModel[ReadingsDocument | RecordDocument]):
    """What is stored of a dataset: readings of a series, or a record."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_one_of)

"""Response schemas of readings and records.

The models are documentation only: readings are serialised without them, because one model per reading would cost more
than all other steps together.
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
        "`hit`: no part of the data requires a provider call now. `miss`: no part of it was ever fetched. "
        "`partial`: in between.",
        "hit",
        enum=["hit", "partial", "miss"],
    ),
    **ETAG,
    "X-Fetch-Status": header(
        "With `fetch=missing`: the status of the job, `not_needed`, or the error code of the refused fetch.",
        "succeeded",
    ),
    **location("With `fetch=missing`: the path of the job, if there is one.", _JOB),
    "Retry-After": header(
        "With `fetch=missing`: seconds to wait before the next request, while the job has not ended.", 5
    ),
    **PREFERENCE_APPLIED,
    **LIMITS,
}
"""Headers of 200 and 304 responses."""

READING_HEADERS: HeaderDocs = {
    **UNCHANGED_HEADERS,
    "X-Missing-Days": header(
        "Number of missing or incomplete days; the reasons are in `missing`, and behind `Link`.", 1
    ),
    "Link": header(
        "`describedby`: the coverage of the period.",
        "</v1/usage-points/12345678901234/coverage/daily_consumption?start=2026-09-01&end=2026-10-01>; "
        'rel="describedby"',
    ),
    **file_name("Suggested file name, for CSV and Parquet.", "daily_consumption_2026-09-01_2026-10-01.csv"),
}

OTHER_FORMATS: dict[str, Any] = {
    "application/x-ndjson": {
        "schema": {
            "type": "string",
            "description": "One reading per line, each with its `unit`.",
            "examples": [
                '{"start":"2026-10-25T02:00:00+02:00","step":"PT30M","value":540,"quality":"raw","unit":"W"}\n'
            ],
        }
    },
    "text/csv": {
        "schema": {
            "type": "string",
            "description": "RFC 4180, with a header row; the additional columns depend on the dataset and the request.",
            "examples": [
                "start,step,value,unit,quality\r\n2026-10-25T02:00:00+02:00,PT30M,540,W,raw\r\n",
            ],
        }
    },
    "application/vnd.apache.parquet": {
        "schema": {"type": "string", "format": "binary", "description": "Same columns as CSV."}
    },
}
"""The formats of time series in addition to JSON."""


class ReadingDocument(Document):
    """One value over one interval."""

    start: datetime = Field(
        description="Start of the interval, with the UTC offset of Paris.", examples=["2026-10-25T02:00:00+02:00"]
    )
    step: str = Field(description="Length of the interval (ISO 8601 duration).", examples=["PT30M"])
    value: int | float = Field(
        description="Value in the unit of the document; has decimals only with `resolution` or `unit`.",
        examples=[540],
    )
    quality: Literal["raw", "computed"] = Field(
        description="`raw`: one provider value, whatever the unit. `computed`: aggregated from several by `resolution`."
    )
    origin: Literal["derived"] | None = Field(
        None, description="`derived`: the sum of the complete load curve of the day. Omitted for measured values."
    )
    at: datetime | None = Field(None, description="Time of a peak within the interval. Omitted otherwise.")
    registers: dict[str, int | float] | None = Field(
        None,
        description="For an index: the value of each time-class register of the meter. Omitted otherwise.",
        examples=[{"HCB": 5_211_043, "HPB": 9_874_120}],
    )
    coverage: float | None = Field(
        None,
        description="With `resolution`: the measured and requested fraction of the interval. If it is less than 1, the "
        "value is not the total of the interval.",
        examples=[1, 0.9791],
    )


class FetchLinks(Document):
    """Related resources."""

    job: str | None = Field(
        None,
        description="The job that fetches the missing data. Omitted if there is none.",
        examples=[_JOB],
    )


class FetchDocument(Document):
    """The result of `fetch=missing`."""

    status: Literal["not_needed", "refused"] | JobStatus = Field(
        description="`not_needed`: no available data was missing. `refused`: see `code`. Otherwise the job's status."
    )
    code: str | None = Field(
        description="Error code of a refused fetch, the same as `POST /v1/jobs` returns.",
        examples=["quota_exceeded"],
    )
    detail: str | None = Field(
        description="Error message.", examples=["The daily request quota of this account is exhausted."]
    )
    links: FetchLinks


class ReadingsDocument(Document):
    """The stored readings of a period. Missing readings are omitted, not returned as zero."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    unit: str = Field(description="Unit of all values.", examples=["W"])
    timezone: Literal["Europe/Paris"]
    resolution: Resolution | None = Field(None, description="The requested resolution. Omitted if none was requested.")
    readings: list[ReadingDocument] = Field(description="Oldest first.")
    missing: list[MissingDays] = Field(description="Missing or incomplete days, with the reason.")
    fetch: FetchDocument | None = Field(None, description="The result of `fetch=missing`. Omitted without it.")


class RecordDocument(Document):
    """A stored record, as last fetched from the provider."""

    usage_point_id: ShownPrm
    dataset: ShownDataset = Field(examples=["contract"])
    record: dict[str, Any] | None = Field(
        description="The record; `null` if none is stored.",
        examples=[{"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}}],
    )
    fetched_at: datetime | None = Field(description="Time of the last fetch; `null` if it was never fetched.")
    missing: list[MissingDays] = Field(description="Why the record is missing or incomplete; empty if it is complete.")
    fetch: FetchDocument | None = Field(None, description="The result of `fetch=missing`. Omitted without it.")


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
    """The stored data of a dataset: the readings of a time series, or a record."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_one_of)

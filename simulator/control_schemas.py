"""The wire models of `/control`. Shapes only; the routes are in `control`."""

from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from simulator.conditions import Generation
from simulator.config import HourWindow
from simulator.error_catalogue import Origin
from simulator.faults import ErrorForm, FaultKind
from simulator.known_points import Profile
from simulator.rte_calendar import Colour
from simulator.rte_signals import Level

UsagePointId = Annotated[str, Field(pattern="^[0-9]{14}$")]


class Strict(BaseModel):
    """A body that rejects unknown fields."""

    model_config = ConfigDict(extra="forbid")


class FaultOrder(Strict):
    """A fault to arm."""

    kind: FaultKind = "error"
    path: str = Field(default="", description="A substring of the path; without it and without `api`: the data APIs.")
    api: str | None = Field(default=None, description="An API's name, `token` or `authorize`, or an RTE API.")
    usage_point_id: str | None = None
    status: int | None = Field(default=None, ge=200, le=599)
    code: str = Field(default="technical_error", description="For `error`. A known code has its own status and body.")
    description: str = ""
    form: ErrorForm | None = Field(default=None, description="For `error`: write the body in this form instead.")
    count: int | None = Field(default=1, ge=1, description="Number of calls it hits; null: until cleared.")
    rate: float = Field(default=1.0, gt=0, le=1, description="The share of matching calls that it hits.")
    delay_seconds: float = Field(default=0.0, ge=0)


class KnownErrorView(BaseModel):
    """A known error code of Enedis or RTE. No generation: applies to both Enedis generations."""

    code: str
    generation: Origin | None
    status: int
    body: dict[str, Any]


class FaultView(FaultOrder):
    """An armed fault."""

    number: int
    hits: int


class ConditionsView(Strict):
    """The settings that can change while the simulator runs."""

    per_second: int
    per_hour: int
    per_hour_v5: int
    hour_window: HourWindow
    latency_seconds: float
    publication_hour: int
    services_delay_seconds: float
    unsubscribed_apis: list[str]
    stopped_generations: list[Generation]
    tempo_publication_time: time
    tempo_tomorrow_published: bool
    tempo_colours: dict[date, Colour | None]
    ecowatt_pause_seconds: int
    ecowatt_levels: dict[date, Level]


class ConditionsOrder(Strict):
    """Conditions to change; omitted ones stay unchanged."""

    per_second: int | None = Field(default=None, ge=1)
    per_hour: int | None = Field(default=None, ge=1)
    per_hour_v5: int | None = Field(default=None, ge=1)
    hour_window: HourWindow | None = None
    latency_seconds: float | None = Field(default=None, ge=0)
    publication_hour: int | None = Field(default=None, ge=0, le=23)
    services_delay_seconds: float | None = Field(default=None, ge=0)
    unsubscribed_apis: list[str] | None = None
    stopped_generations: list[Generation] | None = None
    tempo_publication_time: time | None = Field(default=None, description="In Paris, as `06:30`.")
    tempo_tomorrow_published: bool | None = Field(default=None, description="False: tomorrow is never published.")
    tempo_colours: dict[date, Colour | None] | None = Field(
        default=None, description="Replaces all generated colours; null: a day without `value`."
    )
    ecowatt_pause_seconds: int | None = Field(default=None, ge=0, description="0: no limit.")
    ecowatt_levels: dict[date, Level] | None = Field(default=None, description="Replaces all generated levels.")


class ClockOrder(Strict):
    """The simulated instant; null returns to the machine's."""

    now: AwareDatetime | None
    frozen: bool = False


class ClockView(BaseModel):
    """The simulated instant."""

    now: datetime


class CallView(BaseModel):
    """One received call."""

    number: int
    epoch_seconds: float
    monotonic_seconds: float
    method: str
    path: str
    api: str
    usage_point_id: str | None
    start: str | None
    end: str | None
    status: int | None
    error: str | None
    fault: str | None


class CallCount(BaseModel):
    """The number of matching calls in the log, and all completed calls by API since the log was cleared."""

    count: int
    totals: dict[str, int]


class HouseholdView(BaseModel):
    """One household of the table."""

    usage_point_id: str
    profile: Profile
    label: str
    consumes: bool
    produces: bool
    activation: date


class PersonaView(BaseModel):
    """A point of the v5 sandbox, selected there by the last character of the state."""

    persona: str
    usage_point_id: str
    profile: Profile
    label: str
    revoked: bool


class ConsentView(BaseModel):
    """A share."""

    authorisation_id: int
    usage_point_id: str
    granted_on: date
    expires_on: date
    revoked: bool


class ConsentOrder(Strict):
    """A share to create without the page."""

    usage_point_id: UsagePointId
    duration: str = "P3Y"


class PointOrder(Strict):
    """A usage point."""

    usage_point_id: UsagePointId


class Count(BaseModel):
    """The number of affected items."""

    count: int

"""Tempo on the wire: colours, what is left of a season, prices."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue

from api.http.fields import Body, Document, EndDay, FirstDay
from api.public_data.schemas import REASON_WORDS, MissingPublicDays, PublicReason
from shared.core.calendar import ONE_DAY, PARIS
from shared.public_data.tempo_prices import TempoPrices
from shared.public_data.tempo_tariff import Colour, ColourCount, Hours, SeasonCount, tempo_day_start

Price = Annotated[str, Field(pattern=r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)$")]
"""Euros a kWh, from 0 to 100, with a dot and six decimals at most."""

_PRICES: dict[str, JsonValue] = {
    "blue_hc": "0.1000",
    "blue_hp": "0.1500",
    "white_hc": "0.1200",
    "white_hp": "0.1800",
    "red_hc": "0.1600",
    "red_hp": "0.7000",
}

ShownDay = Annotated[date, Field(description="The date under which RTE publishes the colour.", examples=["2026-01-14"])]
StartsAt = Annotated[datetime, Field(description="06:00 of it in Paris.", examples=["2026-01-14T06:00:00+01:00"])]
EndsAt = Annotated[datetime, Field(description="06:00 of the next date.", examples=["2026-01-15T06:00:00+01:00"])]
MaybeColour = Annotated[Colour | None, Field(description="`null`: not known, see `reason`.", examples=["RED"])]
MaybeReason = Annotated[
    PublicReason | None, Field(description=f"Why the colour is not known; `null`: it is. {REASON_WORDS}")
]


class TempoDay(Document):
    """The colour of a day."""

    day: ShownDay
    colour: Colour
    starts_at: StartsAt
    ends_at: EndsAt


class TempoDays(Document):
    """The colours of some days."""

    days: list[TempoDay] = Field(description="Those whose colour is known, oldest first.")
    missing: list[MissingPublicDays] = Field(description="All others, and why.")


class TempoDayState(Document):
    """The colour of a day, or why it is not known."""

    day: ShownDay
    colour: MaybeColour
    reason: MaybeReason
    starts_at: StartsAt
    ends_at: EndsAt


class SixPrices(Document):
    """What a kWh costs in each colour, off-peak (`hc`, 22:00 to 06:00) and peak (`hp`)."""

    blue_hc: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["blue_hc"]])
    blue_hp: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["blue_hp"]])
    white_hc: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["white_hc"]])
    white_hp: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["white_hp"]])
    red_hc: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["red_hc"]])
    red_hp: Price = Field(description="Euros, as a decimal text.", examples=[_PRICES["red_hp"]])


class PricesRequest(SixPrices, Body):
    """The six prices of a tariff."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PRICES]})


class TempoPricesDocument(SixPrices):
    """The prices of a tariff, and from when on they hold."""

    valid_from: date = Field(description="The first day on which they hold, Europe/Paris.", examples=["2026-08-01"])
    set_at: datetime = Field(description="When an administrator set them.")

    @classmethod
    def of(cls, prices: TempoPrices) -> Self:
        """A set of prices as it is shown."""
        return cls(**prices.prices, valid_from=prices.valid_from, set_at=prices.set_at.astimezone(UTC))


class TempoPricesList(Document):
    """Every set of prices."""

    prices: list[TempoPricesDocument] = Field(description="The newest first; each holds until the next newer one does.")


class BilledNow(Document):
    """What is billed at this moment: before 06:00 the colour of the day before."""

    day: ShownDay
    colour: MaybeColour
    reason: MaybeReason
    hours: Hours = Field(description="`peak` from 06:00 to 22:00 in Paris, else `off_peak`.")
    until: datetime = Field(description="When these hours end.", examples=["2026-01-14T22:00:00+01:00"])
    price: str | None = Field(
        description="Euros a kWh; `null`: the colour is not known, or no prices are set.", examples=["0.7000"]
    )


class TempoToday(TempoDayState):
    """The colour of today, what is billed at this moment, and the prices that hold."""

    now: BilledNow
    prices: TempoPricesDocument | None = Field(description="Those that hold today; `null`: none are set.")


class ColourCountDocument(Document):
    """How the days of a colour stand."""

    allowed: int = Field(description="How many the season has.", examples=[22])
    used: int = Field(description="How many of those that are counted had it.", examples=[2])
    remaining: int = Field(description="The difference.", examples=[20])

    @classmethod
    def of(cls, count: ColourCount) -> Self:
        """A count as it is shown."""
        return cls(allowed=count.allowed, used=count.used, remaining=count.left)


class TempoSeason(Document):
    """A season: 1 September to 31 August."""

    start: FirstDay
    end: EndDay


class TempoRemaining(Document):
    """How many days of each colour are left in the season."""

    season: TempoSeason
    counted_through: date | None = Field(
        description="The last day that is counted: tomorrow as soon as its colour is known. `null`: none is.",
        examples=["2026-11-24"],
    )
    unknown_days: int = Field(
        description="Days up to that one whose colour is not known: of some colours so many less remain.",
        examples=[0],
    )
    blue: ColourCountDocument
    white: ColourCountDocument
    red: ColourCountDocument

    @classmethod
    def of(cls, count: SeasonCount) -> Self:
        """A season as it is shown."""
        by_colour: Mapping[str, ColourCountDocument] = {
            colour.lower(): ColourCountDocument.of(each) for colour, each in count.colours.items()
        }
        return cls(
            season=TempoSeason(start=count.season.start, end=count.season.end),
            counted_through=count.through,
            unknown_days=count.unknown,
            **by_colour,
        )


def shown_day(day: date, colour: Colour | None) -> dict[str, Any]:
    """What is said of any day: not made through a model, for there may be thousands."""
    starts_at, ends_at = (tempo_day_start(each).astimezone(PARIS) for each in (day, day + ONE_DAY))
    return {"day": day, "colour": colour, "starts_at": starts_at, "ends_at": ends_at}

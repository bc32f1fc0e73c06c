"""Request and response schemas of Tempo: colours, remaining days of a season, prices."""

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
"""Euros per kWh, from 0 to 100, with a dot and at most six decimals."""

_PRICES: dict[str, JsonValue] = {
    "blue_hc": "0.1000",
    "blue_hp": "0.1500",
    "white_hc": "0.1200",
    "white_hp": "0.1800",
    "red_hc": "0.1600",
    "red_hp": "0.7000",
}

ShownDay = Annotated[date, Field(description="Date under which RTE publishes the colour.", examples=["2026-01-14"])]
StartsAt = Annotated[datetime, Field(description="06:00 on the day, Paris.", examples=["2026-01-14T06:00:00+01:00"])]
EndsAt = Annotated[datetime, Field(description="06:00 on the next day.", examples=["2026-01-15T06:00:00+01:00"])]
MaybeColour = Annotated[Colour | None, Field(description="`null` if unknown: see `reason`.", examples=["RED"])]
MaybeReason = Annotated[
    PublicReason | None, Field(description=f"Why the colour is unknown; `null` if it is known. {REASON_WORDS}")
]


class TempoDay(Document):
    """The colour of a day."""

    day: ShownDay
    colour: Colour
    starts_at: StartsAt
    ends_at: EndsAt


class TempoDays(Document):
    """The colours of a period."""

    days: list[TempoDay] = Field(description="Days with a known colour, oldest first.")
    missing: list[MissingPublicDays] = Field(description="All other days, with the reason.")


class TempoDayState(Document):
    """The colour of a day, or the reason why it is unknown."""

    day: ShownDay
    colour: MaybeColour
    reason: MaybeReason
    starts_at: StartsAt
    ends_at: EndsAt


class SixPrices(Document):
    """The price of a kWh for each colour, off-peak (`hc`, 22:00 to 06:00) and peak (`hp`)."""

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
    """The prices of a tariff, with the day from which they apply."""

    valid_from: date = Field(description="First day on which the prices apply, Europe/Paris.", examples=["2026-08-01"])
    set_at: datetime = Field(description="Time at which an administrator set them.")

    @classmethod
    def of(cls, prices: TempoPrices) -> Self:
        """Build the document of a set of prices."""
        return cls(**prices.prices, valid_from=prices.valid_from, set_at=prices.set_at.astimezone(UTC))


class TempoPricesList(Document):
    """All sets of prices."""

    prices: list[TempoPricesDocument] = Field(description="Newest first; each applies until a newer one does.")


class BilledNow(Document):
    """The colour and price that are billed now; before 06:00, the colour of the previous day."""

    day: ShownDay
    colour: MaybeColour
    reason: MaybeReason
    hours: Hours = Field(description="`peak` from 06:00 to 22:00 in Paris, otherwise `off_peak`.")
    until: datetime = Field(description="End of these hours.", examples=["2026-01-14T22:00:00+01:00"])
    price: str | None = Field(
        description="Euros per kWh; `null` if the colour is unknown or no prices are set.", examples=["0.7000"]
    )


class TempoToday(TempoDayState):
    """The colour of today, the colour and price that are billed now, and the current prices."""

    now: BilledNow
    prices: TempoPricesDocument | None = Field(description="Prices that apply today; `null` if none are set.")


class ColourCountDocument(Document):
    """The number of days of a colour."""

    allowed: int = Field(description="Days of this colour in the season.", examples=[22])
    used: int = Field(description="Counted days with this colour.", examples=[2])
    remaining: int = Field(description="`allowed` minus `used`.", examples=[20])

    @classmethod
    def of(cls, count: ColourCount) -> Self:
        """Build the document of a count."""
        return cls(allowed=count.allowed, used=count.used, remaining=count.left)


class TempoSeason(Document):
    """A season: 1 September to 31 August."""

    start: FirstDay
    end: EndDay


class TempoRemaining(Document):
    """The remaining days of each colour in the season."""

    season: TempoSeason
    counted_through: date | None = Field(
        description="Last counted day: tomorrow, as soon as its colour is known. `null` if no day is counted.",
        examples=["2026-11-24"],
    )
    unknown_days: int = Field(
        description="Days up to `counted_through` with an unknown colour: `remaining` is too high by that many in "
        "total.",
        examples=[0],
    )
    blue: ColourCountDocument
    white: ColourCountDocument
    red: ColourCountDocument

    @classmethod
    def of(cls, count: SeasonCount) -> Self:
        """Build the document of a season."""
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
    """The fields of any day, built without a model because there may be thousands."""
    starts_at, ends_at = (tempo_day_start(each).astimezone(PARIS) for each in (day, day + ONE_DAY))
    return {"day": day, "colour": colour, "starts_at": starts_at, "ends_at": ends_at}

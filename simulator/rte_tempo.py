"""RTE's Tempo responses: the days that may be requested, and the published colours. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from simulator.conditions import Conditions
from simulator.paris import ONE_DAY, PARIS, days_between, paris_date
from simulator.rte_calendar import FIRST_DAY, UNSAID_DAY, Colour, colour_of
from simulator.rte_errors import tempo_refusal

LONGEST_DAYS = 366
DAYS_AHEAD = 2
# The time of RTE's last update of a day, on the day before.
_UPDATED_AT = time(10, 20)
_BOUND = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}")


@dataclass(frozen=True, slots=True)
class Question:
    """The days `[start, end[`, and whether values state if they are a fallback."""

    start: date
    end: date
    with_fallback: bool


def said_colour(day: date, conditions: Conditions) -> Colour | None:
    """The published colour of `day`; None for a day that RTE lists without a colour."""
    if day in conditions.tempo_colours:
        return conditions.tempo_colours[day]
    return None if day == UNSAID_DAY else colour_of(day)


def newest_day(now: datetime, conditions: Conditions) -> date:
    """The last published day: today, or tomorrow after its publication."""
    local = now.astimezone(PARIS)
    is_out = conditions.tempo_tomorrow_published and local.time() >= conditions.tempo_publication_time
    return local.date() + ONE_DAY if is_out else local.date()


def read_question(parameters: Mapping[str, str], now: datetime, conditions: Conditions) -> Question:
    """Parse the request; without dates, the newest day.

    Raises:
        Refusal: 400, F01 to F07.
    """
    start_text, end_text = parameters.get("start_date"), parameters.get("end_date")
    fallback = parameters.get("fallback_status", "false")
    if (start_text is None) != (end_text is None):
        raise tempo_refusal("F01")
    newest = newest_day(now, conditions)
    start = newest if start_text is None else _paris_day(start_text)
    end = newest + ONE_DAY if end_text is None else _paris_day(end_text)
    if fallback not in ("true", "false"):
        raise tempo_refusal("F07")
    if start > end:
        raise tempo_refusal("F02")
    if start == end:
        raise tempo_refusal("F05")
    if (end - start).days > LONGEST_DAYS:
        raise tempo_refusal("F03")
    # A range that extends beyond the published days is cut; one that begins beyond them is refused.
    if end > paris_date(now) + DAYS_AHEAD * ONE_DAY or start > newest:
        raise tempo_refusal("F04")
    return Question(start, end, fallback == "true")


def tempo_body(question: Question, now: datetime, conditions: Conditions) -> dict[str, object]:
    """The response body, newest day first."""
    last = min(question.end, newest_day(now, conditions) + ONE_DAY)
    days = sorted(days_between(max(question.start, FIRST_DAY), last), reverse=True)
    return {
        "tempo_like_calendars": {
            **_bounds(question.start, question.end),
            "values": [_value(day, question.with_fallback, now, conditions) for day in days],
        }
    }


def tempo_xml(now: datetime, conditions: Conditions) -> str:
    """The response to requests that do not accept JSON: the older schema, with the newest day."""
    day = newest_day(now, conditions)
    colours = {"BLUE": "BLEU", "WHITE": "BLANC", "RED": "ROUGE", None: ""}
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Tempos><Tempo>'
        f"<DateApplication>{day}</DateApplication><Couleur>{colours[said_colour(day, conditions)]}</Couleur>"
        "</Tempo></Tempos>"
    )


def _value(day: date, with_fallback: bool, now: datetime, conditions: Conditions) -> dict[str, object]:
    eve = day - ONE_DAY
    updated = datetime.combine(eve, _UPDATED_AT, PARIS)
    if updated > now:
        updated = datetime.combine(eve, conditions.tempo_publication_time, PARIS)
    colour = said_colour(day, conditions)
    return {
        **_bounds(day, day + ONE_DAY),
        **({} if colour is None else {"value": colour}),
        "updated_date": updated.isoformat(),
        **({"fallback": False} if with_fallback else {}),
    }


def _bounds(start: date, end: date) -> dict[str, object]:
    """Midnights in Paris, each with the offset of its own day."""
    return {"start_date": _midnight(start).isoformat(), "end_date": _midnight(end).isoformat()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), PARIS)


def _paris_day(text: str) -> date:
    """The day of a bound, which must be a midnight in Paris with the offset of that day."""
    if _BOUND.fullmatch(text) is None:
        raise tempo_refusal("F06")
    try:
        bound = datetime.fromisoformat(text)
    except ValueError as error:
        raise tempo_refusal("F06") from error
    midnight = _midnight(bound.date())
    if (bound.time(), bound.utcoffset()) != (time(0), midnight.utcoffset()):
        raise tempo_refusal("F06")
    return bound.date()

"""RTE's EcoWatt responses: the signals of today and three days, the sandbox's, and the history as open data. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, time

from simulator.conditions import Conditions
from simulator.paris import ONE_DAY, PARIS, paris_date
from simulator.rte_signals import DAYS_AHEAD, HOURS, Level, hours_of, level_of, message_of, misread

_GENERATED_AT = time(23)
# The open data of the first months have accents that were decoded twice.
_WELL_WRITTEN_FROM = date(2023, 1, 1)
_SANDBOX_GENERATED = "2022-06-03T07:36:25+02:00"
# Unsorted, and one day begins at seven.
_SANDBOX: tuple[tuple[date, Level, int, str], ...] = (
    (date(2022, 6, 6), 1, 0, " Pas d\u2019alerte "),
    (date(2022, 6, 4), 3, 0, " Situation très tendue. "),
    (date(2022, 6, 5), 2, 0, " Situation tendue. "),
    (date(2022, 6, 3), 3, 7, " Situation très tendue. "),
)


def said_level(day: date, conditions: Conditions) -> Level:
    """The level of `day`, as set or as generated."""
    return conditions.ecowatt_levels.get(day) or level_of(day)


def signals_body(now: datetime, conditions: Conditions) -> dict[str, object]:
    """Today and the next three days."""
    today = paris_date(now)
    generated = datetime.combine(today - ONE_DAY, _GENERATED_AT, PARIS).isoformat()
    levels = [
        (day, said_level(day, conditions)) for day in (today + number * ONE_DAY for number in range(DAYS_AHEAD + 1))
    ]
    return {"signals": [_signal(generated, day, level, message_of(level)) for day, level in levels]}


def sandbox_body() -> dict[str, object]:
    """The constant response of the sandbox."""
    return {
        "signals": [
            _signal(_SANDBOX_GENERATED, day, level, message, range(first_hour, 24))
            for day, level, first_hour, message in _SANDBOX
        ]
    }


def open_data_line(day: date, conditions: Conditions) -> dict[str, object]:
    """A day of the open data."""
    level = said_level(day, conditions)
    message = message_of(level)
    return {
        "date": str(day),
        "couleur_du_jour": level,
        **{f"h{hour}": value for hour, value in enumerate(hours_of(level))},
        "message": message if day >= _WELL_WRITTEN_FROM else misread(message),
    }


def ecowatt_xml(now: datetime, conditions: Conditions) -> str:
    """The response to requests that do not accept JSON. The schema is invented: RTE's is undocumented."""
    today = paris_date(now)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Signaux><Signal>'
        f"<Jour>{today}</Jour><Niveau>{said_level(today, conditions)}</Niveau></Signal></Signaux>"
    )


def _signal(generated: str, day: date, level: Level, message: str, hours: Iterable[int] = HOURS) -> dict[str, object]:
    values = hours_of(level)
    return {
        "GenerationFichier": generated,
        "jour": datetime.combine(day, time(0), PARIS).isoformat(),
        "dvalue": level,
        "message": message,
        "values": [{"pas": hour, "hvalue": values[hour]} for hour in hours],
    }

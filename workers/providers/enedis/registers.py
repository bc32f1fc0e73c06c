"""The meter's register values at the start of each day, from ``index_consommation`` and ``index_production``.

Only their Swagger is known, no captured response. It does not state when a value dated D was read: this module assumes
the first instant of D, and ignores values with another time of day than midnight.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from shared.core.calendar import day_start
from shared.readings.encoding import DAY_STEP
from shared.readings.models import Reading
from workers.providers.enedis.measurements import agreed, factor_of, wall_time, whole_number


def register_readings(body: Mapping[str, Any], business: str) -> list[Reading]:
    """The total register of each day in Wh, with the register of each time class.

    Two calendars may share a class name; such a class is named ``calendar/class``. Conflicting values for one register
    and day are dropped. Raises `enedis_points.MALFORMED`, also when there are classes but no total: a total is not
    computed from them, because the meter may have counted under another calendar before.
    """
    totals: list[Reading] = []
    classes: dict[str, dict[str, list[Reading]]] = {}
    for quantity in _quantities(body, business):
        factor = factor_of(quantity.get("unite"), "Wh")
        totals += _values((quantity.get("cadranTotalisateur") or {}).get("valeur"), factor)
        for calendar in quantity.get("calendrier") or []:
            for time_class in calendar.get("classeTemporelle") or []:
                by_calendar = classes.setdefault(_name(time_class["idClasseTemporelle"]), {})
                values = by_calendar.setdefault(_name(calendar.get("idCalendrier") or ""), [])
                values += _values(time_class.get("valeur"), factor)
    if not totals and any(values for by_calendar in classes.values() for values in by_calendar.values()):
        raise ValueError("registers without a total")
    registers: dict[datetime, dict[str, int]] = {}
    for name, by_calendar in sorted(classes.items()):
        for calendar_name, values in sorted(by_calendar.items()):
            key = name if len(by_calendar) == 1 else f"{calendar_name}/{name}"
            for reading in agreed(values):
                registers.setdefault(reading.start, {})[key] = reading.value
    return [replace(total, registers=registers.get(total.start)) for total in agreed(totals)]


def _quantities(body: Mapping[str, Any], business: str) -> Iterator[Mapping[str, Any]]:
    contexts = body["contexte"] or []
    quantities = [quantity for context in contexts for quantity in context.get("grandeur") or []]
    meant = [
        quantity
        for quantity in quantities
        if quantity["grandeurMetier"] == business and quantity.get("grandeurPhysique", "EA") == "EA"
    ]
    if quantities and not meant:
        raise ValueError("other quantities than the requested one")
    yield from meant


def _values(values: Sequence[Mapping[str, Any]] | None, factor: int) -> Iterator[Reading]:
    for point in values or []:
        label, value = wall_time(point["d"]), whole_number(point.get("v"), factor)
        if value is not None and label.time() == time():
            yield Reading(day_start(label.date()), DAY_STEP, value)


def _name(code: Any) -> str:
    if not isinstance(code, str | int) or isinstance(code, bool):
        raise TypeError("a code is a text")
    return str(code)[:40]

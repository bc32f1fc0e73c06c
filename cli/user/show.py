"""Stored readings as a chart in the terminal, or as a table; a record as a list of fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.user.charts import Row, bars, columns, strips
from cli.user.failures import Refused
from cli.user.gateway import Document, Gateway
from cli.user.periods import PeriodWords, parse_days_of
from cli.user.points import point_name
from cli.user.screen import Screen
from cli.user.series import (
    Summary,
    Value,
    by_day,
    cells_of_day,
    parse_values,
    scale_for,
    step_name,
    summarize,
)
from cli.user.session import find_dataset, find_point, logged_in
from cli.user.words import missing_lines, reason_words
from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of, day_seconds, days_between

_DEFAULT_DAYS = {"P1D": 30, "": 7}
"""Default days by the step of a reading."""
_STRIPS_DAYS, _BARS_DAYS, _WEEKS_DAYS = 31, 62, 400
_STRIP_WIDTH = 48 + 15 + 8
_WHOLE_UNITS = ("W", "Wh", "VA")


@dataclass(frozen=True)
class View:
    """The display options."""

    resolution: str | None = None
    unit: str | None = None
    is_table: bool = False


def show(screen: Screen, dataset: str, wanted_point: str | None, words: PeriodWords, view: View) -> None:
    """Print the stored data."""
    with logged_in(screen) as gateway:
        described = find_dataset(gateway, dataset)
        days = parse_days_of(described, words, day_of(datetime.now(UTC)), _DEFAULT_DAYS)
        point = find_point(gateway, wanted_point)
        path = f"/v1/usage-points/{point['usage_point_id']}/readings/{described['name']}"
        title = f"{described['name']} of {point_name(point, is_full=screen.is_full)}"
        if days is None:
            _show_record(screen, gateway.get(path), title)
            return
        found = _read(gateway, path, days, described, view)
    screen.give(found)
    if screen.as_json:
        return
    screen.say(Text(f"{title}, {days.start} to {days.end - ONE_DAY}", style="bold"))
    _show_series(screen, found, days, view)


def _read(gateway: Gateway, path: str, days: DayRange, described: Document, view: View) -> Document:
    params = {"start": str(days.start), "end": str(days.end)}
    if view.unit:
        params["unit"] = view.unit
    resolution = view.resolution or _fitting_resolution(days, described)
    if resolution is None:
        return gateway.get(path, **params)
    try:
        return gateway.get(path, **params, resolution=resolution)
    except Refused as refusal:
        # Not every dataset can be aggregated; the user did not request it here.
        if view.resolution or refusal.http_status != 422:
            raise
        return gateway.get(path, **params)


def _fitting_resolution(days: DayRange, described: Document) -> str | None:
    """The resolution that fits a screen: unchanged, or by day, week or month."""
    is_daily = described["step"] == "P1D"
    if days.days <= (_BARS_DAYS if is_daily else _STRIPS_DAYS):
        return None
    if days.days <= _BARS_DAYS:
        return "day"
    return "week" if days.days <= _WEEKS_DAYS else "month"


def _show_series(screen: Screen, found: Document, days: DayRange, view: View) -> None:
    readings: Sequence[Mapping[str, Any]] = found["readings"]
    values = parse_values(readings)
    is_index = any("registers" in each for each in readings)
    if not values:
        screen.say("no data is stored for these days", "yellow")
    elif view.is_table or is_index:
        screen.say(_table(readings, found["unit"]))
    else:
        screen.say(_chart(values, found, days, screen.out.width))
    if values and not is_index:
        screen.say(_summary_line(summarize(values, found["unit"]), found["unit"]))
    for line in missing_lines(found["missing"]):
        screen.say(f"missing {line}", "yellow")


def _chart(values: Sequence[Value], found: Document, days: DayRange, width: int) -> RenderableType:
    if step_name(values):
        return _bar_chart(values, found, days, width)
    factor, unit = scale_for(max(each.value for each in values), found["unit"])
    cell_minutes = 30 if width >= _STRIP_WIDTH else 60
    parted = by_day(values)
    cells = {
        day: [cell and cell / factor for cell in cells_of_day(day, parted.get(day, ()), cell_minutes)]
        for day in days_between(days.start, days.end)
    }
    if days.days == 1:
        return columns(cells[days.start], unit)
    reasons = _reasons(found["missing"])
    notes = {
        day: _day_note(day, parted[day], found["unit"]) if day in parted else reasons.get(day, "") for day in cells
    }
    return strips(cells, notes)


def _day_note(day: date, values: Sequence[Value], unit: str) -> str:
    summary = summarize(values, unit)
    hours = day_seconds(day) // 3600
    total = _number(summary.total, summary.total_unit) if summary.total is not None else ""
    return f"{total:>9}" + (f" {hours} h" if hours != 24 else "")


def _bar_chart(values: Sequence[Value], found: Document, days: DayRange, width: int) -> RenderableType:
    name = step_name(values)
    factor, unit = scale_for(max(each.value for each in values), found["unit"])
    rows = [Row(_label(each, name), each.value / factor, _bar_note(each)) for each in values]
    if name == "day":
        reasons, known = (
            _reasons(found["missing"]),
            {day_of(each.start): row for each, row in zip(values, rows, strict=True)},
        )
        rows = [
            known.get(day, Row(f"{day:%a %Y-%m-%d}", None, reasons.get(day, "")))
            for day in days_between(days.start, days.end)
        ]
    return bars(rows, unit, width)


def _bar_note(value: Value) -> str:
    if value.at:
        return f"{value.at:at %H:%M}" if step_name([value]) == "day" else f"{value.at:on %d %b at %H:%M}"
    return f"{value.known:.0%} known" if value.known < 1 else ""


def _label(value: Value, name: str) -> str:
    start = value.start.astimezone(PARIS)
    return {"day": f"{start:%a %Y-%m-%d}", "week": f"week of {start:%Y-%m-%d}", "month": f"{start:%Y-%m}"}.get(
        name, f"{start:%Y}"
    )


def _reasons(missing: Sequence[Mapping[str, Any]]) -> dict[date, str]:
    return {
        day: reason_words(gap["reason"])
        for gap in missing
        for day in days_between(date.fromisoformat(gap["start"]), date.fromisoformat(gap["end"]))
    }


def _table(readings: Sequence[Mapping[str, Any]], unit: str) -> Table:
    names = sorted({name for each in readings for name in each.get("registers", ())})
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("start")
    table.add_column("step")
    for name in (unit, *names):
        table.add_column(name, justify="right")
    has_peaks = any("at" in each for each in readings)
    if has_peaks:
        table.add_column("at")
    for each in readings:
        cells = [each["start"], each["step"], _plain(each.get("value"))]
        cells += [_plain(each.get("registers", {}).get(name)) for name in names]
        table.add_row(*cells, *([each.get("at", "")] if has_peaks else []))
    return table


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:,}"


def _summary_line(summary: Summary, unit: str) -> Text:
    said = []
    if summary.total is not None:
        said.append(f"total {_number(summary.total, summary.total_unit)}")
    said.append(f"mean {_number(summary.mean, unit)}")
    for name, value in (("least", summary.least), ("most", summary.most)):
        start = value.start.astimezone(PARIS)
        when = _label(value, step_name([value])) if value.minutes is None else f"{start:%a %Y-%m-%d %H:%M}"
        said.append(f"{name} {_number(value.value, unit)} ({when})")
    return Text(" · ".join(said), style="bold")


def _number(value: float, unit: str) -> str:
    factor, shown = scale_for(abs(value), unit)
    return f"{value:,.0f} {unit}" if unit == shown and unit in _WHOLE_UNITS else f"{value / factor:,.2f} {shown}"


def _show_record(screen: Screen, found: Document, title: str) -> None:
    screen.give(found)
    screen.say(Text(title, style="bold"))
    if found["record"] is None:
        screen.say("no data is stored", "yellow")
    else:
        table = Table.grid(padding=(0, 2))
        for name, value in _facts(found["record"]):
            table.add_row(name, value)
        screen.say(table)
    for gap in found["missing"]:
        screen.say(f"missing: {reason_words(gap['reason'])}", "yellow")


def _facts(record: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """The fields of a record, one per line; nested ones under both names."""
    facts: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            facts += _facts(value, f"{above}{name}.")
        elif value is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            facts.append((above + name, text))
    return facts

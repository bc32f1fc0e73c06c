"""Tempo in the terminal: today, tomorrow, the current tariff, the remaining days of the season."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.user.screen import Screen
from cli.user.session import anonymous
from shared.core.calendar import PARIS

# The word carries the information; the colours are decoration.
_STYLES = {"BLUE": "bold white on blue", "WHITE": "bold black on white", "RED": "bold white on red"}
_REASONS = {
    "not_published_yet": "not published yet",
    "not_said": "not stated by RTE",
    "not_fetched": "not fetched yet",
    "not_offered": "this gateway has no access to RTE",
}
_BAR_WIDTH = 30


def print_tempo(screen: Screen) -> None:
    """Today's colour and tomorrow's, the current tariff, and the remaining days of the season. Needs no login."""
    with anonymous(screen) as gateway:
        today, tomorrow, remaining = (gateway.get(f"/v1/tempo/{name}") for name in ("today", "tomorrow", "remaining"))
    screen.give({"today": today, "tomorrow": tomorrow, "remaining": remaining})
    table = Table.grid(padding=(0, 2))
    table.add_row("Today", _date(today["day"]), _colour(today))
    table.add_row("Tomorrow", _date(tomorrow["day"]), _colour(tomorrow))
    table.add_row("Now", f"until {_time(today['now']['until'])}", _billed(today["now"]))
    screen.say(table)
    screen.say()
    screen.say(_season_table(remaining))
    screen.say(_counted(remaining), style="dim")


def _season_table(remaining: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("season")
    table.add_column("left", justify="right")
    table.add_column("of", justify="right")
    table.add_column("")
    for colour in _STYLES:
        count = remaining[colour.lower()]
        width = round(_BAR_WIDTH * count["remaining"] / count["allowed"])
        table.add_row(_chip(colour), str(count["remaining"]), str(count["allowed"]), "█" * width)
    return table


def _counted(remaining: Mapping[str, Any]) -> str:
    if remaining["counted_through"] is None:
        return "no data for this season yet"
    unknown = f", {remaining['unknown_days']} of them unknown" if remaining["unknown_days"] else ""
    return f"counted from {remaining['season']['start']} to {remaining['counted_through']}{unknown}"


def _billed(now: Mapping[str, Any]) -> Text:
    hours = now["hours"].replace("_", "-")
    price = f", {now['price']} €/kWh" if now["price"] is not None else ""
    return Text.assemble(_colour(now), f" {hours}{price}")


def _colour(day: Mapping[str, Any]) -> Text:
    if day["colour"] is None:
        return Text(_REASONS.get(day["reason"], day["reason"]))
    return _chip(day["colour"])


def _chip(colour: str) -> Text:
    return Text(f" {colour.lower()} ", style=_STYLES.get(colour, ""))


def _date(day: str) -> str:
    return f"{datetime.fromisoformat(day):%a} {day}"


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(PARIS):%H:%M}"

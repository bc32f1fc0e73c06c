"""Charts for a terminal, from rich's elements and Unicode blocks. Pure rendering.

A gap is drawn as a gap, never as a zero. Charts stay readable without colours: colour only repeats a height.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_BLOCKS = " ▁▂▃▄▅▆▇█"
_COLOURS = ("blue", "cyan", "green", "yellow", "red")
_GAP = "·"
_HEIGHT = 8
_SCALE_WIDTH = 9
_HOURS = (0, 3, 6, 9, 12, 15, 18, 21)

Cells = Sequence[float | None]


@dataclass(frozen=True)
class Row:
    """A bar with its label and its note; without a value, the note is the reason."""

    label: str
    value: float | None
    note: str = ""


def bars(rows: Sequence[Row], unit: str, width: int) -> RenderableType:
    """One line per row; the longest bar fills the rest of ``width``."""
    top = max((row.value for row in rows if row.value), default=0.0) or 1.0
    texts = [_GAP if row.value is None else f"{row.value:,.2f} {unit}" for row in rows]
    notes = any(row.note and row.value is not None for row in rows)
    beside = max(len(row.label) for row in rows) + max(map(len, texts)) + 4
    beside += max(len(row.note) for row in rows if row.value is not None) + 2 if notes else 0
    room = max(10, min(60, width - beside))
    table = Table.grid(padding=(0, 1))
    for row, text in zip(rows, texts, strict=True):
        cells: list[RenderableType] = [Text(row.label), Text(text, justify="right")]
        if row.value is None:
            cells.append(Text(row.note[:room], style="dim"))
        else:
            cells.append(Bar(top, 0, row.value, width=room, color=_colour(row.value / top)))
        table.add_row(*cells, *([Text(row.note, style="dim")] if notes and row.value is not None else []))
    return table


def columns(cells: Cells, unit: str) -> RenderableType:
    """A day as columns, one per cell, with a scale and the hours below."""
    top = max((cell for cell in cells if cell is not None), default=0.0) or 1.0
    lines = []
    for row in range(_HEIGHT, 0, -1):
        mark = f"{top * row / _HEIGHT:.2f}" if row in (_HEIGHT, _HEIGHT // 2) else ""
        line = Text(f"{mark:>{_SCALE_WIDTH - 2}} {'┤' if mark else '│'}")
        for cell in cells:
            line.append(*_column_part(cell, top, row))
        lines.append(line)
    lines.append(Text(f"{unit:>{_SCALE_WIDTH - 2}} └" + "─" * len(cells)))
    lines.append(Text(" " * _SCALE_WIDTH + _hours(cells)))
    return Group(*lines)


def _column_part(cell: float | None, top: float, row: int) -> tuple[str, str]:
    if cell is None:
        return (_GAP if row == 1 else " "), "dim"
    # The height of a column is a number of eighths; a measured value is never drawn as empty.
    eighths = max(1, round(cell / top * _HEIGHT * 8))
    return _BLOCKS[min(8, max(0, eighths - (row - 1) * 8))], _colour(cell / top)


def strips(days: Mapping[date, Cells], notes: Mapping[date, str]) -> RenderableType:
    """One line per day; height and colour of each cell are relative to the highest cell of all days."""
    top = max((cell for cells in days.values() for cell in cells if cell is not None), default=0.0) or 1.0
    longest = max(days.values(), key=len)
    lines = [Text(" " * 15 + _hours(longest), style="dim")]
    for day, cells in days.items():
        line = Text(f"{day:%a %Y-%m-%d} ", no_wrap=True, overflow="ellipsis")
        for cell in cells:
            if cell is None:
                line.append(_GAP, "dim")
            else:
                line.append(_BLOCKS[max(1, round(cell / top * 8))], _colour(cell / top))
        line.append(" " * (len(longest) - len(cells) + 1) + notes.get(day, ""), "dim")
        lines.append(line)
    return Group(*lines)


def _hours(cells: Cells) -> str:
    """The hours elapsed since midnight, each above or below its cell; there are one or two cells per hour."""
    an_hour = 2 if len(cells) > 25 else 1
    line = ""
    for hour in _HOURS:
        line = line.ljust(hour * an_hour) + f"{hour:02}"
    return line


def _colour(share: float) -> str:
    return _COLOURS[max(0, min(len(_COLOURS) - 1, int(share * len(_COLOURS))))]

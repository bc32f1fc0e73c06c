"""The capacity as tables, and as a plot for the documentation: one SVG, generated without a library."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from bench.capacity import ACTIVE_POINTS, KEPT_SHARES, MIXES, WORKING_HOURS, Capacity

Points = Sequence[tuple[float, float]]

_COLOURS = ("#0b6e99", "#d9730d", "#0f7b6c", "#9b59b6")
_WIDTH, _HEIGHT, _LEFT, _TOP = 420, 260, 70, 40
_PLOTTED_SHARES = 60


def tables_of(capacity: Capacity, mixes: Sequence[float] = MIXES) -> Iterator[Table]:
    """The points served, by mix and reserved share; and the waiting times."""
    served = Table("read every day", "calls a point and day", title=f"usage points served in {WORKING_HOURS} hours")
    for kept in KEPT_SHARES:
        served.add_column(f"{kept:.0%} kept", justify="right")
    served.add_column("naive", justify="right")
    for active in mixes:
        points = [f"{capacity.points(active, kept):,}" for kept in KEPT_SHARES]
        served.add_row(
            f"{active:.0%}", f"{capacity.calls(active):.3f}", *points, f"{capacity.naive_points(KEPT_SHARES[0]):,}"
        )
    yield served
    waits = Table("points, all read every day", title="current after the start of the wave")
    for name in ("half of them", "95 %", "all"):
        waits.add_column(name, justify="right")
    for points_count in ACTIVE_POINTS:
        found = capacity.waits(points_count, KEPT_SHARES[0])
        waits.add_row(f"{points_count:,}", *(_duration(each) for each in (found.p50, found.p95, found.last)))
    yield waits


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return f"over {WORKING_HOURS} h"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def write_plot(capacity: Capacity, path: Path) -> None:
    """Points served by mix, and how many of a gateway's points are up to date over time."""
    shares = [number / _PLOTTED_SHARES for number in range(_PLOTTED_SHARES + 1)]
    served: dict[str, Points] = {
        f"{kept:.0%} kept for people": [(100 * each, capacity.points(each, kept) / 1000) for each in shares]
        for kept in KEPT_SHARES[:2]
    }
    served["naive"] = [(100 * each, capacity.naive_points(KEPT_SHARES[0]) / 1000) for each in shares]
    current: dict[str, Points] = {}
    for count in (1000, 5000, 10_000):
        moments = capacity.current_at(count, KEPT_SHARES[0])
        every = max(1, count // 400)
        current[f"{count:,} points"] = [
            (moments[index] / 3600, 100 * (index + 1) / count) for index in range(0, len(moments), every)
        ]
    panels = [
        _panel(
            0,
            f"Points served in {WORKING_HOURS} h",
            "% of points read every day",
            "thousands",
            served,
            keys_at=_TOP + 16,
        ),
        _panel(
            _WIDTH + _LEFT + 40,
            "Points that are current",
            "hours after the wave began",
            "%",
            current,
            keys_at=_TOP + _HEIGHT - 56,
        ),
    ]
    width, height = 2 * (_WIDTH + _LEFT + 40), _HEIGHT + _TOP + 60
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" fill="#37352f"><rect width="100%" height="100%" fill="white"/>{"".join(panels)}</svg>\n',
        "utf-8",
    )


def _panel(offset: float, title: str, across: str, up: str, lines: Mapping[str, Points], *, keys_at: int) -> str:
    """One diagram with its axes, starting at 0; the names of its lines are at the right, from ``keys_at`` down."""
    most_x, most_y = (max(point[axis] for line in lines.values() for point in line) for axis in (0, 1))

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * x / most_x, _TOP + _HEIGHT * (1 - y / most_y)

    bottom, middle = _TOP + _HEIGHT, _LEFT + _WIDTH / 2
    parts = [
        f'<g transform="translate({offset:.0f} 0)">',
        f'<text x="{middle:.0f}" y="22" text-anchor="middle" font-size="15">{title}</text>',
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{_LEFT + _WIDTH}" fill="none" stroke="#37352f"/>',
        f'<text x="{middle:.0f}" y="{bottom + 42}" text-anchor="middle">{across}</text>',
        f'<text x="{_LEFT - 8}" y="{_TOP - 10}" text-anchor="end">{up}</text>',
    ]
    for number in range(5):
        x, y = most_x * number / 4, most_y * number / 4
        left, top = place(x, y)
        parts.append(f'<text x="{left:.0f}" y="{bottom + 18}" text-anchor="middle">{x:.3g}</text>')
        parts.append(f'<text x="{_LEFT - 8}" y="{top + 4:.0f}" text-anchor="end">{y:.3g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        key = f'x="{_LEFT + _WIDTH - 8}" y="{keys_at + 18 * number}" text-anchor="end" fill="{colour}"'
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f"<text {key}>{name}</text>")
    return "".join([*parts, "</g>"])

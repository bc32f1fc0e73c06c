"""Enedis's labels as instants: Paris wall times without offset, resolved only where that is unambiguous.

In October the wall times from 02:00 to 03:00 occur twice. The order of the list distinguishes the two; where it does
not (points are missing, or the list is not sorted) a label stays unresolved and its point becomes a gap.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise

from shared.core.calendar import PARIS

# Two hours in steps of a minute; more labels than that in the repeated hour are not a valid curve.
_MOST_IN_THE_HOUR = 120
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """A point of a curve as received: the label of its end, its length, and its value (``None``: missing)."""

    label: datetime
    length: timedelta
    value: int | None


def instants_of(label: datetime) -> list[datetime]:
    """The instants (UTC) that a Paris wall time may mean: one, two in October, none in the hour skipped in March.

    The end of an interval that ends exactly at the March change is written 03:00; 02:00 means the same instant. A label
    with an offset is accepted when Paris has that offset at that time, and rejected otherwise: a "Z" on a wall time is
    a known mistake, but whether it is one cannot be determined. Raises `OverflowError`.
    """
    if label.tzinfo is not None:
        written, offset = label.replace(tzinfo=None), label.utcoffset()
        return [each for each in instants_of(written) if each.astimezone(PARIS).utcoffset() == offset]
    meant = {label.replace(tzinfo=PARIS, fold=fold).astimezone(UTC) for fold in (0, 1)}
    found = sorted(each for each in meant if each.astimezone(PARIS).replace(tzinfo=None) == label)
    if found:
        return found
    leap = max(meant)
    before = (leap - _TICK).astimezone(PARIS).replace(tzinfo=None)
    return [leap] if before + _TICK == label else []


def resolve_ends(intervals: Sequence[Interval]) -> list[datetime | None]:
    """The instant at which each interval ends, ``None`` where it is ambiguous. Raises `OverflowError`."""
    points = [_Point(at, interval, instants_of(interval.label)) for at, interval in enumerate(intervals)]
    ends = [point.instants[0] if len(point.instants) == 1 else None for point in points]
    for day in sorted({point.day for point in points if point.is_twofold}):
        of_the_day = [point for point in points if point.instants and point.day == day]
        for at, end in _resolve_day(of_the_day).items():
            ends[at] = end
    return ends


@dataclass(frozen=True, slots=True)
class _Point:
    """An interval, its position in the response, and the instants that its label may mean."""

    at: int
    interval: Interval
    instants: Sequence[datetime]

    @property
    def is_twofold(self) -> bool:
        return len(self.instants) > 1

    @property
    def day(self) -> date:
        """Midnight belongs to the day that it ends."""
        return (self.interval.label.replace(tzinfo=None) - _TICK).date()


def _resolve_day(points: Sequence[_Point]) -> dict[int, datetime]:
    """The resolvable labels of the repeated hour, from the points of its day in the order of the list."""
    counts = Counter(point.instants[0] for point in points if not point.is_twofold)
    # A response that lists every point twice has twice as many points in this hour too.
    copies = min(counts.values(), default=1)
    is_even = max(counts.values(), default=1) == copies
    for ordered in (list(points), list(reversed(points))):
        if all(first.instants[0] <= second.instants[-1] for first, second in pairwise(ordered)):
            return _by_order(ordered, copies, is_even)
    return _by_value(points, copies, is_even)


def _by_order(points: Sequence[_Point], copies: int, is_even: bool) -> dict[int, datetime]:
    """In a sorted list the first part is summer time, the rest winter time. A point is resolved when every possible
    split of the list gives it the same instant."""
    groups = list(_without_copies([point for point in points if point.is_twofold], copies))
    if len(groups) > _MOST_IN_THE_HOUR:
        return {}
    hour = groups[0][0].instants[0]
    before = max((each.instants[0] for each in points if each.instants[0] < hour and not each.is_twofold), default=None)
    after = min(
        (each.instants[0] - each.interval.length for each in points if each.instants[0] > hour and not each.is_twofold),
        default=None,
    )
    ways = []
    for parting in range(len(groups) + 1):
        ends = [group[0].instants[number >= parting] for number, group in enumerate(groups)]
        if _fits(groups, ends, before, after, is_even):
            ways.append(ends)
    decided: dict[int, datetime] = {}
    for group, found in zip(groups, zip(*ways, strict=True), strict=True) if ways else ():
        if len(set(found)) == 1:
            decided |= {point.at: found[0] for point in group}
    return decided


def _fits(
    groups: Sequence[Sequence[_Point]],
    ends: Sequence[datetime],
    before: datetime | None,
    after: datetime | None,
    is_even: bool,
) -> bool:
    """Whether intervals with these ends follow one another, and their neighbours, without overlapping."""
    previous, known = before, None
    for group, end in zip(groups, ends, strict=True):
        interval = group[0].interval
        if known == (end, interval) and not is_even:
            continue
        if previous is not None and end - interval.length < previous:
            return False
        previous, known = end, (end, interval)
    return after is None or previous is None or previous <= after


def _without_copies(points: Sequence[_Point], copies: int) -> Iterator[list[_Point]]:
    """Groups of identical neighbours, of the size by which the response repeats every point."""
    for _, same in groupby(points, key=lambda point: point.interval):
        run = list(same)
        size = copies if len(run) % copies == 0 else len(run)
        for first in range(0, len(run), size):
            yield run[first : first + size]


def _by_value(points: Sequence[_Point], copies: int, is_even: bool) -> dict[int, datetime]:
    """In an unsorted list only a label that occurs twice with one value is resolved: the order is irrelevant."""
    decided: dict[int, datetime] = {}
    labels: dict[datetime, list[_Point]] = {}
    for point in points:
        if point.is_twofold:
            labels.setdefault(point.interval.label, []).append(point)
    for same in labels.values():
        if is_even and len(same) == 2 * copies and len({point.interval for point in same}) == 1:
            decided |= {point.at: point.instants[number >= copies] for number, point in enumerate(same)}
    return decided

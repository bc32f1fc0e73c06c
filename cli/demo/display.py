"""The demo's output: a month as a chart, a trace as a tree. Pure rendering."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cli.demo.otlp_receiver import Node, Span

_BLOCKS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 6
_MAX_CHILDREN = 6


def month_chart(readings: Sequence[dict[str, Any]], title: str) -> RenderableType:
    """Daily energies (Wh) of a month as columns, one per day, with the scale in kWh."""
    values = [reading["value"] for reading in readings]
    top = max(values, default=1) or 1
    lines = [Text(title, style="bold")]
    for row in range(_HEIGHT, 0, -1):
        # The height of a column is a number of eighths of a cell.
        cells = [min(8, max(0, round(value / top * _HEIGHT * 8) - (row - 1) * 8)) for value in values]
        scale = f"{top * row / _HEIGHT / 1000:6.1f} kWh ┤" if row in (_HEIGHT, _HEIGHT // 2) else " " * 11 + "│"
        lines.append(Text(scale + " ".join(_BLOCKS[cell] for cell in cells), style="cyan"))
    days = [str(reading["start"])[8:10] for reading in readings]
    lines.append(Text(" " * 11 + "└" + "─" * max(0, 2 * len(days) - 1), style="cyan"))
    lines.append(Text(" " * 12 + " ".join(day[0] for day in days)))
    lines.append(Text(" " * 12 + " ".join(day[1] for day in days)))
    return Group(*lines)


def trace_tree(roots: Sequence[Node]) -> RenderableType:
    """A trace from the request to the provider. The Redis and SQL calls of each step are counted, not listed."""
    tree = Tree("[bold]one trace[/]", guide_style="dim")
    for root in roots:
        _grow(tree, root)
    return tree


def _grow(branch: Tree, node: Node) -> None:
    span = node.span
    stores = sum(_is_store_call(child.span) for child in node.children)
    label = Text.assemble(
        (span.name, "cyan"), f"  {span.kind}  ", (span.service, "magenta"), f"  {span.seconds * 1000:.1f} ms"
    )
    if stores:
        label.append(f"  (+ {stores} calls to Redis and SQL)", style="dim")
    below = branch.add(label)
    shown = [child for child in node.children if not _is_store_call(child.span)]
    for child in shown[:_MAX_CHILDREN]:
        _grow(below, child)
    if len(shown) > _MAX_CHILDREN:
        below.add(Text(f"… and {len(shown) - _MAX_CHILDREN} more like these", style="dim"))


def _is_store_call(span: Span) -> bool:
    return any(name.startswith("db.") for name in span.attributes)


def figures_table(figures: dict[str, Any]) -> RenderableType:
    """The demo's figures as a table."""
    table = Table(show_header=False, box=None)
    for name, value in figures.items():
        table.add_row(name, str(value))
    return table

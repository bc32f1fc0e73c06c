"""Charts without colours: everything is still readable."""

from datetime import date

from rich.console import Console, RenderableType

from cli.user.charts import Row, bars, columns, strips


def drawn(what: RenderableType, width: int = 80) -> list[str]:
    """The lines on a terminal without colours."""
    console = Console(width=width, no_color=True, color_system=None, highlight=False, force_terminal=False)
    with console.capture() as capture:
        console.print(what)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_bars_are_as_long_as_their_values_and_a_gap_says_why() -> None:
    rows = [Row("Mon", 20.0), Row("Tue", 10.0), Row("Wed", None, "not published yet"), Row("Thu", 0.0)]

    first, second, gap, nothing = drawn(bars(rows, "kWh", 40))

    assert "Mon 20.00 kWh " + "█" * first.count("█") == first
    assert first.count("█") == 2 * second.count("█")
    assert "Wed         · not published yet" == gap
    assert "Thu  0.00 kWh" == nothing


def test_bars_fit_the_width() -> None:
    rows = [Row("Mon 2026-11-02", 20.0, "at 19:30"), Row("Tue 2026-11-03", 10.0, "at 07:10")]

    for width in (50, 80, 200):
        assert max(map(len, drawn(bars(rows, "kVA", width), width))) <= width
        assert 2 == len(drawn(bars(rows, "kVA", width), width))


def test_a_day_is_drawn_as_columns_with_a_scale_the_hours_and_its_gaps() -> None:
    cells: list[float | None] = [1.0] * 48
    cells[10:12] = [2.0, None]

    lines = drawn(columns(cells, "kW"))

    # Half as high as the highest, everywhere else.
    assert "   2.00 ┤          █" == lines[0]
    assert "   1.00 ┤" + "█" * 11 + " " + "█" * 36 == lines[4]
    assert "        │" + "█" * 11 + "·" + "█" * 36 == lines[7]
    assert "     kW └" + "─" * 48 == lines[8]
    assert "         00    03    06    09    12    15    18    21" == lines[9]


def test_days_are_drawn_below_each_other_on_one_scale() -> None:
    days: dict[date, list[float | None]] = {
        date(2026, 10, 24): [0.5] * 48,
        date(2026, 10, 25): [1.0] * 50,
        date(2026, 10, 26): [None] * 48,
    }

    lines = drawn(strips(days, {date(2026, 10, 25): "25 h", date(2026, 10, 26): "not fetched"}))

    assert [
        "               00    03    06    09    12    15    18    21",
        "Sat 2026-10-24 " + "▄" * 48,
        "Sun 2026-10-25 " + "█" * 50 + " 25 h",
        "Mon 2026-10-26 " + "·" * 48 + "   not fetched",
    ] == lines


def test_nothing_but_zeros_is_drawn_as_something_that_was_measured() -> None:
    assert "Sat 2026-10-24 " + "▁" * 24 == drawn(strips({date(2026, 10, 24): [0.0] * 24}, {}))[1]

"""Windows and their names: each determines the other."""

from datetime import date

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.readings.planning import days_of_window, window_name, windows_of
from tests.support.cases import case


def test_the_name_of_a_window_says_its_days() -> None:
    cases: list[tuple[str, str, DayRange | None]] = [
        ("consumption_load_curve", "2026-10-25", DayRange(date(2026, 10, 25), date(2026, 10, 26))),
        ("daily_consumption", "2026-12", DayRange(date(2026, 12, 1), date(2027, 1, 1))),
        ("daily_consumption", "2028-02", DayRange(date(2028, 2, 1), date(2028, 3, 1))),
        ("contract", "current", None),
    ]

    for dataset, name, days in cases:
        with case(dataset, name, days):
            assert days == days_of_window(DATASETS[dataset], name)


def test_every_window_is_known_again_by_its_name() -> None:
    for dataset in [each for each in DATASETS.values() if each.is_series]:
        with case(dataset):
            windows = windows_of(dataset, DayRange(date(2025, 11, 17), date(2026, 4, 2)))

            assert windows == [days_of_window(dataset, window_name(dataset, window.start)) for window in windows]

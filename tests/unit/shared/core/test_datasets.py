"""The catalogue: the eleven datasets, and the consistency of each declaration."""

from dataclasses import FrozenInstanceError

import pytest

from shared.core.datasets import DATASETS, Direction, WindowKind
from shared.readings.encoding import DAY_STEP, step_seconds
from tests.support.cases import case

SERIES = [dataset for dataset in DATASETS.values() if dataset.is_series]


def test_the_catalogue_holds_the_eleven_datasets_under_their_own_names() -> None:
    expected = [
        "daily_consumption",
        "consumption_load_curve",
        "daily_consumption_max_power",
        "daily_production",
        "production_load_curve",
        "consumption_index",
        "production_index",
        "contract",
        "address",
        "identity",
        "contact",
    ]

    assert expected == list(DATASETS)
    assert expected == [dataset.name for dataset in DATASETS.values()]


def test_each_dataset_can_be_asked_for() -> None:
    for dataset in DATASETS.values():
        with case(dataset):
            assert dataset.available


def test_nobody_is_asked_about_unasked_who_they_are_or_where_they_live() -> None:
    assert {"consumption_index", "production_index", "address", "identity", "contact"} == {
        name for name, dataset in DATASETS.items() if not dataset.fetched_unasked
    }


def test_a_series_is_declared_as_enedis_documents_it() -> None:
    cases: list[tuple[str, str, str, WindowKind, int, tuple[int, int], Direction]] = [
        ("daily_consumption", "Wh", "P1D", WindowKind.MONTH, 365, (36, 14), Direction.CONSUMPTION),
        ("consumption_load_curve", "W", "PT30M", WindowKind.DAY, 7, (24, 14), Direction.CONSUMPTION),
        ("daily_consumption_max_power", "VA", "P1D", WindowKind.MONTH, 365, (36, 14), Direction.CONSUMPTION),
        ("daily_production", "Wh", "P1D", WindowKind.MONTH, 365, (36, 14), Direction.PRODUCTION),
        ("production_load_curve", "W", "PT30M", WindowKind.DAY, 7, (24, 14), Direction.PRODUCTION),
        ("consumption_index", "Wh", "P1D", WindowKind.MONTH, 365, (36, 14), Direction.CONSUMPTION),
        ("production_index", "Wh", "P1D", WindowKind.MONTH, 365, (36, 14), Direction.PRODUCTION),
    ]

    for name, unit, step, window, span_days, history, direction in cases:
        with case(name, unit, step, window, span_days, history, direction):
            dataset = DATASETS[name]

            assert (unit, step, window, direction) == (dataset.unit, dataset.step, dataset.window, dataset.direction)
            assert span_days == dataset.span_days
            # Enedis states 15 or 16 days beyond the months; one day less is safe.
            assert history == (dataset.history_months, dataset.history_days)


def test_a_whole_window_of_a_series_fits_into_one_call() -> None:
    for dataset in SERIES:
        with case(dataset):
            longest_window_days = {WindowKind.DAY: 1, WindowKind.MONTH: 31}[dataset.window]

            assert longest_window_days <= dataset.span_days


def test_the_step_of_a_series_is_one_that_can_be_packed() -> None:
    for dataset in SERIES:
        with case(dataset):
            assert dataset.step is not None
            assert DAY_STEP == dataset.step or step_seconds(dataset.step) > 0


def test_a_record_is_one_current_state_without_unit_step_or_direction() -> None:
    for name in ["contract", "address", "identity", "contact"]:
        with case(name):
            record = DATASETS[name]

            assert WindowKind.CURRENT is record.window
            assert (None, None, None) == (record.unit, record.step, record.direction)
            assert not record.is_series


def test_a_dataset_has_a_title_for_people_a_provider_and_some_freshness() -> None:
    for dataset in DATASETS.values():
        with case(dataset):
            assert dataset.title
            assert "enedis" == dataset.provider
            assert dataset.freshness_seconds > 0


def test_a_declaration_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DATASETS["contract"].span_days = 2  # type: ignore[misc]  # the test is that it is refused

"""Every setting is in `.env.example` and in the operations page, and the defaults shown there are the defaults."""

import re
from pathlib import Path

import pytest

from shared.config.settings import Settings, load_settings
from simulator.config import SimulatorSettings

ROOT = Path(__file__).parents[2]
SETTING = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
# Read only by docker-compose.yml.
COMPOSE_ONLY = {"BIND_ADDRESS", "API_PORT", "FLOWER_PORT", "SIMULATOR_PORT", "POSTGRES_PASSWORD"}
REQUIRED = {
    "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
    "REDIS_URL": "unix:///nowhere/valkey.sock",
    "DATABASE_URL": "sqlite+aiosqlite:///nowhere.db",
}


@pytest.fixture
def example() -> dict[str, str]:
    """The settings of `.env.example`, those in comments too."""
    return dict(SETTING.findall((ROOT / ".env.example").read_text(encoding="utf-8")))


def gateway_settings() -> set[str]:
    return {field.alias for field in Settings.model_fields.values() if field.alias}


def simulator_settings() -> set[str]:
    return {f"SIMULATOR_{name.upper()}" for name in SimulatorSettings.model_fields}


def test_example_holds_every_setting_and_no_other(example: dict[str, str]) -> None:
    assert gateway_settings() | simulator_settings() | COMPOSE_ONLY == set(example)


def test_example_sets_nothing_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    assert [] == [line for line in lines if line and not line.startswith("#")]


def test_values_of_the_example_are_the_defaults(example: dict[str, str]) -> None:
    shown = {name: value for name, value in example.items() if name in gateway_settings()}

    assert load_settings(REQUIRED) == load_settings({**shown, **REQUIRED})


def test_example_holds_no_secret(example: dict[str, str]) -> None:
    telling = re.compile(r"SECRET|PASSWORD|_KEY|_URL$")
    urls = {"RELEVE_PUBLIC_URL", "ENEDIS_BASE_URL", "ENEDIS_AUTHORIZE_URL", "RTE_BASE_URL", "RTE_OPEN_DATA_URL"}

    assert {} == {name: value for name, value in example.items() if telling.search(name) and value and name not in urls}


def test_operations_page_explains_every_setting() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("\n## Settings\n")[2].partition("\n## ")[0]
    explained = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", table, re.MULTILINE))

    assert gateway_settings() == explained

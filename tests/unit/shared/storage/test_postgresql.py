"""PostgreSQL URLs as users write them, with the driver that is used here."""

import pytest
from sqlalchemy.engine import make_url

from shared.storage.database import open_engine
from shared.storage.postgresql import with_driver
from tests.support.cases import case


def test_an_address_works_as_it_is_written_for_other_programs() -> None:
    cases: list[tuple[str, str]] = [
        ("postgresql://releve:pw@db/releve", "postgresql+asyncpg://releve:pw@db/releve"),
        ("postgres://releve:pw@db:5433/releve", "postgresql+asyncpg://releve:pw@db:5433/releve"),
        ("postgresql+asyncpg://releve:pw@db/releve", "postgresql+asyncpg://releve:pw@db/releve"),
        ("postgresql://releve@/releve?host=/run/pg", "postgresql+asyncpg://releve@/releve?host=%2Frun%2Fpg"),
        ("postgresql://releve@db/releve?sslmode=require", "postgresql+asyncpg://releve@db/releve?ssl=require"),
        ("sqlite+aiosqlite:///releve.db", "sqlite+aiosqlite:///releve.db"),
    ]

    for written, used in cases:
        with case(written, used):
            assert used == with_driver(make_url(written)).render_as_string(hide_password=False)


async def _drivers(*urls: str) -> list[str]:
    engines = [open_engine(url) for url in urls]
    found = [f"{engine.dialect.name}+{engine.dialect.driver}" for engine in engines]
    for engine in engines:
        await engine.dispose()
    return found


@pytest.mark.anyio
async def test_both_databases_may_be_named_without_a_driver() -> None:
    found = await _drivers("sqlite:///releve.db", "postgresql://releve@db/releve", "postgres://releve@db/releve")

    assert ["sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+asyncpg"] == found

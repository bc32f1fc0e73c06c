"""Settings for tests that never connect to anything."""

import pytest

from shared.config.settings import Settings, load_settings


@pytest.fixture
def offline_settings() -> Settings:
    """Settings whose servers are never connected to."""
    return load_settings(
        {
            "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
            "REDIS_URL": "redis://127.0.0.1:9/0",
            "DATABASE_URL": "sqlite+aiosqlite:///nowhere.db",
        }
    )

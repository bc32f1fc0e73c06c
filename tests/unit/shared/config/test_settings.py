"""Settings: each comes from its variable, secrets also from files, and no message ever shows a value."""

import traceback
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from shared.config.settings import SECRETS, Settings, SettingsError, load_settings, refuse_known_secrets
from tests.support.cases import case

KEY = "synthetic-secret-key-0123456789abcdef"
OLD_KEY = "synthetic-older-key-0123456789abcdef"
ADMIN_KEY = "synthetic-admin-key-0123456789abcdef"
NEEDED = {
    "RELEVE_SECRET_KEY": KEY,
    "REDIS_URL": "redis://:redis-password@127.0.0.1:6379/0",
    "DATABASE_URL": "postgresql+asyncpg://releve:sql-password@127.0.0.1/releve",
}
# Each variable: a text for it, the setting that it sets, and the parsed value.
GIVEN: dict[str, tuple[str, str, Any]] = {
    "RELEVE_SECRET_KEY": (KEY, "secret_key", KEY),
    "RELEVE_PREVIOUS_SECRET_KEYS": (f"{OLD_KEY}, {KEY},", "previous_secret_keys", (OLD_KEY, KEY)),
    "ADMIN_API_KEY": (ADMIN_KEY, "admin_api_key", ADMIN_KEY),
    "REDIS_URL": (NEEDED["REDIS_URL"], "redis_url", NEEDED["REDIS_URL"]),
    "DATABASE_URL": (NEEDED["DATABASE_URL"], "database_url", NEEDED["DATABASE_URL"]),
    "RELEVE_PUBLIC_URL": ("https://releve.example/", "public_url", "https://releve.example"),
    "RELEVE_DATA_DIR": ("/srv/releve", "data_dir", Path("/srv/releve")),
    "RELEVE_REGISTRATION": ("closed", "registration", "closed"),
    "RELEVE_REGISTRATIONS_PER_HOUR": ("3", "registrations_per_hour", 3),
    "RELEVE_FAILED_LOGINS_PER_MINUTE": ("4", "failed_logins_per_minute", 4),
    "RELEVE_LISTENERS_PER_ACCOUNT": ("3", "listeners_per_account", 3),
    "RELEVE_LISTENERS": ("30", "listeners", 30),
    "RELEVE_WEBHOOK_PRIVATE_TARGETS": ("true", "webhook_private_targets", True),
    "RELEVE_CONSENT_NEEDS_USAGE_POINT": ("true", "consent_needs_usage_point", True),
    "RELEVE_CONSENTS_PER_HOUR": ("7", "consents_per_hour", 7),
    "RELEVE_CONSENT_RETURNS_PER_HOUR": ("8", "consent_returns_per_hour", 8),
    "RELEVE_DORMANT_AFTER_DAYS": ("0", "dormant_after_days", 0),
    "RELEVE_FETCH_QUOTA": ("5", "fetch_quota", 5),
    "RELEVE_READ_QUOTA": ("6", "read_quota", 6),
    "RELEVE_TRUSTED_PROXIES": ("10.0.0.0/8", "trusted_proxies", "10.0.0.0/8"),
    "RELEVE_MAX_BODY_BYTES": ("2048", "max_body_bytes", 2048),
    "RELEVE_LOG_LEVEL": ("debug", "log_level", "debug"),
    "RELEVE_REFRESH_AT": ("09:15", "refresh_at", time(9, 15)),
    "RELEVE_REFRESH_JITTER_MINUTES": ("0", "refresh_jitter_minutes", 0),
    "RELEVE_JOB_RETENTION_DAYS": ("30", "job_retention_days", 30),
    "RELEVE_READINGS_RETENTION_DAYS": ("0", "readings_retention_days", 0),
    "RELEVE_AUDIT_RETENTION_DAYS": ("400", "audit_retention_days", 400),
    "RELEVE_CALL_LEASE_SECONDS": ("2.5", "call_lease_seconds", 2.5),
    "RELEVE_QUEUED_LEASE_SECONDS": ("40", "queued_lease_seconds", 40.0),
    "RELEVE_SWEEP_SECONDS": ("0.5", "sweep_seconds", 0.5),
    "RELEVE_CALL_ATTEMPTS": ("3", "call_attempts", 3),
    "RELEVE_CALLS_IN_FLIGHT": ("8", "calls_in_flight", 8),
    "RELEVE_QUEUE_DEPTH": ("64", "queue_depth", 64),
    "ENEDIS_API": ("auto", "enedis_api", "auto"),
    "ENEDIS_BASE_URL": ("https://enedis.example/", "enedis_base_url", "https://enedis.example"),
    "ENEDIS_AUTHORIZE_URL": ("https://enedis.example/go", "enedis_authorize_url", "https://enedis.example/go"),
    "ENEDIS_CLIENT_ID": ("synthetic-client", "enedis_client_id", "synthetic-client"),
    "ENEDIS_CLIENT_SECRET": ("synthetic-client-secret", "enedis_client_secret", "synthetic-client-secret"),
    "ENEDIS_CONSENT_DURATION": ("P12M", "enedis_consent_duration", "P12M"),
    "ENEDIS_PER_SECOND": ("4", "enedis_per_second", 4),
    "ENEDIS_PER_HOUR": ("10000", "enedis_per_hour", 10_000),
    "ENEDIS_PER_HOUR_V5": ("5000", "enedis_per_hour_v5", 5000),
    "ENEDIS_SLOT_MARGIN_SECONDS": ("0.02", "enedis_slot_margin_seconds", 0.02),
    "ENEDIS_FAILURES_BEFORE_PAUSE": ("3", "enedis_failures_before_pause", 3),
    "ENEDIS_TIMEOUT_SECONDS": ("12.5", "enedis_timeout_seconds", 12.5),
    "RTE_BASE_URL": ("https://rte.example/", "rte_base_url", "https://rte.example"),
    "RTE_CLIENT_ID": ("synthetic-client", "rte_client_id", "synthetic-client"),
    "RTE_CLIENT_SECRET": ("synthetic-client-secret", "rte_client_secret", "synthetic-client-secret"),
    "RTE_OPEN_DATA_URL": ("https://odre.example/", "rte_open_data_url", "https://odre.example"),
    "RELEVE_PUBLIC_DATA_SECONDS": ("5", "public_data_seconds", 5.0),
    "RELEVE_COMPAT_WAIT_SECONDS": ("2.5", "compat_wait_seconds", 2.5),
    "RELEVE_INTERACTIVE_SHARE": ("0.25", "interactive_share", 0.25),
    "FLOWER_USER": ("operator", "flower_user", "operator"),
    "FLOWER_PASSWORD": ("synthetic-flower-password", "flower_password", "synthetic-flower-password"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("http://127.0.0.1:4318", "otlp_endpoint", "http://127.0.0.1:4318"),
}
UNUSABLE = {
    "RELEVE_SECRET_KEY": ["synthetic-and-too-short", "s" * 31 + " " * 20],
    "RELEVE_PREVIOUS_SECRET_KEYS": [f"{OLD_KEY},synthetic-and-too-short"],
    "ADMIN_API_KEY": ["synthetic-and-too-short", "s" * 31],
    "RELEVE_REGISTRATION": ["synthetic-sometimes"],
    "RELEVE_LISTENERS_PER_ACCOUNT": ["0", "synthetic-many"],
    "RELEVE_LISTENERS": ["0"],
    "RELEVE_MAX_BODY_BYTES": ["synthetic-many", "100"],
    "RELEVE_LOG_LEVEL": ["synthetic-level"],
    "ENEDIS_API": ["synthetic-generation"],
    "ENEDIS_PER_HOUR_V5": ["0"],
    "RELEVE_REFRESH_AT": ["synthetic-morning", "25:61"],
    "RELEVE_REFRESH_JITTER_MINUTES": ["-1", "181"],
    "RELEVE_JOB_RETENTION_DAYS": ["0", "91"],
    "RELEVE_READINGS_RETENTION_DAYS": ["-1", "36501"],
    "RELEVE_AUDIT_RETENTION_DAYS": ["-1", "synthetic-years"],
    "RELEVE_CALL_LEASE_SECONDS": ["0.1", "601", "nan"],
    "RELEVE_QUEUED_LEASE_SECONDS": ["0.1", "3601"],
    "RELEVE_SWEEP_SECONDS": ["0", "61"],
    "RELEVE_CALL_ATTEMPTS": ["0", "21"],
    "RELEVE_CALLS_IN_FLIGHT": ["0", "51", "4.5"],
    "RELEVE_QUEUE_DEPTH": ["0", "10001", "many"],
    "ENEDIS_CONSENT_DURATION": ["synthetic-years", "P1W", "P3Y6M", "P0D", "P4Y", "P37M", "P1097D"],
    "ENEDIS_PER_SECOND": ["0"],
    "ENEDIS_PER_HOUR": ["-5"],
    "ENEDIS_SLOT_MARGIN_SECONDS": ["-0.001", "0.6"],
    "ENEDIS_FAILURES_BEFORE_PAUSE": ["0", "many"],
    "RELEVE_PUBLIC_DATA_SECONDS": ["0", "3601"],
    "RELEVE_COMPAT_WAIT_SECONDS": ["-1", "61"],
    "ENEDIS_TIMEOUT_SECONDS": ["0", "121", "inf"],
    "RELEVE_INTERACTIVE_SHARE": ["-0.1", "0.95"],
}


def shown(value: Any) -> Any:
    """A setting with its secrets revealed, for comparison."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return tuple(shown(each) for each in value) if isinstance(value, tuple) else value


def test_the_table_of_this_test_knows_every_setting() -> None:
    assert {field.alias for field in Settings.model_fields.values()} == set(GIVEN)


def test_a_setting_comes_from_its_variable() -> None:
    for name, (text, field, expected) in GIVEN.items():
        with case(name):
            settings = load_settings({**NEEDED, name: text})

            assert expected == shown(getattr(settings, field))


@pytest.mark.parametrize("name", [name for name in SECRETS if name in GIVEN])
def test_a_secret_comes_from_a_file_whose_last_line_ends(name: str, tmp_path: Path) -> None:
    text, field, expected = GIVEN[name]
    path = tmp_path / "secret"
    path.write_text(f"{text}\n")

    settings = load_settings({**NEEDED, f"{name}_FILE": str(path)})

    assert expected == shown(getattr(settings, field))


def test_every_setting_that_hides_its_value_may_come_from_a_file() -> None:
    hidden = {field.alias for field in Settings.model_fields.values() if "SecretStr" in str(field.annotation)}

    assert hidden == set(SECRETS)


def test_a_file_wins_over_the_variable_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(OLD_KEY)

    settings = load_settings({**NEEDED, "RELEVE_SECRET_KEY_FILE": str(tmp_path / "secret")})

    assert OLD_KEY == settings.secret_key.get_secret_value()


@pytest.mark.parametrize("content", [b"\xff\xfe synthetic bytes that are no text \xff", None])
def test_a_file_that_can_not_be_read_is_named_and_not_shown(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match="RELEVE_SECRET_KEY_FILE can't be read") as refusal:
        load_settings({**NEEDED, "RELEVE_SECRET_KEY_FILE": str(path)})

    assert "synthetic" not in "".join(traceback.format_exception(refusal.value))


def test_a_needed_setting_that_is_missing_or_empty_is_named() -> None:
    for name in NEEDED:
        with case(name):
            without = {key: value for key, value in NEEDED.items() if key != name}

            with pytest.raises(SettingsError, match=name):
                load_settings(without)
            with pytest.raises(SettingsError, match=name):
                load_settings({**without, name: ""})


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load_settings(NEEDED) == load_settings({**NEEDED, **{name: "" for name in GIVEN if name not in NEEDED}})


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({"RELEVE_REGISTRATION": "synthetic", "ENEDIS_PER_HOUR": "synthetic"})

    for name in ("RELEVE_REGISTRATION", "ENEDIS_PER_HOUR", *NEEDED):
        assert name in str(refusal.value)


def test_an_unusable_value_is_named_and_not_shown() -> None:
    for name, value in [(name, value) for name, texts in UNUSABLE.items() for value in texts]:
        with case(name, value):
            with pytest.raises(SettingsError, match=name) as refusal:
                load_settings({**NEEDED, name: value})

            everything = "".join(traceback.format_exception(refusal.value))
            assert "synthetic" not in everything
            assert KEY not in everything


def test_not_even_the_validation_that_lies_beneath_shows_a_value() -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate({**NEEDED, "ENEDIS_PER_HOUR": "synthetic-many"})

    assert "synthetic" not in str(refusal.value)


def test_a_consent_may_last_three_years_however_they_are_counted() -> None:
    for duration in ["P3Y", "P1Y", "P36M", "P1095D", "P1096D", "P90D"]:
        with case(duration):
            assert duration == load_settings({**NEEDED, "ENEDIS_CONSENT_DURATION": duration}).enedis_consent_duration


def test_a_secret_key_is_the_same_from_a_variable_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{KEY}\n")

    from_file = load_settings({**NEEDED, "RELEVE_SECRET_KEY_FILE": str(tmp_path / "secret")})

    assert from_file == load_settings({**NEEDED, "RELEVE_SECRET_KEY": f" {KEY}\n"})


def test_settings_are_frozen() -> None:
    settings = load_settings(NEEDED)

    with pytest.raises(ValidationError):
        settings.registration = "closed"  # type: ignore[misc]  # the test is that it is refused


def test_settings_show_no_secret() -> None:
    settings = load_settings({**NEEDED, **{name: GIVEN[name][0] for name in SECRETS if name in GIVEN}})

    for text in (repr(settings), str(settings), settings.model_dump_json()):
        for secret in (KEY, OLD_KEY, "redis-password", "sql-password", "client-secret", "flower-password"):
            assert secret not in text


def test_there_is_no_secret_by_default() -> None:
    settings = load_settings(NEEDED)

    assert ((), "", "") == (
        settings.previous_secret_keys,
        settings.enedis_client_secret.get_secret_value(),
        settings.flower_password.get_secret_value(),
    )


def test_each_setting_says_what_it_is_for() -> None:
    assert [] == [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]


def test_the_process_environment_is_read_when_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*GIVEN, *(f"{name}_FILE" for name in SECRETS)):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**NEEDED, "FLOWER_USER": "operator", "SOMETHING_ELSE": "1"}.items():
        monkeypatch.setenv(name, value)

    assert load_settings({**NEEDED, "FLOWER_USER": "operator"}) == load_settings()


def test_the_provider_sends_people_back_below_the_public_address() -> None:
    settings = load_settings({**NEEDED, "RELEVE_PUBLIC_URL": "https://releve.example/gate/"})

    assert "https://releve.example/gate/oauth/callback" == settings.callback_url


RANDOM = "6f1d0c5b9a7e4823f0b6d2a1c98e7f35"
ANOTHER = "b7c2e94a0f6d1835d29e7ab04c81f63e"


def test_nothing_is_served_with_a_secret_that_others_may_know() -> None:
    cases: list[tuple[str, str]] = [
        ("RELEVE_SECRET_KEY", KEY),
        ("RELEVE_SECRET_KEY", "change-me-change-me-change-me-change-me"),
        ("RELEVE_SECRET_KEY", "a" * 64),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("FLOWER_PASSWORD", "synthetic-flower-password"),
        ("FLOWER_PASSWORD", "short"),
        ("ADMIN_API_KEY", RANDOM),
        ("FLOWER_PASSWORD", RANDOM),
    ]

    for name, value in cases:
        with case(name, value):
            settings = load_settings({**NEEDED, "RELEVE_SECRET_KEY": RANDOM, name: value})

            with pytest.raises(SettingsError, match=name) as refusal:
                refuse_known_secrets(settings)

            assert value not in str(refusal.value)


def test_the_admin_key_is_not_flowers_password() -> None:
    given = {"RELEVE_SECRET_KEY": RANDOM, "ADMIN_API_KEY": ANOTHER, "FLOWER_PASSWORD": ANOTHER}

    with pytest.raises(SettingsError, match="ADMIN_API_KEY"):
        refuse_known_secrets(load_settings({**NEEDED, **given}))


def test_random_secrets_are_served_with_and_what_was_in_use_stays_readable() -> None:
    given = {"RELEVE_SECRET_KEY": RANDOM, "ADMIN_API_KEY": ANOTHER, "RELEVE_PREVIOUS_SECRET_KEYS": OLD_KEY}

    refuse_known_secrets(load_settings({**NEEDED, **given}))
    refuse_known_secrets(load_settings({**NEEDED, "RELEVE_SECRET_KEY": RANDOM}))

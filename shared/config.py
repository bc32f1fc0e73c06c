"""The settings of Relève: read once from the environment, frozen, passed in. The sole reader of the environment.

Any secret may also come from a file: ``RELEVE_SECRET_KEY_FILE=/run/secrets/key`` in place of ``RELEVE_SECRET_KEY=…``.
"""

import os
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

SECRETS = (
    "RELEVE_SECRET_KEY",
    "RELEVE_PREVIOUS_SECRET_KEYS",
    "ADMIN_API_KEY",
    "ENEDIS_CLIENT_SECRET",
    "REDIS_URL",
    "DATABASE_URL",
    "FLOWER_PASSWORD",
)

_ServerKey = Annotated[SecretStr, Field(min_length=32)]
_Url = Annotated[str, AfterValidator(lambda value: value.rstrip("/"))]


class SettingsError(Exception):
    """The environment does not hold usable settings; the message names each setting, never its value."""


class Settings(BaseModel):
    """Everything that can be set. Each name in capitals is an environment variable."""

    # Blanks at the ends go, so that a key is the same from a variable and from a file.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    secret_key: _ServerKey = Field(
        alias="RELEVE_SECRET_KEY",
        description="Encrypts what workers need unattended and takes part in every seal; at least 32 characters.",
    )
    previous_secret_keys: tuple[_ServerKey, ...] = Field(
        default=(),
        alias="RELEVE_PREVIOUS_SECRET_KEYS",
        description="Earlier secret keys, separated by commas: still open what they closed.",
    )
    redis_url: SecretStr = Field(
        alias="REDIS_URL", description="Redis or Valkey: redis://, rediss:// or unix:///path?db=0."
    )
    database_url: SecretStr = Field(
        alias="DATABASE_URL", description="SQLite (sqlite+aiosqlite:///path) or PostgreSQL (postgresql+asyncpg://…)."
    )
    public_url: _Url = Field(
        default="http://127.0.0.1:8000",
        alias="RELEVE_PUBLIC_URL",
        description="Where people and providers reach this gateway.",
    )
    data_dir: Path = Field(
        default=Path("var"), alias="RELEVE_DATA_DIR", description="Where a process may keep small files of its own."
    )
    registration: Literal["open", "closed"] = Field(
        default="open", alias="RELEVE_REGISTRATION", description="Whether strangers may create accounts."
    )
    max_body_bytes: int = Field(
        default=65_536,
        ge=1024,
        alias="RELEVE_MAX_BODY_BYTES",
        description="The largest request body that is read, in bytes.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", alias="RELEVE_LOG_LEVEL", description="The least important log lines that are kept."
    )
    refresh_at: time = Field(
        default=time(8, 30),
        alias="RELEVE_REFRESH_AT",
        description="When the nightly refresh starts, Europe/Paris; Enedis publishes from about 08:00.",
    )
    job_retention_days: int = Field(
        default=7, ge=1, le=90, alias="RELEVE_JOB_RETENTION_DAYS", description="How long an ended job can be looked at."
    )
    call_lease_seconds: float = Field(
        default=12.0,
        ge=1,
        le=600,
        alias="RELEVE_CALL_LEASE_SECONDS",
        description="How long a call may stay without a sign of life before it is enqueued again.",
    )
    queued_lease_seconds: float = Field(
        default=20.0,
        ge=1,
        le=3600,
        alias="RELEVE_QUEUED_LEASE_SECONDS",
        description="How long a call may wait in the queue before it is enqueued again.",
    )
    sweep_seconds: float = Field(
        default=2.0,
        ge=0.2,
        le=60,
        alias="RELEVE_SWEEP_SECONDS",
        description="How often calls without a sign of life are looked for.",
    )
    call_attempts: int = Field(
        default=5, ge=1, le=20, alias="RELEVE_CALL_ATTEMPTS", description="How often a call is tried before it is dead."
    )
    calls_in_flight: int = Field(
        default=4, ge=1, le=50, alias="RELEVE_CALLS_IN_FLIGHT", description="How many calls a job keeps in the queue."
    )
    enedis_api: Literal["2026", "v5", "auto"] = Field(
        default="2026",
        alias="ENEDIS_API",
        description="Which of Enedis's APIs are asked; auto: those of 2026, and v5 where those are not there.",
    )
    enedis_base_url: _Url = Field(
        default="https://gw.ext.prod.api.enedis.fr", alias="ENEDIS_BASE_URL", description="Enedis's API gateway."
    )
    enedis_authorize_url: _Url = Field(
        default="https://mon-compte-particulier.enedis.fr/dataconnect/v2/oauth2/authorize",
        alias="ENEDIS_AUTHORIZE_URL",
        description="Enedis's consent page.",
    )
    enedis_client_id: str = Field(default="", alias="ENEDIS_CLIENT_ID", description="The application's id at Enedis.")
    enedis_client_secret: SecretStr = Field(
        default=SecretStr(""), alias="ENEDIS_CLIENT_SECRET", description="The application's secret at Enedis."
    )
    enedis_consent_duration: str = Field(
        default="P3Y",
        pattern=r"^P([1-3]Y|([1-9]|[12]\d|3[0-6])M|([1-9]\d{0,2}|10[0-8]\d|109[0-6])D)$",
        alias="ENEDIS_CONSENT_DURATION",
        description="How long a consent is asked for (ISO 8601, at most three years).",
    )
    enedis_per_second: int = Field(
        default=5, ge=1, alias="ENEDIS_PER_SECOND", description="Calls a second that Enedis allows per API."
    )
    enedis_per_hour: int = Field(
        default=1000, ge=1, alias="ENEDIS_PER_HOUR", description="Calls an hour that Enedis allows per API."
    )
    enedis_per_hour_v5: int = Field(
        default=10_000,
        ge=1,
        alias="ENEDIS_PER_HOUR_V5",
        description="Calls an hour that Enedis allows to all APIs of v5 together.",
    )
    enedis_timeout_seconds: float = Field(
        default=30.0, gt=0, le=120, alias="ENEDIS_TIMEOUT_SECONDS", description="The longest wait for one answer."
    )
    interactive_share: float = Field(
        default=0.15,
        ge=0,
        le=0.9,
        alias="RELEVE_INTERACTIVE_SHARE",
        description="The share of a provider's hourly quota kept for people who wait.",
    )
    flower_user: str = Field(default="admin", alias="FLOWER_USER", description="The login of Flower.")
    flower_password: SecretStr = Field(
        default=SecretStr(""), alias="FLOWER_PASSWORD", description="Flower's password; Flower does not start without."
    )
    otlp_endpoint: str = Field(
        default="",
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Where traces go (OTLP over HTTP); nothing is traced without. Other OTEL_* variables apply too.",
    )

    @property
    def consent_page(self) -> Literal["v1", "v2"]:
        """The generation of the consent page, by the path that it has at Enedis; v1 sends usage points back."""
        return "v1" if "/dataconnect/v1/" in urlsplit(self.enedis_authorize_url).path else "v2"

    @property
    def callback_url(self) -> str:
        """Where the provider sends a person back to: the redirect URI to register at Enedis."""
        return f"{self.public_url}/oauth/callback"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's own by default). Raises `SettingsError`."""
    source = dict(os.environ if environ is None else environ)
    for name in SECRETS:
        path = source.get(f"{name}_FILE")
        if path:
            try:
                source[name] = Path(path).read_text("utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{name}_FILE can't be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise SettingsError(f"{name}_FILE can't be read: it is not text") from None
    values: dict[str, object] = {
        field.alias: source[field.alias]
        for field in Settings.model_fields.values()
        if field.alias and source.get(field.alias)
    }
    previous = values.get("RELEVE_PREVIOUS_SECRET_KEYS")
    if isinstance(previous, str):
        values["RELEVE_PREVIOUS_SECRET_KEYS"] = tuple(part.strip() for part in previous.split(",") if part.strip())
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"the settings are not usable: {problems}") from None

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

from shared.config.weak_secrets import is_guessable

SECRETS = (
    "RELEVE_SECRET_KEY",
    "RELEVE_PREVIOUS_SECRET_KEYS",
    "ADMIN_API_KEY",
    "ENEDIS_CLIENT_SECRET",
    "RTE_CLIENT_SECRET",
    "REDIS_URL",
    "DATABASE_URL",
    "FLOWER_PASSWORD",
)

_LEAST_CHARACTERS = 32
_ServerKey = Annotated[SecretStr, Field(min_length=_LEAST_CHARACTERS)]
_Url = Annotated[str, AfterValidator(lambda value: value.rstrip("/"))]


def _long_or_empty(secret: SecretStr) -> SecretStr:
    if 0 < len(secret) < _LEAST_CHARACTERS:
        raise ValueError(f"it has at least {_LEAST_CHARACTERS} characters, or is left out")
    return secret


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
    admin_api_key: Annotated[SecretStr, AfterValidator(_long_or_empty)] = Field(
        default=SecretStr(""),
        alias="ADMIN_API_KEY",
        description="Opens /v1/admin, no reading; at least 32 characters. Without it there is no /v1/admin.",
    )
    redis_url: SecretStr = Field(
        alias="REDIS_URL", description="Redis or Valkey: redis://, rediss:// or unix:///path?db=0."
    )
    database_url: SecretStr = Field(
        alias="DATABASE_URL",
        description="SQLite (sqlite:///path) or PostgreSQL (postgresql://user:password@host/name).",
    )
    public_url: _Url = Field(
        default="http://127.0.0.1:8000",
        alias="RELEVE_PUBLIC_URL",
        description="Where people and providers reach this gateway.",
    )
    data_dir: Path = Field(
        default=Path("var"), alias="RELEVE_DATA_DIR", description="Where a process may keep small files of its own."
    )
    registration: Literal["open", "invite", "closed"] = Field(
        default="open",
        alias="RELEVE_REGISTRATION",
        description="Who may create accounts: anybody (open), who has an invitation (invite), nobody (closed).",
    )
    registrations_per_hour: int = Field(
        default=20,
        ge=1,
        alias="RELEVE_REGISTRATIONS_PER_HOUR",
        description="Accounts that one address of the internet may create in an hour.",
    )
    failed_logins_per_minute: int = Field(
        default=20,
        ge=1,
        alias="RELEVE_FAILED_LOGINS_PER_MINUTE",
        description="Wrong API keys that one address may show in a minute; a right one always lets in.",
    )
    fetch_quota: int = Field(
        default=50,
        ge=0,
        alias="RELEVE_FETCH_QUOTA",
        description="Requests a day with which an account may have something fetched; one may be for two years.",
    )
    read_quota: int = Field(
        default=1000,
        ge=0,
        alias="RELEVE_READ_QUOTA",
        description="Requests a day that an account may have served from what is stored.",
    )
    listeners_per_account: int = Field(
        default=20,
        ge=1,
        le=10_000,
        alias="RELEVE_LISTENERS_PER_ACCOUNT",
        description="Streams of events that one account may have open at one process of the API.",
    )
    listeners: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        alias="RELEVE_LISTENERS",
        description="Streams of events that one process of the API serves.",
    )
    webhook_private_targets: bool = Field(
        default=False,
        alias="RELEVE_WEBHOOK_PRIVATE_TARGETS",
        description="Whether webhooks may go to private addresses, by plain http and to any port (true or false).",
    )
    consent_needs_usage_point: bool = Field(
        default=False,
        alias="RELEVE_CONSENT_NEEDS_USAGE_POINT",
        description="Whether the usage point has to be named when a consent is asked for (true or false).",
    )
    consents_per_hour: int = Field(
        default=10,
        ge=1,
        alias="RELEVE_CONSENTS_PER_HOUR",
        description="Consents that one account may ask for in an hour without getting them.",
    )
    consent_returns_per_hour: int = Field(
        default=60,
        ge=1,
        alias="RELEVE_CONSENT_RETURNS_PER_HOUR",
        description="Returns from the consent page, and links that are refused, that one address may bring in an hour.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        alias="RELEVE_TRUSTED_PROXIES",
        description="Addresses or networks, separated by commas, whose X-Forwarded-For is believed.",
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
    refresh_jitter_minutes: int = Field(
        default=15,
        ge=0,
        le=180,
        alias="RELEVE_REFRESH_JITTER_MINUTES",
        description="The refresh starts up to so many minutes later, each gateway at a time of its own.",
    )
    dormant_after_days: int = Field(
        default=30,
        ge=0,
        alias="RELEVE_DORMANT_AFTER_DAYS",
        description="A usage point that nobody has read for so long is refreshed once a week; 0: every day.",
    )
    job_retention_days: int = Field(
        default=7, ge=1, le=90, alias="RELEVE_JOB_RETENTION_DAYS", description="How long an ended job can be looked at."
    )
    readings_retention_days: int = Field(
        default=1825,
        ge=0,
        le=36_500,
        alias="RELEVE_READINGS_RETENTION_DAYS",
        description="How long readings are kept after their day, and a record after it was fetched; 0: for ever.",
    )
    audit_retention_days: int = Field(
        default=1095,
        ge=0,
        le=36_500,
        alias="RELEVE_AUDIT_RETENTION_DAYS",
        description="How long an audit event is kept; 0: for ever.",
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
        default=4,
        ge=1,
        le=50,
        alias="RELEVE_CALLS_IN_FLIGHT",
        description="How many calls of an account are in the queue or being worked on at a time, in each lane.",
    )
    queue_depth: int = Field(
        default=32,
        ge=1,
        le=10_000,
        alias="RELEVE_QUEUE_DEPTH",
        description="How many calls of everybody are, in each lane; the others wait their turn outside of the queue.",
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
    enedis_slot_margin_seconds: float = Field(
        default=0.005,
        ge=0,
        le=0.5,
        alias="ENEDIS_SLOT_MARGIN_SECONDS",
        description="Kept beyond each second, because no two ways to Enedis take equally long.",
    )
    enedis_failures_before_pause: int = Field(
        default=10,
        ge=1,
        alias="ENEDIS_FAILURES_BEFORE_PAUSE",
        description="After so many calls in a row without an answer, one of Enedis's APIs is left alone for a while.",
    )
    enedis_timeout_seconds: float = Field(
        default=30.0, gt=0, le=120, alias="ENEDIS_TIMEOUT_SECONDS", description="The longest wait for one answer."
    )
    rte_base_url: _Url = Field(
        default="https://digital.iservices.rte-france.com", alias="RTE_BASE_URL", description="RTE's API gateway."
    )
    rte_client_id: str = Field(
        default="",
        alias="RTE_CLIENT_ID",
        description="The application's id at RTE; without it there is no Tempo and no EcoWatt.",
    )
    rte_client_secret: SecretStr = Field(
        default=SecretStr(""), alias="RTE_CLIENT_SECRET", description="The application's secret at RTE."
    )
    rte_open_data_url: _Url = Field(
        default="https://odre.opendatasoft.com",
        alias="RTE_OPEN_DATA_URL",
        description="Where RTE publishes the past days of EcoWatt.",
    )
    public_data_seconds: float = Field(
        default=60.0,
        ge=0.2,
        le=3600,
        alias="RELEVE_PUBLIC_DATA_SECONDS",
        description="How often it is looked whether RTE has to be asked; RTE's own pauses are kept all the same.",
    )
    compat_wait_seconds: float = Field(
        default=25.0,
        ge=0,
        le=60,
        alias="RELEVE_COMPAT_WAIT_SECONDS",
        description="How long the routes of other gateways wait for data that has to be fetched.",
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


def refuse_known_secrets(settings: Settings) -> None:
    """Before anything is served: a secret that others may know is none. Raises `SettingsError`.

    What `releve up` and the demo make by themselves passes; what stands in examples, in this documentation or in tests
    does not, nor does one secret in two places.
    """
    secret_keys = (settings.secret_key, *settings.previous_secret_keys)
    given = {
        "RELEVE_SECRET_KEY": [settings.secret_key],
        "RELEVE_PREVIOUS_SECRET_KEYS": settings.previous_secret_keys,
        "ADMIN_API_KEY": [settings.admin_api_key],
        "FLOWER_PASSWORD": [settings.flower_password],
    }
    values = {name: [each.get_secret_value() for each in secrets if each] for name, secrets in given.items()}
    problems = [
        f"{name}: it can be guessed, or is an example; make one with: openssl rand -hex 32"
        for name, secrets in values.items()
        # What was in use stays readable, however it was made.
        if name != "RELEVE_PREVIOUS_SECRET_KEYS" and any(map(is_guessable, secrets))
    ]
    known = {each.get_secret_value() for each in secret_keys}
    problems += [
        f"{name}: it is the secret key, and has to be another secret"
        for name in ("ADMIN_API_KEY", "FLOWER_PASSWORD")
        if not known.isdisjoint(values[name])
    ]
    if values["ADMIN_API_KEY"] and values["ADMIN_API_KEY"] == values["FLOWER_PASSWORD"]:
        problems.append("ADMIN_API_KEY: it is Flower's password, and has to be another secret")
    if problems:
        raise SettingsError(f"the settings are not usable: {'; '.join(problems)}")

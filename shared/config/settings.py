"""The settings of Relève: read once from the environment, immutable, passed in. The only reader of the environment.

Any secret may also be read from a file: ``RELEVE_SECRET_KEY_FILE=/run/secrets/key`` instead of ``RELEVE_SECRET_KEY=…``.
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
        raise ValueError(f"it must have at least {_LEAST_CHARACTERS} characters, or be unset")
    return secret


class SettingsError(Exception):
    """The environment does not contain valid settings; the message names each setting, never its value."""


class Settings(BaseModel):
    """All settings. The alias of each field is an environment variable."""

    # Surrounding whitespace is stripped, so that a key is the same from a variable and from a file.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    secret_key: _ServerKey = Field(
        alias="RELEVE_SECRET_KEY",
        description="Encrypts data that workers need unattended, and authenticates readings; at least 32 characters.",
    )
    previous_secret_keys: tuple[_ServerKey, ...] = Field(
        default=(),
        alias="RELEVE_PREVIOUS_SECRET_KEYS",
        description="Earlier secret keys, separated by commas; used only for decryption and verification.",
    )
    admin_api_key: Annotated[SecretStr, AfterValidator(_long_or_empty)] = Field(
        default=SecretStr(""),
        alias="ADMIN_API_KEY",
        description="Key for /v1/admin, without access to readings; at least 32 characters. Unset: no /v1/admin.",
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
        description="The public base URL of this gateway, for people and providers.",
    )
    data_dir: Path = Field(
        default=Path("var"), alias="RELEVE_DATA_DIR", description="The directory for small local files of a process."
    )
    registration: Literal["open", "invite", "closed"] = Field(
        default="open",
        alias="RELEVE_REGISTRATION",
        description="Who may create accounts: everyone (open), holders of an invitation (invite), no one (closed).",
    )
    registrations_per_hour: int = Field(
        default=20,
        ge=1,
        alias="RELEVE_REGISTRATIONS_PER_HOUR",
        description="The maximum number of accounts created per hour from one IP address.",
    )
    failed_logins_per_minute: int = Field(
        default=20,
        ge=1,
        alias="RELEVE_FAILED_LOGINS_PER_MINUTE",
        description="The maximum number of invalid API keys per minute and IP address; valid keys are always accepted.",
    )
    fetch_quota: int = Field(
        default=50,
        ge=0,
        alias="RELEVE_FETCH_QUOTA",
        description="The maximum number of fetch requests per account and day; one request may span two years.",
    )
    read_quota: int = Field(
        default=1000,
        ge=0,
        alias="RELEVE_READ_QUOTA",
        description="The maximum number of reads of stored data per account and day.",
    )
    listeners_per_account: int = Field(
        default=20,
        ge=1,
        le=10_000,
        alias="RELEVE_LISTENERS_PER_ACCOUNT",
        description="The maximum number of event streams per account in one API process.",
    )
    listeners: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        alias="RELEVE_LISTENERS",
        description="The maximum number of event streams in one API process.",
    )
    webhook_private_targets: bool = Field(
        default=False,
        alias="RELEVE_WEBHOOK_PRIVATE_TARGETS",
        description="Whether webhooks may target private addresses, plain http and any port (true or false).",
    )
    consent_needs_usage_point: bool = Field(
        default=False,
        alias="RELEVE_CONSENT_NEEDS_USAGE_POINT",
        description="Whether a consent request must name the usage point (true or false).",
    )
    consents_per_hour: int = Field(
        default=10,
        ge=1,
        alias="RELEVE_CONSENTS_PER_HOUR",
        description="The maximum number of consent requests per account and hour that are not granted.",
    )
    consent_returns_per_hour: int = Field(
        default=60,
        ge=1,
        alias="RELEVE_CONSENT_RETURNS_PER_HOUR",
        description="The maximum number of returns from the consent page and refused links per hour and IP address.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        alias="RELEVE_TRUSTED_PROXIES",
        description="Addresses or networks, separated by commas, whose X-Forwarded-For header is trusted.",
    )
    max_body_bytes: int = Field(
        default=65_536,
        ge=1024,
        alias="RELEVE_MAX_BODY_BYTES",
        description="The maximum size of a request body, in bytes.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", alias="RELEVE_LOG_LEVEL", description="The minimum level of log events."
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
        description="The maximum delay of the refresh in minutes; each gateway has its own fixed delay.",
    )
    dormant_after_days: int = Field(
        default=30,
        ge=0,
        alias="RELEVE_DORMANT_AFTER_DAYS",
        description="A usage point not read for this many days is refreshed weekly instead of daily; 0: always daily.",
    )
    job_retention_days: int = Field(
        default=7, ge=1, le=90, alias="RELEVE_JOB_RETENTION_DAYS", description="How many days an ended job is kept."
    )
    readings_retention_days: int = Field(
        default=1825,
        ge=0,
        le=36_500,
        alias="RELEVE_READINGS_RETENTION_DAYS",
        description="How many days readings are kept after their day, and a record after it was fetched; 0: no limit.",
    )
    audit_retention_days: int = Field(
        default=1095,
        ge=0,
        le=36_500,
        alias="RELEVE_AUDIT_RETENTION_DAYS",
        description="How many days an audit event is kept; 0: no limit.",
    )
    call_lease_seconds: float = Field(
        default=12.0,
        ge=1,
        le=600,
        alias="RELEVE_CALL_LEASE_SECONDS",
        description="The lease of a running call; it is enqueued again if its worker does not renew the lease.",
    )
    queued_lease_seconds: float = Field(
        default=20.0,
        ge=1,
        le=3600,
        alias="RELEVE_QUEUED_LEASE_SECONDS",
        description="The lease of a queued call; it is enqueued again if the queue has lost it by then.",
    )
    sweep_seconds: float = Field(
        default=2.0,
        ge=0.2,
        le=60,
        alias="RELEVE_SWEEP_SECONDS",
        description="The interval at which expired leases are searched.",
    )
    call_attempts: int = Field(
        default=5, ge=1, le=20, alias="RELEVE_CALL_ATTEMPTS", description="The maximum number of attempts per call."
    )
    calls_in_flight: int = Field(
        default=4,
        ge=1,
        le=50,
        alias="RELEVE_CALLS_IN_FLIGHT",
        description="The maximum number of queued and running calls per account, in each lane.",
    )
    queue_depth: int = Field(
        default=32,
        ge=1,
        le=10_000,
        alias="RELEVE_QUEUE_DEPTH",
        description="The maximum number of queued and running calls of all accounts, in each lane; the rest waits.",
    )
    enedis_api: Literal["2026", "v5", "auto"] = Field(
        default="2026",
        alias="ENEDIS_API",
        description="The generation of Enedis's APIs; auto: 2026, and v5 where those are not available.",
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
        description="The requested duration of a consent (ISO 8601, at most three years).",
    )
    enedis_per_second: int = Field(
        default=5, ge=1, alias="ENEDIS_PER_SECOND", description="The rate limit of Enedis per API, in calls per second."
    )
    enedis_per_hour: int = Field(
        default=1000, ge=1, alias="ENEDIS_PER_HOUR", description="The rate limit of Enedis per API, in calls per hour."
    )
    enedis_per_hour_v5: int = Field(
        default=10_000,
        ge=1,
        alias="ENEDIS_PER_HOUR_V5",
        description="The rate limit of Enedis for all v5 APIs together, in calls per hour.",
    )
    enedis_slot_margin_seconds: float = Field(
        default=0.005,
        ge=0,
        le=0.5,
        alias="ENEDIS_SLOT_MARGIN_SECONDS",
        description="A margin added to each second, because the network delay to Enedis varies.",
    )
    enedis_failures_before_pause: int = Field(
        default=10,
        ge=1,
        alias="ENEDIS_FAILURES_BEFORE_PAUSE",
        description="The number of consecutive calls without a response after which one of Enedis's APIs is paused.",
    )
    enedis_timeout_seconds: float = Field(
        default=30.0, gt=0, le=120, alias="ENEDIS_TIMEOUT_SECONDS", description="The timeout for one response."
    )
    rte_base_url: _Url = Field(
        default="https://digital.iservices.rte-france.com", alias="RTE_BASE_URL", description="RTE's API gateway."
    )
    rte_client_id: str = Field(
        default="",
        alias="RTE_CLIENT_ID",
        description="The application's id at RTE; without it Tempo and EcoWatt are disabled.",
    )
    rte_client_secret: SecretStr = Field(
        default=SecretStr(""), alias="RTE_CLIENT_SECRET", description="The application's secret at RTE."
    )
    rte_open_data_url: _Url = Field(
        default="https://odre.opendatasoft.com",
        alias="RTE_OPEN_DATA_URL",
        description="The site on which RTE publishes past days of EcoWatt.",
    )
    public_data_seconds: float = Field(
        default=60.0,
        ge=0.2,
        le=3600,
        alias="RELEVE_PUBLIC_DATA_SECONDS",
        description="The interval of checks for due RTE requests; the minimum pauses for RTE apply in addition.",
    )
    compat_wait_seconds: float = Field(
        default=25.0,
        ge=0,
        le=60,
        alias="RELEVE_COMPAT_WAIT_SECONDS",
        description="How long the compatibility routes of other gateways wait for data to be fetched.",
    )
    interactive_share: float = Field(
        default=0.15,
        ge=0,
        le=0.9,
        alias="RELEVE_INTERACTIVE_SHARE",
        description="The share of a provider's hourly quota reserved for interactive requests.",
    )
    flower_user: str = Field(default="admin", alias="FLOWER_USER", description="The user name for Flower.")
    flower_password: SecretStr = Field(
        default=SecretStr(""), alias="FLOWER_PASSWORD", description="The password for Flower, which requires one."
    )
    otlp_endpoint: str = Field(
        default="",
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="The endpoint for traces (OTLP over HTTP); unset: no tracing. Other OTEL_* variables apply too.",
    )

    @property
    def consent_page(self) -> Literal["v1", "v2"]:
        """The generation of the consent page, according to its path at Enedis; v1 returns usage points."""
        return "v1" if "/dataconnect/v1/" in urlsplit(self.enedis_authorize_url).path else "v2"

    @property
    def callback_url(self) -> str:
        """The redirect URI of the consent flow, to be registered at Enedis."""
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
        raise SettingsError(f"the settings are invalid: {problems}") from None


def refuse_known_secrets(settings: Settings) -> None:
    """Reject guessable secrets before anything is served. Raises `SettingsError`.

    Accepts the secrets that `releve up` and the demo generate; rejects those of examples, of this documentation and of
    tests, and the same secret in two settings.
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
        f"{name}: it can be guessed, or is an example; generate one with: openssl rand -hex 32"
        for name, secrets in values.items()
        # Data under earlier secrets stays readable, even if they are weak.
        if name != "RELEVE_PREVIOUS_SECRET_KEYS" and any(map(is_guessable, secrets))
    ]
    known = {each.get_secret_value() for each in secret_keys}
    problems += [
        f"{name}: it equals the secret key, and must be a different secret"
        for name in ("ADMIN_API_KEY", "FLOWER_PASSWORD")
        if not known.isdisjoint(values[name])
    ]
    if values["ADMIN_API_KEY"] and values["ADMIN_API_KEY"] == values["FLOWER_PASSWORD"]:
        problems.append("ADMIN_API_KEY: it equals Flower's password, and must be a different secret")
    if problems:
        raise SettingsError(f"the settings are invalid: {'; '.join(problems)}")

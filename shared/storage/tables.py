"""The SQL tables: the data that must never be lost, for SQLite and PostgreSQL.

A PRM is stored encrypted and as a keyed hash, never in clear; user-defined names are encrypted too; readings are never
stored in SQL.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    true,
)


class Instant(TypeDecorator[datetime]):
    """An aware datetime; SQLite has none, so it is stored and loaded as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Reject a naive datetime: its meaning would depend on the machine."""
        if value is not None and value.tzinfo is None:
            raise ValueError("only aware datetimes are stored")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime for every database."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("created_at", Instant, nullable=False),
    # Encrypted with the server secret, so that write access to SQL alone can't replace the key of future encryption.
    Column("public_key", LargeBinary, nullable=False),
    # Encrypted as well; visible only to the account and the operator.
    Column("email_sealed", LargeBinary),
    Column("suspended_at", Instant),
    # Requests a day; empty: the gateway's settings.
    Column("fetch_quota", Integer),
    Column("read_quota", Integer),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("verifier", String(64), nullable=False, unique=True),
    # Empty for a key without the scope to read, which can't decrypt anything.
    Column("wrapped_private_key", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("name_sealed", LargeBinary),
    Column("scopes", String(40), nullable=False, server_default="read fetch manage"),
    Column("expires_at", Instant),
    # To the hour, to avoid a write with every request.
    Column("last_used_at", Instant),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

audit_events = Table(
    "audit_events",
    metadata,
    # A chain is an account's id, or "admin". It is erased together with its account.
    Column("chain", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(60), nullable=False),
    Column("action", String(40), nullable=False),
    Column("details", JSON, nullable=False),
    # The hash of this event and of the previous link: `shared.storage.audit_log`.
    Column("link", String(80), nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    # Erased here, and still to be erased from Redis, with a second pass for data in flight.
    Column("id", String(40), primary_key=True),
    Column("account_id", String(40), nullable=False),
    Column("usage_point_ids", JSON, nullable=False),
    Column("is_account", Boolean, nullable=False),
    Column("erased_at", Instant, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state_hash", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("state_expires_at", Instant, nullable=False),
    Column("expected_prm_hash", String(64)),
    Column("autorisation_id", BigInteger),
    Column("taken_at", Instant),
    Column("granted_at", Instant),
    Column("expires_on", Date),
    Column("error_code", String(64)),
    # The requested duration, in ISO 8601, and whether the consent page returns usage points (v1).
    Column("duration", String(16)),
    Column("returns_points", Boolean),
    # For a return of v1: the hash that recognises it, and its usage points, encrypted, until they are bound.
    Column("return_hash", String(64)),
    Column("prms_sealed", LargeBinary),
    Column("put_off_until", Instant),
    # A hash of the browser that opened the link; the contract proof provided by the person, encrypted.
    Column("browser_hash", String(64)),
    Column("proof_sealed", LargeBinary),
    # The points of a consent that awaits an administrator's decision, encrypted.
    Column("awaiting_sealed", LargeBinary),
    Column("approved_at", Instant),
    Column("revoked_at", Instant),
    # The last day on which the provider returned data under this consent.
    Column("seen_on", Date),
    # How many days before its end the last warning was sent to its account.
    Column("warned_days", Integer),
    Index(None, "autorisation_id"),
)

usage_points = Table(
    "usage_points",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("consent_id", ForeignKey("consents.id"), nullable=False),
    Column("prm_hash", String(64), nullable=False, index=True),
    Column("prm_sealed", LargeBinary, nullable=False),
    Column("consumption", Boolean, nullable=False),
    Column("production", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Refusals since the last success (`shared.consents.loss_policy`); all empty when there were none.
    Column("first_refused_at", Instant),
    Column("last_refused_at", Instant),
    Column("refused_days", Integer),
    Column("lost_at", Instant),
    # Datasets that the provider does not have for this point, each with the reason and the time of that response.
    Column("unavailable", JSON),
    Column("label_sealed", LargeBinary),
    # Whether the nightly refresh includes this point, and which datasets (empty: all that it starts by itself).
    Column("refresh", Boolean, nullable=False, server_default=true()),
    Column("refresh_datasets", JSON),
    # The last day on which data of the point was read: unread points are refreshed less often.
    Column("read_on", Date),
    UniqueConstraint("account_id", "prm_hash"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    # Incremented with each change, so that copies elsewhere are known to be older.
    Column("version", Integer, nullable=False),
    # Encrypted: a URL is often a secret itself.
    Column("url_sealed", LargeBinary, nullable=False),
    Column("description_sealed", LargeBinary),
    # The subscribed event types; empty: all but the quiet ones.
    Column("events", JSON(none_as_null=True)),
    Column("enabled", Boolean, nullable=False),
    # Why and when the gateway has disabled it.
    Column("disabled_reason", String(40)),
    Column("disabled_at", Instant),
    Column("created_at", Instant, nullable=False),
    # The signing secret. After a rotation the previous secret also signs for a while.
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("previous_secret_sealed", LargeBinary),
    Column("previous_secret_until", Instant),
)

public_days = Table(
    "public_days",
    metadata,
    Column("dataset", String(40), primary_key=True),
    Column("day", Date, primary_key=True),
    # In clear: it is not personal data, and is the same for all accounts.
    Column("document", JSON, nullable=False),
    Column("fetched_at", Instant, nullable=False),
)

public_sources = Table(
    "public_sources",
    metadata,
    Column("dataset", String(40), primary_key=True),
    # The process that sets it sends the request; stored here and not in Redis, so that it survives a restart.
    Column("asked_at", Instant),
    Column("succeeded_at", Instant),
    # Why the last call failed, if it did, and the earliest time of the next call.
    Column("failure", String(60)),
    Column("not_before", Instant),
)

tempo_prices = Table(
    "tempo_prices",
    metadata,
    Column("valid_from", Date, primary_key=True),
    # Six prices in euros per kWh, as decimal strings: blue_hc, blue_hp, white_hc, white_hp, red_hc, red_hp.
    Column("prices", JSON, nullable=False),
    Column("set_at", Instant, nullable=False),
)

"""Where a person is sent for a consent, and how often one address may come back from there."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shared.accounts.rate_limiter import Rate
from shared.config.settings import Settings


def start_url(settings: Settings, state: str) -> str:
    """The link that a person is given: this gateway's own page. In a query, traces and logs mask a state."""
    return f"{settings.public_url}/consent?{urlencode({'state': state})}"


def provider_url(settings: Settings, state: str) -> str:
    """The provider's consent page for one state; what the configured address already asks for is kept."""
    parts = urlsplit(settings.enedis_authorize_url)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("client_id", settings.enedis_client_id),
        ("response_type", "code"),
        ("state", state),
        ("duration", settings.enedis_consent_duration),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def return_rate(settings: Settings) -> Rate:
    """How often one address may come back with a state, or show one that is worth nothing."""
    return Rate(settings.consent_returns_per_hour, timedelta(hours=1))

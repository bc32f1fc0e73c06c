"""The URLs of a consent, and the rate limit of returns from the provider."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shared.accounts.rate_limiter import Rate
from shared.config.settings import Settings


def start_url(settings: Settings, state: str) -> str:
    """The consent link: a page of this gateway. The state is in the query, where traces and logs mask it."""
    return f"{settings.public_url}/consent?{urlencode({'state': state})}"


def provider_url(settings: Settings, state: str) -> str:
    """The provider's consent page for one state; query parameters of the configured URL are kept."""
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
    """The rate limit per address for returns with a state, valid or not."""
    return Rate(settings.consent_returns_per_hour, timedelta(hours=1))

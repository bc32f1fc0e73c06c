"""The use case: check in advance whether this gateway, as configured, can reach Enedis.

It requests one application token and no personal data. A finding never contains a secret, a token or the application's
id: its text can safely be pasted into a support request.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from shared.config.settings import Settings
from shared.core.errors import AppError, ProviderGarbage, ProviderMisconfigured
from workers.providers.enedis.build import enedis_token_fetcher
from workers.upstream.http_client import open_http, send

# Short: an operator waits for the result.
_TIMEOUT_SECONDS = 10.0

# The first path segment of the APIs that the adapters call.
_SERVICES = "subscribed_services"
_MEASURES_2026 = ("mesure_synchrone_auto",)
_RECORDS_2026 = ("situation_contrat_auto", "synth_contrat_auto", "comptage_auto", "donnees_generales_auto")
_MEASURES_V5 = ("metering_data_dc", "metering_data_clc", "metering_data_dcmp", "metering_data_dp", "metering_data_plc")
_RECORDS_V5 = ("customers_upc", "customers_upa", "customers_i", "customers_cd")


class Outcome(StrEnum):
    """The outcome of one finding. Only ``FAILED`` fails the whole check."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked item: the result, and the action to take."""

    name: str
    outcome: Outcome
    detail: str
    action: str = ""


async def check_enedis(settings: Settings) -> list[Finding]:
    """All checks that need no consent, in the order in which problems are best fixed."""
    findings = [_credentials(settings), *_facts(settings)]
    async with open_http(min(_TIMEOUT_SECONDS, settings.enedis_timeout_seconds)) as http:

        async def reach(name: str, setting: str, url: str) -> Finding:
            origin = _origin(url)
            if origin is None:
                return Finding(name, Outcome.FAILED, "is not an http or https address", f"Correct {setting}.")
            try:
                await send(http, http.build_request("GET", f"{origin}/"))
            except ProviderGarbage:
                pass  # Far too long a response, but a response.
            except AppError:
                action = f"Check {setting}, this machine's network, its proxy and its firewall."
                return Finding(name, Outcome.FAILED, f"{origin} does not respond", action)
            return Finding(name, Outcome.OK, f"{origin} responds")

        gateway = await reach("API gateway", "ENEDIS_BASE_URL", settings.enedis_base_url)
        findings.append(gateway)
        if gateway.outcome is Outcome.FAILED or findings[0].outcome is Outcome.FAILED:
            findings.append(Finding("token", Outcome.SKIPPED, "not requested: see above"))
        else:
            try:
                token = await enedis_token_fetcher(settings)(http)
            except AppError as error:
                findings.append(_no_token(error))
            else:
                hours, minutes = divmod(token.lives_seconds // 60, 60)
                findings.append(Finding("token", Outcome.OK, f"obtained; valid for {hours} h {minutes:02d} min"))
                findings.append(_subscriptions(token.value, settings))
        findings.append(await reach("consent page", "ENEDIS_AUTHORIZE_URL", settings.enedis_authorize_url))
    return findings


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether a problem must be fixed before data can be fetched."""
    return any(each.outcome is Outcome.FAILED for each in findings)


def _credentials(settings: Settings) -> Finding:
    values = {
        "ENEDIS_CLIENT_ID": settings.enedis_client_id,
        "ENEDIS_CLIENT_SECRET": settings.enedis_client_secret.get_secret_value(),
    }
    missing = [name for name, value in values.items() if not value]
    if not missing:
        return Finding("credentials", Outcome.OK, "ENEDIS_CLIENT_ID and ENEDIS_CLIENT_SECRET are set")
    action = "Copy them from your application's page on Enedis's DataHub. Without them `releve up` uses a simulator."
    return Finding("credentials", Outcome.FAILED, f"not set: {', '.join(missing)}", action)


def _facts(settings: Settings) -> list[Finding]:
    return [
        Finding(
            "redirect URI",
            Outcome.INFO,
            settings.callback_url,
            "Register exactly this address for your application on DataHub; it follows RELEVE_PUBLIC_URL.",
        ),
        Finding(
            "generation",
            Outcome.INFO,
            f"APIs: {settings.enedis_api} (ENEDIS_API); consent page: {settings.consent_page}",
        ),
    ]


def _no_token(error: AppError) -> Finding:
    if isinstance(error, ProviderMisconfigured):
        action = "Check ENEDIS_CLIENT_ID and ENEDIS_CLIENT_SECRET. Sandbox and production have different ones."
        return Finding("token", Outcome.FAILED, "Enedis does not accept these credentials", action)
    action = "Try again in a few minutes. If it persists, check ENEDIS_BASE_URL."
    return Finding("token", Outcome.FAILED, error.detail, action)


def _subscriptions(token: str, settings: Settings) -> Finding:
    """The APIs that the token lists as subscribed. A hint: Enedis does not document its tokens' content."""
    name = "subscribed APIs"
    subscribed = subscribed_apis(token)
    is_v5 = settings.enedis_api == "v5"
    needed, useful = (_MEASURES_V5, _RECORDS_V5) if is_v5 else (_MEASURES_2026, _RECORDS_2026)
    if settings.consent_page == "v2":
        # The authorisation number is exchanged there, whatever generation serves the measures.
        needed = (_SERVICES, *needed)
    if subscribed is None or not subscribed.intersection(map(_plain, needed + useful)):
        return Finding(name, Outcome.SKIPPED, "not stated in the token; a missing one shows as error 900908 later")
    action = "Subscribe your application to each of them on DataHub."
    missing = [each for each in needed if _plain(each) not in subscribed]
    if missing:
        return Finding(name, Outcome.FAILED, f"missing according to the token: {', '.join(missing)}", action)
    absent = [each for each in useful if _plain(each) not in subscribed]
    if absent:
        return Finding(name, Outcome.INFO, f"measures: all; contract and address lack {', '.join(absent)}", action)
    return Finding(name, Outcome.OK, f"all {len(needed + useful)} required APIs, according to the token")


def subscribed_apis(token: str) -> set[str] | None:
    """The APIs in a token's ``subscribedAPIs``, by name and by path, in lowercase letters and digits only.

    ``None`` when it is not a JWT, or one that lists none. The signature is not verified: the token authenticates no
    request here. Source: the example of Enedis's Swagger, a WSO2 token.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    listed = claims.get("subscribedAPIs") if isinstance(claims, dict) else None
    if not isinstance(listed, list):
        return None
    return {_plain(text) for each in listed for text in _names(each)} - {""}


def _names(api: Any) -> list[str]:
    if not isinstance(api, dict):
        return []
    return [str(api.get("name", "")), str(api.get("context", "")).strip("/").partition("/")[0]]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _origin(url: str) -> str | None:
    """Scheme, host and port of an address; ``None`` when it is not callable."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.:_-]+", parts.hostname or ""):
        return None
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")

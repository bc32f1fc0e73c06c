"""The use case: try, before anybody waits for it, whether this gateway can speak to Enedis as it is set up.

It asks for one application token and for nothing of anybody's. A finding never holds a secret, a token or the
application's id: what it says may be pasted into a question to somebody else.
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

# An operator waits in front of it.
_TIMEOUT_SECONDS = 10.0

# The first part of the paths of what the adapters call.
_SERVICES = "subscribed_services"
_MEASURES_2026 = ("mesure_synchrone_auto",)
_RECORDS_2026 = ("situation_contrat_auto", "synth_contrat_auto", "comptage_auto", "donnees_generales_auto")
_MEASURES_V5 = ("metering_data_dc", "metering_data_clc", "metering_data_dcmp", "metering_data_dp", "metering_data_plc")
_RECORDS_V5 = ("customers_upc", "customers_upa", "customers_i", "customers_cd")


class Outcome(StrEnum):
    """How one finding ended. Only ``FAILED`` makes the whole check fail."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, and what to do about it."""

    name: str
    outcome: Outcome
    detail: str
    action: str = ""


async def check_enedis(settings: Settings) -> list[Finding]:
    """Everything that can be known without anybody's consent, in the order in which it is best mended."""
    findings = [_credentials(settings), *_facts(settings)]
    async with open_http(min(_TIMEOUT_SECONDS, settings.enedis_timeout_seconds)) as http:

        async def reach(name: str, setting: str, url: str) -> Finding:
            origin = _origin(url)
            if origin is None:
                return Finding(name, Outcome.FAILED, "is not an http or https address", f"Correct {setting}.")
            try:
                await send(http, http.build_request("GET", f"{origin}/"))
            except ProviderGarbage:
                pass  # Far too long an answer, but an answer.
            except AppError:
                action = f"Check {setting}, this machine's network, its proxy and its firewall."
                return Finding(name, Outcome.FAILED, f"{origin} does not answer", action)
            return Finding(name, Outcome.OK, f"{origin} answers")

        gateway = await reach("API gateway", "ENEDIS_BASE_URL", settings.enedis_base_url)
        findings.append(gateway)
        if gateway.outcome is Outcome.FAILED or findings[0].outcome is Outcome.FAILED:
            findings.append(Finding("token", Outcome.SKIPPED, "not asked for: see above"))
        else:
            try:
                token = await enedis_token_fetcher(settings)(http)
            except AppError as error:
                findings.append(_no_token(error))
            else:
                hours, minutes = divmod(token.lives_seconds // 60, 60)
                findings.append(Finding("token", Outcome.OK, f"obtained; it lives {hours} h {minutes:02d} min"))
                findings.append(_subscriptions(token.value, settings))
        findings.append(await reach("consent page", "ENEDIS_AUTHORIZE_URL", settings.enedis_authorize_url))
    return findings


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether something has to be mended before data can be fetched."""
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
    action = "Try again in some minutes. If it stays so, check ENEDIS_BASE_URL."
    return Finding("token", Outcome.FAILED, error.detail, action)


def _subscriptions(token: str, settings: Settings) -> Finding:
    """Which APIs the token says the application may call. A hint: Enedis promises nothing of what is in its tokens."""
    name = "subscribed APIs"
    subscribed = subscribed_apis(token)
    is_v5 = settings.enedis_api == "v5"
    needed, useful = (_MEASURES_V5, _RECORDS_V5) if is_v5 else (_MEASURES_2026, _RECORDS_2026)
    if settings.consent_page == "v2":
        # Its number is exchanged there, whatever generation the measures are of.
        needed = (_SERVICES, *needed)
    if subscribed is None or not subscribed.intersection(map(_plain, needed + useful)):
        return Finding(name, Outcome.SKIPPED, "the token does not say; a missing one shows as error 900908 later")
    action = "Subscribe your application to each of them on DataHub."
    missing = [each for each in needed if _plain(each) not in subscribed]
    if missing:
        return Finding(name, Outcome.FAILED, f"missing, says the token: {', '.join(missing)}", action)
    absent = [each for each in useful if _plain(each) not in subscribed]
    if absent:
        return Finding(name, Outcome.INFO, f"measures: all; contract and address lack {', '.join(absent)}", action)
    return Finding(name, Outcome.OK, f"all {len(needed + useful)} that are needed, says the token")


def subscribed_apis(token: str) -> set[str] | None:
    """The APIs in a token's ``subscribedAPIs``, by name and by path, in small letters and digits only.

    ``None`` when it is not a JWT, or one that lists none. Nothing in it is verified: nobody is let in with it here.
    Source: the example of Enedis's Swagger, a WSO2 token.
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
    """Scheme, host and port of an address; ``None`` when it has none that can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.:_-]+", parts.hostname or ""):
        return None
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")

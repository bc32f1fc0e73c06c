"""The HTML pages of a consent, before and after the provider's page. French first, then English; each page is one
response.

The first page names the account that requests the consent, so that a person does not unknowingly give a consent to
another account. The last page shows the result but does not identify the account; of a usage point it shows four
digits.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from fastapi import Response

from shared.core.calendar import PARIS
from shared.core.datasets import Direction

_STYLE = """
:root { color-scheme: light dark; font: 1.125rem/1.6 system-ui, sans-serif }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; background: Canvas; color: CanvasText }
main { max-width: 34rem; padding: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem }
section + section { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid GrayText }
button { font: inherit; padding: .5rem 1.25rem; margin-top: 1.5rem }
code { overflow-wrap: anywhere }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
RELOAD_SECONDS = 5

_DIRECTIONS = {
    Direction.CONSUMPTION: ("consommation", "consumption"),
    Direction.PRODUCTION: ("production", "production"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """Heading and text of a page, in both languages."""

    heading_fr: str
    text_fr: str
    heading_en: str
    text_en: str


@dataclass(frozen=True, slots=True)
class ShownPoint:
    """The displayed part of a usage point."""

    ends_with: str
    directions: Sequence[Direction]


@dataclass(frozen=True, slots=True)
class ShownAccount:
    """The displayed data of the account that requests access: its id, its creation time, and the gateway's host."""

    account_id: str
    created_at: datetime
    gateway: str


_START = Message(
    "Qui pourra lire vos données d'électricité ?",
    "Si vous n'avez pas commencé cette démarche vous-même, ou si vous avez reçu ce lien d'une autre personne, fermez "
    "cette page : aucun accès ne sera accordé.",
    "Who will be able to read your electricity data?",
    "If you did not start this yourself, or if another person sent you this link, close this page: no access will be "
    "granted.",
)
_ONWARD = Message(
    "Redirection vers le site d'Enedis",
    "Terminez la démarche dans ce même navigateur, dans les 15 minutes.",
    "Redirecting to the Enedis website",
    "Complete the process in this same browser, within 15 minutes.",
)
_AWAITING = Message(
    "Ce compteur est déjà relié à un autre compte",
    "Aucune donnée n'est encore lue : l'exploitant de ce service doit donner son accord. Pour éviter cette attente, "
    "recommencez depuis votre application en indiquant le numéro du compteur et deux informations du contrat "
    "(puissance souscrite, code postal, date de mise en service).",
    "This meter is already linked to another account",
    "No data is read yet: the operator of this service must approve the consent. To avoid waiting, start again from "
    "your application, with the number of the meter and two details of the contract (subscribed power, postal code, "
    "activation date).",
)

_GRANTED = Message(
    "Votre consentement est enregistré",
    "Vous pouvez fermer cette page et retourner à votre application.",
    "Your consent is recorded",
    "You can close this page and return to your application.",
)
_EXCHANGING = Message(
    "Votre consentement est en cours d'enregistrement",
    "Cette page s'actualise automatiquement dans quelques secondes.",
    "Your consent is being recorded",
    "This page refreshes automatically within seconds.",
)
_FAILURE = Message(
    "Votre consentement n'a pas pu être enregistré",
    "Une erreur s'est produite. Recommencez depuis votre application ; si elle se répète, attendez quelques minutes.",
    "Your consent could not be recorded",
    "An error occurred. Start again from your application; if it occurs again, wait a few minutes.",
)
_FAILURES = {
    "consent_refused": Message(
        "Le consentement n'a pas été donné",
        "Aucune donnée ne sera lue. Vous pouvez recommencer depuis votre application si c'était une erreur.",
        "The consent was not given",
        "No data will be read. You can start again from your application if this was a mistake.",
    ),
    "state_refused": Message(
        "Ce lien n'est plus valable",
        "Il est inconnu, expiré, déjà utilisé, ou a été ouvert dans un autre navigateur. Recommencez depuis votre "
        "application, et restez dans le même navigateur jusqu'à la fin.",
        "This link is no longer valid",
        "It is unknown, expired, already used, or was opened in another browser. Start again from your application, "
        "and stay in the same browser until the end.",
    ),
    "usage_point_taken": Message(
        "Ce compteur est déjà relié à un autre compte",
        "L'exploitant de ce service a refusé de le relier aussi au vôtre : rien n'a été enregistré. Vous pouvez "
        "recommencer depuis votre application en indiquant le numéro du compteur et deux informations du contrat "
        "(puissance souscrite, code postal, date de mise en service).",
        "This meter is already linked to another account",
        "The operator of this service declined to link it to yours as well: nothing was recorded. You can start again "
        "from your application, with the number of the meter and two details of the contract (subscribed power, "
        "postal code, activation date).",
    ),
    "too_many_requests": Message(
        "Trop de tentatives",
        "Trop de tentatives proviennent de votre adresse. Réessayez dans une heure.",
        "Too many attempts",
        "There were too many attempts from your address. Try again in an hour.",
    ),
    "consent_empty": Message(
        "Enedis n'a transmis aucun compteur",
        "Votre consentement n'est pas visible chez Enedis. Recommencez depuis votre application ; si Enedis affiche "
        "« Une erreur est survenue lors du partage de vos données », supprimez d'abord l'ancien partage dans votre "
        "compte Enedis.",
        "Enedis returned no meter",
        "Your consent is not visible at Enedis. Start again from your application; if Enedis shows an error about "
        "sharing your data, first delete the previous authorisation in your Enedis account.",
    ),
    "consent_missing": Message(
        "Ce consentement n'est plus valable",
        "Il a pris fin chez Enedis. Recommencez depuis votre application pour en donner un nouveau.",
        "This consent is no longer valid",
        "It has ended at Enedis. Start again from your application to give a new one.",
    ),
}


def start_page(account: ShownAccount, form_query: str, *, names_point: bool) -> Response:
    """The page that names the account, with the button to continue. ``form_query``: the query that the form sends."""
    born = account.created_at.astimezone(PARIS)
    french = [
        f"Le compte {account.account_id}, créé le {born:%d/%m/%Y à %H:%M}, pourra lire les données du compteur choisi.",
        f"Passerelle : {account.gateway}. Durée : jusqu'à la date affichée par Enedis.",
        *(["Un seul compteur est attendu : tout autre sera refusé."] if names_point else []),
    ]
    english = [
        f"The account {account.account_id}, created on {born:%Y-%m-%d at %H:%M}, will be able to read the meter.",
        f"Gateway: {account.gateway}. Duration: until the date that Enedis displays.",
        *(["One specific meter is expected: any other will be refused."] if names_point else []),
    ]
    form = (
        f'<form method="post" action="?{escape(form_query)}">'
        '<button type="submit">Continuer chez Enedis · Continue at Enedis</button></form>'
    )
    return _page(_START, 200, french, english, below=form, form_action="'self'")


def onward_page(provider_url: str) -> Response:
    """The page that forwards to the provider: not a redirect, to which browsers would apply `form-action`."""
    link = f'<p><a href="{escape(provider_url)}" rel="noreferrer">Enedis</a></p>'
    return _page(_ONWARD, 200, below=link, refresh=f"0; url={provider_url}")


def awaiting_page() -> Response:
    """The consent was given for a usage point that another account holds; an administrator must approve it."""
    return _page(_AWAITING, 409)


def granted_page(points: Sequence[ShownPoint], expires_on: date | None) -> Response:
    """The consent was given and its usage points are granted."""
    french = [f"Compteur se terminant par {each.ends_with} : {_list(each, 0)}." for each in points]
    english = [f"Meter ending in {each.ends_with}: {_list(each, 1)}." for each in points]
    if expires_on:
        french.append(f"Valable jusqu'au {expires_on:%d/%m/%Y}.")
        english.append(f"Valid until {expires_on.isoformat()}.")
    return _page(_GRANTED, 200, french, english)


def exchanging_page() -> Response:
    """The consent was given, and the exchange is in progress. The page reloads itself."""
    return _page(_EXCHANGING, 202, refresh=str(RELOAD_SECONDS))


def failure_page(code: str, status: int) -> Response:
    """The consent failed with this error code."""
    return _page(_FAILURES.get(code, _FAILURE), status)


def prefers_html(accept: str) -> bool:
    """Whether an ``Accept`` header prefers HTML to JSON. Programs mostly send ``*/*`` or no header."""
    return _quality(accept, "text/html") > _quality(accept, "application/json")


def _quality(accept: str, media_type: str) -> float:
    for item in accept[:1000].lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name == media_type:
            weights = [each[2:] for each in parameters if each.startswith("q=")]
            try:
                return float(weights[0]) if weights else 1.0
            except ValueError:
                return 0.0
    return 0.0


def _list(point: ShownPoint, language: int) -> str:
    return ", ".join(_DIRECTIONS[each][language] for each in point.directions)


def _page(
    message: Message,
    status: int,
    french: Sequence[str] = (),
    english: Sequence[str] = (),
    *,
    below: str = "",
    refresh: str = "",
    form_action: str = "'none'",
) -> Response:
    """``below``: HTML after the text; ``refresh``: content of the refresh directive (delay and URL)."""
    again = f'<meta http-equiv="refresh" content="{escape(refresh)}">' if refresh else ""
    body = (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{escape(message.heading_fr)} | Relève</title><style>{_STYLE}</style></head><body><main>"
        f"{_section('fr', message.heading_fr, message.text_fr, french)}"
        f"{_section('en', message.heading_en, message.text_en, english)}"
        f"{below}</main></body></html>"
    )
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action {form_action}; "
            "frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
    }
    return Response(body, status, headers, "text/html")


def _section(language: str, heading: str, text: str, details: Sequence[str]) -> str:
    rank = "h1" if language == "fr" else "h2"
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in (*details, text))
    return f'<section lang="{language}"><{rank}>{escape(heading)}</{rank}>{paragraphs}</section>'

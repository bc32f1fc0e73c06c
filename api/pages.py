"""The page that a person sees who comes back from the provider. French first, then English; whole in one answer.

It says what became of the consent and nothing about whose account it is; of a usage point it shows four digits.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from fastapi import Response

from shared.catalog import Direction

_STYLE = """
:root { color-scheme: light dark; font: 1.125rem/1.6 system-ui, sans-serif }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; background: Canvas; color: CanvasText }
main { max-width: 34rem; padding: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem }
section + section { margin-top: 2rem; padding-top: 1.5rem; border-top: 1px solid GrayText }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
RELOAD_SECONDS = 5

_DIRECTIONS = {
    Direction.CONSUMPTION: ("consommation", "consumption"),
    Direction.PRODUCTION: ("production", "production"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say: heading and sentence, in both languages."""

    heading_fr: str
    text_fr: str
    heading_en: str
    text_en: str


@dataclass(frozen=True, slots=True)
class ShownPoint:
    """What is shown of a usage point."""

    ends_with: str
    directions: Sequence[Direction]


_GRANTED = Message(
    "C'est fait : votre accord est enregistré",
    "Vous pouvez fermer cette page et retourner à votre application.",
    "Done: your consent is recorded",
    "You can close this page and go back to your application.",
)
_EXCHANGING = Message(
    "Votre accord est en cours d'enregistrement",
    "Cette page se met à jour toute seule dans quelques secondes.",
    "Your consent is being recorded",
    "This page brings itself up to date within seconds.",
)
_FAILURE = Message(
    "Votre accord n'a pas pu être enregistré",
    "Une erreur s'est produite. Recommencez depuis votre application, dans quelques minutes si elle se répète.",
    "Your consent could not be recorded",
    "Something went wrong. Start again from your application, in some minutes if it happens again.",
)
_FAILURES = {
    "consent_refused": Message(
        "L'accord n'a pas été donné",
        "Aucune donnée ne sera lue. Vous pouvez recommencer depuis votre application si c'était une erreur.",
        "The consent was not given",
        "No data will be read. You can start again from your application if this was a mistake.",
    ),
    "state_refused": Message(
        "Ce lien n'est plus valable",
        "Il est inconnu, trop ancien ou a déjà servi. Recommencez depuis votre application.",
        "This link is no longer valid",
        "It is unknown, too old or was used already. Start again from your application.",
    ),
    "usage_point_taken": Message(
        "Ce compteur est déjà relié à un autre compte",
        "Un compteur ne peut être relié qu'à un seul compte de ce service à la fois : rien n'a été enregistré. "
        "S'il s'agit d'un ancien compte à vous, effacez-le d'abord. Si vous avez partagé plusieurs compteurs, "
        "recommencez sans celui-là.",
        "This meter is already linked to another account",
        "A meter can be linked to one account of this service at a time: nothing was recorded. If it is an old account "
        "of yours, erase it first. If you shared several meters, start again without this one.",
    ),
    "consent_empty": Message(
        "Enedis n'a transmis aucun compteur",
        "Votre accord n'est pas visible chez Enedis. Recommencez depuis votre application ; si Enedis affiche « Une "
        "erreur est survenue lors du partage de vos données », supprimez d'abord l'ancien partage dans votre compte "
        "Enedis.",
        "Enedis passed no meter on",
        "Your consent can't be seen at Enedis. Start again from your application; if Enedis shows an error about "
        "sharing your data, delete the old share in your Enedis account first.",
    ),
    "consent_missing": Message(
        "Cet accord n'est plus valable",
        "Il a pris fin chez Enedis. Recommencez depuis votre application pour en donner un nouveau.",
        "This consent is no longer valid",
        "It has ended at Enedis. Start again from your application to give a new one.",
    ),
}


def granted_page(points: Sequence[ShownPoint], expires_on: date | None) -> Response:
    """The consent was given and all is bound."""
    french = [f"Compteur se terminant par {each.ends_with} : {_list(each, 0)}." for each in points]
    english = [f"Meter ending in {each.ends_with}: {_list(each, 1)}." for each in points]
    if expires_on:
        french.append(f"Valable jusqu'au {expires_on:%d/%m/%Y}.")
        english.append(f"Valid until {expires_on.isoformat()}.")
    return _page(_GRANTED, 200, french, english)


def exchanging_page() -> Response:
    """The consent was given; a worker is still at it. Loads itself again."""
    return _page(_EXCHANGING, 202, reload=True)


def failure_page(code: str, status: int) -> Response:
    """There is no consent, for this reason."""
    return _page(_FAILURES.get(code, _FAILURE), status)


def prefers_html(accept: str) -> bool:
    """Whether an ``Accept`` header asks for a page rather than for JSON. Programs mostly say ``*/*`` or nothing."""
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
    message: Message, status: int, french: Sequence[str] = (), english: Sequence[str] = (), *, reload: bool = False
) -> Response:
    again = f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">' if reload else ""
    body = (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{escape(message.heading_fr)} | Relève</title><style>{_STYLE}</style></head><body><main>"
        f"{_section('fr', message.heading_fr, message.text_fr, french)}"
        f"{_section('en', message.heading_en, message.text_en, english)}"
        "</main></body></html>"
    )
    return Response(body, status, _HEADERS, "text/html")


def _section(language: str, heading: str, text: str, details: Sequence[str]) -> str:
    rank = "h1" if language == "fr" else "h2"
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in (*details, text))
    return f'<section lang="{language}"><{rank}>{escape(heading)}</{rank}>{paragraphs}</section>'

"""The consent sites: `GET /dataconnect/v1/oauth2/authorize` and `v2`, for a user in a browser or a program.

A program adds `auto=approve` (and `usage_point_id`, to select another than the default household) or `auto=refuse`. The
redirect goes to the registered URI. v2 returns an authorisation id: no code, no usage point; a point that is already
shared leads to an error page without a redirect, as at Enedis. v1 returns a code that is never exchanged and the usage
points, of which there can be several.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse

from simulator.clock import Clock
from simulator.conditions import Conditions, Generation
from simulator.config import SimulatorSettings
from simulator.consents import AlreadySharedError, Consents
from simulator.durations import DurationTooLongError, UnreadableDurationError, parse_duration
from simulator.errors import resource_refusal
from simulator.households import is_usage_point_id, known_households
from simulator.known_points import DEFAULT_USAGE_POINT, PERSONAS, REVOKED_PERSONA
from simulator.pages import consent_page, problem_page
from simulator.paris import paris_date
from simulator.sandbox import persona_points

STATE_LIMIT = 100
# The application's request parameters pass through the form and are checked again on submission.
_TRAVELLING = frozenset({"client_id", "response_type", "state", "duration"})
_REVOKED_POINTS = frozenset(usage_point_id for usage_point_id, _ in PERSONAS[REVOKED_PERSONA])
# No form-action: browsers also apply it to the redirect after the form, which leaves this site.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class ConsentSite:
    """One generation's consent site: checks the application's request, shows the page, executes the decision."""

    def __init__(
        self,
        generation: Generation,
        settings: SimulatorSettings,
        clock: Clock,
        conditions: Conditions,
        consents: Consents,
    ) -> None:
        self.generation = generation
        self._settings = settings
        self._clock = clock
        self._conditions = conditions
        self._consents = consents

    @property
    def path(self) -> str:
        """The path of the site."""
        return f"/dataconnect/{'v1' if self.generation == 'v5' else 'v2'}/oauth2/authorize"

    @property
    def is_stopped(self) -> bool:
        """Whether the site's generation has been retired."""
        return self.generation in self._conditions.stopped_generations

    def check(self, parameters: Mapping[str, str]) -> timedelta:
        """The duration of the share.

        Raises:
            Refusal: a parameter is missing or wrong, or the application is not the registered one.
        """
        for name in ("client_id", "response_type", "duration"):
            if not parameters.get(name):
                raise resource_refusal(400, "missing_parameter", f"{name} parameter is required")
        if parameters["client_id"] != self._settings.client_id:
            raise resource_refusal(403, "access_denied", "this application is not known")
        if parameters["response_type"] != "code":
            raise resource_refusal(400, "Invalid_request", "response_type parameter must be code")
        if len(parameters.get("state", "")) > STATE_LIMIT:
            raise resource_refusal(400, "Invalid_request", "state parameter is too long")
        try:
            return parse_duration(parameters["duration"], paris_date(self._clock.now()))
        except UnreadableDurationError as error:
            raise resource_refusal(400, "invalid_duration_format", "duration is not ISO 8601") from error
        except DurationTooLongError as error:
            raise resource_refusal(400, "maximum_duration_exceeded", "duration exceeds three years") from error

    def page(self, parameters: Mapping[str, str], lasts: timedelta) -> Response:
        """The consent page."""
        until = paris_date(self._clock.now()) + lasts
        fields = {name: value for name, value in parameters.items() if name in _TRAVELLING}
        content = consent_page(
            known_households(),
            action=f"{self.path}/decision",
            fields=fields,
            until=f"{until:%d/%m/%Y}",
            several=self.generation == "v5",
        )
        return HTMLResponse(content, headers=PAGE_HEADERS)

    def points_for_program(self, parameters: Mapping[str, str]) -> list[str]:
        """The points that a program shares: those it names, or its sandbox persona's, or the default one."""
        named = parameters.get("usage_point_id")
        if named is not None:
            return named.replace(",", ";").split(";")
        personas = persona_points(parameters.get("state", "")) if self._settings.sandbox else []
        return personas or [DEFAULT_USAGE_POINT]

    def approve(self, parameters: Mapping[str, str], lasts: timedelta, points: list[str]) -> Response:
        """Share the points and redirect back, or show an error page.

        Raises:
            Refusal: no point, a malformed one, or several where only one can be shared.
        """
        if not points or not all(is_usage_point_id(point) for point in points):
            raise resource_refusal(400, "Invalid_request", "usage_point_id must be 14 digits long")
        if self.generation == "v5":
            return self._approve_v1(parameters, lasts, points)
        if len(points) > 1:
            raise resource_refusal(400, "Invalid_request", "only one usage point can be shared at a time")
        return self._approve_v2(parameters, lasts, points[0])

    def refuse(self, parameters: Mapping[str, str]) -> Response:
        """Redirect back without a share."""
        if self.generation == "v5":
            return self._send_back(parameters, {"error": "access_denied"})
        return self._send_back(parameters, {"error": "invalid_request", "error_description": "demande_non_aboutie"})

    def _approve_v1(self, parameters: Mapping[str, str], lasts: timedelta, points: list[str]) -> Response:
        for point in points:
            self._consents.grant_again(point, self._clock.now(), lasts)
            if point in _REVOKED_POINTS:
                self._consents.revoke(point)
        together = self._settings.point_separator.join(points)
        return self._send_back(parameters, {"code": secrets.token_urlsafe(18)}, {"usage_point_id": together})

    def _approve_v2(self, parameters: Mapping[str, str], lasts: timedelta, point: str) -> Response:
        visible_after = timedelta(seconds=self._conditions.services_delay_seconds)
        try:
            consent = self._consents.grant(point, self._clock.now(), lasts, visible_after)
        except AlreadySharedError:
            content = problem_page(
                "Une erreur est survenue lors du partage de vos données",
                "Ce point est déjà partagé avec cette application. Supprimez d'abord ce partage, puis recommencez.",
            )
            return HTMLResponse(content, 409, headers=PAGE_HEADERS)
        if point in _REVOKED_POINTS:
            self._consents.revoke(point)
        return self._send_back(parameters, {"autorisation_id": str(consent.authorisation_id)})

    def _send_back(
        self, parameters: Mapping[str, str], outcome: dict[str, str], after_state: Mapping[str, str] | None = None
    ) -> Response:
        state = {"state": parameters["state"]} if "state" in parameters else {}
        parts = urlsplit(self._settings.redirect_uri)
        told = urlencode(outcome | state | dict(after_state or {}))
        query = "&".join(part for part in (parts.query, told) if part)
        location = urlunsplit(parts._replace(query=query))
        return RedirectResponse(location, 302, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def points_of_form(pairs: list[tuple[str, str]], *, several: bool) -> list[str]:
    """The points selected and typed in the form; where only one can be shared, the typed one takes precedence."""
    ticked = [value for name, value in pairs if name == "usage_point_id" and value]
    typed = [value.strip() for name, value in pairs if name == "other_usage_point_id" and value.strip()]
    if several:
        return ticked + typed
    # A household is preselected: a typed number overrides it.
    return typed or ticked


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """The pairs of an urlencoded form."""
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True)

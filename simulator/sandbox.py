"""The initial content of Enedis's own sandboxes: the v5 personas and the 2026 authorisations, already shared."""

from datetime import datetime, timedelta

from simulator.consents import Consents
from simulator.known_points import PERSONAS, REVOKED_PERSONA, SANDBOX_AUTHORISATIONS
from simulator.paris import paris_date

_YEAR = timedelta(days=365)


def share_personas(consents: Consents, now: datetime) -> None:
    """Share every persona's points for two years, revoke the revoked one, place the numbered authorisations."""
    today = paris_date(now)
    for persona, points in PERSONAS.items():
        for usage_point_id, _ in points:
            consents.grant_again(usage_point_id, now, 2 * _YEAR)
            if persona == REVOKED_PERSONA:
                consents.revoke(usage_point_id)
    for known in SANDBOX_AUTHORISATIONS:
        end = today - timedelta(days=1) if known.ended else today + _YEAR
        consents.place(known.authorisation_id, known.usage_point_id, today - _YEAR, end)


def persona_points(state: str) -> list[str]:
    """The points that the v5 sandbox returns for a state, selected by its last character; none for an unknown one."""
    return [usage_point_id for usage_point_id, _ in PERSONAS.get(state[-1:], ())]

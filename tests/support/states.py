"""The life of an authorisation state as in a browser: opened, then used."""

from contextlib import suppress
from datetime import datetime

from shared.consents.authorization_states import AuthorizationStates, ReturnedPoints
from shared.consents.models import Consent
from shared.core.errors import StateRefused

BROWSER = "a-browser-of-tests-with-43-characters-00000"
OTHER_BROWSER = "another-browser-of-tests-43-characters-0000"


async def take_state(
    states: AuthorizationStates,
    state: str,
    now: datetime,
    autorisation_id: int | None,
    returned: ReturnedPoints | None = None,
) -> tuple[Consent, bool]:
    """What `AuthorizationStates.consume` returns to the browser that opens the link, if it was not opened before."""
    # The browser that opened a state still presents its binding after the state was used or has expired.
    with suppress(StateRefused):
        await states.open(state, BROWSER, now)
    return await states.consume(state, now, autorisation_id, returned, browser=BROWSER)

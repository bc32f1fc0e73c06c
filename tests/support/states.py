"""The way of a state as a browser takes it: opened, then used."""

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
    """What `AuthorizationStates.consume` gives to the browser that opens the link, if nobody has opened it yet."""
    # Of a state that has been used, or has expired, the browser that opened it before still shows what it got.
    with suppress(StateRefused):
        await states.open(state, BROWSER, now)
    return await states.consume(state, now, autorisation_id, returned, browser=BROWSER)

"""The objects that manage consents, on one database, without the other resources of a process."""

from dataclasses import dataclass
from typing import Self

from shared.consents.access_loss import AccessLoss
from shared.consents.authorization_states import AuthorizationStates
from shared.consents.consents import Consents
from shared.consents.grants import Grants
from shared.consents.usage_points import UsagePoints
from shared.crypto.vault import ServerSecret
from shared.storage.database import Database


@dataclass(frozen=True, slots=True)
class ConsentObjects:
    """The attributes have the names that they have in `shared.resources.Resources`."""

    usage_points: UsagePoints
    authorization_states: AuthorizationStates
    grants: Grants
    consents: Consents
    access_loss: AccessLoss

    @classmethod
    def on(cls, database: Database, server: ServerSecret) -> Self:
        """All five, for one database and one secret."""
        usage_points = UsagePoints(database, server)
        return cls(
            usage_points,
            AuthorizationStates(database, server, usage_points),
            Grants(database, server),
            Consents(database, server),
            AccessLoss(database, server),
        )

"""Request and response schemas of API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from api.http.fields import Body, CreatedAt, Document, Prm, ShownKeyId
from shared.accounts.api_keys import ApiKey, Scope
from shared.crypto.jwt_api_keys import MOST_USAGE_POINTS


class KeyFormat(StrEnum):
    """The format of a key: the gateway's own, or a JSON Web Token that contains usage points."""

    RELEVE = "releve"
    JWT = "jwt"


class KeyRequest(Body):
    """The properties of a new key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Home Assistant", "scopes": ["read", "fetch"]}]})

    name: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        Field(description="Display name. Stored encrypted.", examples=["Home Assistant"]),
    ] = None
    scopes: Annotated[
        frozenset[Scope] | None,
        Field(
            min_length=1,
            description="`read`: read stored data. `fetch`: fetch data from the provider. `manage`: manage the "
            "account. At most the scopes of the key that is used; these are also the default, for a JWT limited to "
            "`read` and `fetch`. A key without `read` cannot decrypt any data.",
            examples=[["read", "fetch"]],
        ),
    ] = None
    expires_at: Annotated[
        AwareDatetime | None, Field(description="Expiry time. Without it, the key does not expire.")
    ] = None
    format: Annotated[
        KeyFormat,
        Field(
            description="`releve`: `rlv_…`. `jwt`: a JSON Web Token for clients that read their usage points from the "
            "claim `sub`, such as those of Conso API. The PRMs in a JWT are not encrypted, and they do not limit it: "
            "its scopes apply to every usage point of the account. Only this gateway can verify the signature; it "
            "compares the whole token.",
            examples=["jwt"],
        ),
    ] = KeyFormat.RELEVE
    usage_points: Annotated[
        list[Prm] | None,
        Field(
            min_length=1,
            max_length=MOST_USAGE_POINTS,
            description="For a JWT: the usage points (14 digits) that it contains. Default: all of the account.",
            examples=[["12345678901234"]],
        ),
    ] = None


class KeyDocument(Document):
    """An API key, without the secret key."""

    id: ShownKeyId
    name: str | None = Field(description="Display name.", examples=["Home Assistant"])
    scopes: list[Scope] = Field(description="Scopes of the key.")
    created_at: CreatedAt
    expires_at: datetime | None = Field(description="Expiry time; `null` if the key does not expire.")
    last_used_at: datetime | None = Field(description="Time of the last use, to the hour; `null` if never used.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Build the document of a key."""
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class KeyList(Document):
    """The keys of an account."""

    keys: list[KeyDocument] = Field(description="Oldest first.")


class NewKey(KeyDocument):
    """A new API key, with the secret key."""

    api_key: str = Field(description="Returned only in this response.", examples=["rlv_…", "eyJ….eyJ….…"])

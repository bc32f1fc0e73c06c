"""API keys on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from api.http.fields import Body, CreatedAt, Document, Prm, ShownKeyId
from shared.accounts.api_keys import ApiKey, Scope
from shared.crypto.jwt_api_keys import MOST_USAGE_POINTS


class KeyFormat(StrEnum):
    """How a key is written: in the gateway's own form, or as a JSON Web Token that names usage points."""

    RELEVE = "releve"
    JWT = "jwt"


class KeyRequest(Body):
    """What another key shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Home Assistant", "scopes": ["read", "fetch"]}]})

    name: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        Field(description="What you call it. Kept encrypted.", examples=["Home Assistant"]),
    ] = None
    scopes: Annotated[
        frozenset[Scope] | None,
        Field(
            min_length=1,
            description="What it may do: `read` what is stored, have data `fetch`ed, `manage` the account. Not more "
            "than the key that asks. Left out: as much, but of a JWT `read` and `fetch` alone. A key without `read` "
            "opens nothing, whoever gets hold of it.",
            examples=[["read", "fetch"]],
        ),
    ] = None
    expires_at: Annotated[AwareDatetime | None, Field(description="It works until then; for ever when left out.")] = (
        None
    )
    format: Annotated[
        KeyFormat,
        Field(
            description="`releve`: `rlv_…`. `jwt`: a JSON Web Token for clients that read their usage points from the "
            "claim `sub`, as those of Conso API do. Anybody who sees it can read these 14 digits, and they are a "
            "list for its clients, not a limit: the token opens whatever its scopes open, on every usage point of the "
            "account. Nobody can verify its signature but this gateway, which goes by the whole text.",
            examples=["jwt"],
        ),
    ] = KeyFormat.RELEVE
    usage_points: Annotated[
        list[Prm] | None,
        Field(
            min_length=1,
            max_length=MOST_USAGE_POINTS,
            description="Of a JWT: the usage points (14 digits) that it names; all of the account when left out.",
            examples=[["12345678901234"]],
        ),
    ] = None


class KeyDocument(Document):
    """A key, without the key."""

    id: ShownKeyId
    name: str | None = Field(description="What its owner calls it.", examples=["Home Assistant"])
    scopes: list[Scope] = Field(description="What it may do.")
    created_at: CreatedAt
    expires_at: datetime | None = Field(description="It works until then; `null`: for ever.")
    last_used_at: datetime | None = Field(description="To the hour; `null`: never.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """What is shown of a key."""
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
    """A new key, with the key."""

    api_key: str = Field(description="Shown this once: nobody can show it again.", examples=["rlv_…", "eyJ….eyJ….…"])

"""What the gateway says of itself, on the wire."""

from typing import Literal

from api.schemas.fields import Document


class HealthDocument(Document):
    """The answer of a part that works."""

    status: Literal["live", "ready"]


class IndexDocument(Document):
    """Where to begin."""

    name: Literal["Relève"]
    version: str
    documentation: str
    openapi: str
    datasets: str
    health: str

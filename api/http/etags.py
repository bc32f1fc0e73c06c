"""Entity tags (RFC 9110, 8.8.3): whether somebody has the present answer already."""

from shared.crypto.server_secret import ServerSecret


def entity_tag(server: ServerSecret, fingerprint: bytes) -> str:
    """The tag of an answer whose content follows from ``fingerprint``.

    A keyed hash: nobody can tell from a tag what it was made of, nor try. Weak: the same answer may be sent compressed.
    """
    return f'W/"{server.keyed_hash(fingerprint.decode(), purpose="entity-tag")[:32]}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names this tag, compared weakly as it has to be."""
    if if_none_match is None:
        return False
    shown = (each.strip().removeprefix("W/") for each in if_none_match.split(","))
    return any(each in ("*", tag.removeprefix("W/")) for each in shown)

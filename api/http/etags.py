"""Entity tags (RFC 9110, 8.8.3): whether a client already has the current response."""

from shared.crypto.server_secret import ServerSecret


def entity_tag(server: ServerSecret, fingerprint: bytes) -> str:
    """The tag of a response whose content is determined by ``fingerprint``.

    A keyed hash, so that the content cannot be derived or guessed from a tag. Weak, because the same response may be
    sent compressed.
    """
    return f'W/"{server.keyed_hash(fingerprint.decode(), purpose="entity-tag")[:32]}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` contains this tag, by weak comparison as RFC 9110 requires."""
    if if_none_match is None:
        return False
    shown = (each.strip().removeprefix("W/") for each in if_none_match.split(","))
    return any(each in ("*", tag.removeprefix("W/")) for each in shown)

"""Content negotiation by `Accept` (RFC 9110, 12.5.1)."""

from collections.abc import Sequence

from api.readings.formats.request import About, Representation
from api.readings.formats.text import Csv, Json, JsonLines
from shared.core.errors import NotAcceptable

PARQUET = "application/vnd.apache.parquet"
_TEXT: dict[str, type[Representation]] = {each.media_type: each for each in (Json, JsonLines, Csv)}
MEDIA_TYPES = [*_TEXT, PARQUET]
"""The first one is the default."""


def represent(media_type: str, about: About) -> Representation:
    """A representation in this media type, one of `MEDIA_TYPES`."""
    if media_type == PARQUET:
        # Rarely requested, and its library takes longer to load than everything else together.
        from api.readings.formats.parquet import Parquet

        return Parquet(about)
    return _TEXT[media_type](about)


def choose_media_type(accept: str | None, offered: Sequence[str] = MEDIA_TYPES) -> str:
    """The offered media type with the highest quality in ``Accept``, the first of equals. Raises `NotAcceptable`."""
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_parsed(each) for each in accept.split(",") if each.strip()]
    liked = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=liked.__getitem__)
    if liked[best] <= 0:
        raise NotAcceptable(f"The available formats are {', '.join(offered)}.")
    return best


def _parsed(media_range: str) -> tuple[str, float]:
    name, *parameters = (each.strip().lower() for each in media_range.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of a media type, from the most specific range that matches it."""
    whole_type = media_type.split("/", maxsplit=1)[0] + "/*"
    for wanted in (media_type, whole_type, "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0

"""The headers of answers, as OpenAPI describes them. Who answers sets them; what several answers bear is here."""

from typing import Any

HeaderDocs = dict[str, dict[str, Any]]


def header(description: str, example: str | int, **schema: Any) -> dict[str, Any]:
    """One header with its description; ``schema``: what else is to be said of its values."""
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind, **schema, "examples": [example]}}


RETRY_AFTER: HeaderDocs = {"Retry-After": header("Seconds until it is worth asking again, where that is known.", 5)}
WWW_AUTHENTICATE: HeaderDocs = {"WWW-Authenticate": header("How to show a key.", "Bearer")}
ETAG: HeaderDocs = {
    "ETag": header("Changes with the answer. For `If-None-Match`.", 'W/"0123456789abcdef0123456789abcdef"')
}
PREFERENCE_APPLIED: HeaderDocs = {"Preference-Applied": header("The wait that was granted.", "wait=10")}
COOKIE: HeaderDocs = {
    "Set-Cookie": header(
        "Tells this browser from others on the way through a consent, for a quarter of an hour.",
        "__Host-releve-consent=…; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
    )
}
LIMITS: HeaderDocs = {
    "RateLimit-Policy": header(
        "The quota that this request counts for: `q` requests in `w` seconds, a day of Paris.",
        '"fetch";q=50;w=86400',
    ),
    "RateLimit": header(
        "Of that quota: `r` requests are left, and in `t` seconds there are all of them again.",
        '"fetch";r=49;t=30600',
    ),
    # The names that most clients knew before there was a draft of a standard.
    "X-RateLimit-Limit": header("As `q` above.", 50),
    "X-RateLimit-Remaining": header("As `r` above.", 49),
    "X-RateLimit-Reset": header("When there are all of them again, in seconds since 1970.", 1_790_030_600),
}


def location(what: str, example: str) -> HeaderDocs:
    """Where something is."""
    return {"Location": header(what, example)}


def file_name(what: str, example: str) -> HeaderDocs:
    """A name for what is answered with."""
    return {"Content-Disposition": header(what, f'attachment; filename="{example}"')}

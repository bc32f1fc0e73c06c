"""OpenAPI descriptions of response headers that several routes share. The routes themselves set the headers."""

from typing import Any

HeaderDocs = dict[str, dict[str, Any]]


def header(description: str, example: str | int, **schema: Any) -> dict[str, Any]:
    """One header with its description; ``schema``: additional schema keywords."""
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind, **schema, "examples": [example]}}


RETRY_AFTER: HeaderDocs = {"Retry-After": header("Seconds to wait before a retry, if known.", 5)}
WWW_AUTHENTICATE: HeaderDocs = {"WWW-Authenticate": header("The authentication scheme.", "Bearer")}
ETAG: HeaderDocs = {
    "ETag": header("Changes with the response. For `If-None-Match`.", 'W/"0123456789abcdef0123456789abcdef"')
}
PREFERENCE_APPLIED: HeaderDocs = {"Preference-Applied": header("The applied wait.", "wait=10")}
COOKIE: HeaderDocs = {
    "Set-Cookie": header(
        "Binds the consent to this browser for 15 minutes.",
        "__Host-releve-consent=…; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure",
    )
}
LIMITS: HeaderDocs = {
    "RateLimit-Policy": header(
        "The quota that this request counts against: `q` requests in `w` seconds, a day in Paris.",
        '"fetch";q=50;w=86400',
    ),
    "RateLimit": header(
        "State of that quota: `r` requests remain, and it resets in `t` seconds.",
        '"fetch";r=49;t=30600',
    ),
    # The names that were common before the standard was drafted.
    "X-RateLimit-Limit": header("Same as `q` of `RateLimit-Policy`.", 50),
    "X-RateLimit-Remaining": header("Same as `r` of `RateLimit`.", 49),
    "X-RateLimit-Reset": header("Time of the reset, in seconds since 1970.", 1_790_030_600),
}


def location(what: str, example: str) -> HeaderDocs:
    """A `Location` header."""
    return {"Location": header(what, example)}


def file_name(what: str, example: str) -> HeaderDocs:
    """A `Content-Disposition` header with a file name."""
    return {"Content-Disposition": header(what, f'attachment; filename="{example}"')}

"""The documentation page: Swagger UI over our OpenAPI document, all of it from this gateway.

Nothing is loaded from elsewhere: whoever reads the documentation, and perhaps types an API key into it, is seen by
nobody else, and it works without the internet. The viewer's two files are those that the library `fastapi_offline`
carries.
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response

# No part of the contract that it shows.
router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Relève: the API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="documentation"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
# Swagger UI sets styles from its scripts and draws its icons from data.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KEEP_A_DAY = {"Cache-Control": "public, max-age=86400"}
_MEDIA_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


@router.get("/docs")
async def get_documentation() -> Response:
    """The page."""
    return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, media_type="text/html")


@router.get("/docs/start.js")
async def get_start() -> Response:
    """What starts the viewer: a file, because the page allows no script inside of it."""
    return Response(_START, headers=_KEEP_A_DAY, media_type="text/javascript")


@router.get("/docs/{name}")
async def get_viewer(name: Annotated[Literal["swagger-ui-bundle.js", "swagger-ui.css"], PathParameter()]) -> Response:
    """A file of the viewer."""
    path = Path(str(files("fastapi_offline"))) / "static" / name
    return FileResponse(path, headers=_KEEP_A_DAY, media_type=_MEDIA_TYPES[name])

"""The documentation page: Swagger UI for the OpenAPI document, served entirely by this gateway.

Nothing is loaded from third parties: they cannot see who reads the documentation, or an API key that is entered there,
and the page works without internet access. The viewer's two files are shipped with the library `fastapi_offline`.
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response

# Not part of the API that it documents.
router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Relève API</title>
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
    """The documentation page."""
    return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, media_type="text/html")


@router.get("/docs/start.js")
async def get_start() -> Response:
    """The script that starts the viewer; a separate file, because the page allows no inline scripts."""
    return Response(_START, headers=_KEEP_A_DAY, media_type="text/javascript")


@router.get("/docs/{name}")
async def get_viewer(name: Annotated[Literal["swagger-ui-bundle.js", "swagger-ui.css"], PathParameter()]) -> Response:
    """A file of the viewer."""
    path = Path(str(files("fastapi_offline"))) / "static" / name
    return FileResponse(path, headers=_KEEP_A_DAY, media_type=_MEDIA_TYPES[name])

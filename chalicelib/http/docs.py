"""Swagger UI, served from the package: no CDN, nothing fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path

from chalice.app import Response

from chalicelib.errors import NotFound

Headers = dict[str, str | list[str]]

STATIC = Path(__file__).parent / "static"
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}
# Swagger UI sets styles from scripts and shows pictures from data: addresses.
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page() -> Response:
    """The documentation page."""
    headers: Headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": CONTENT_SECURITY}
    return Response((STATIC / "docs.html").read_text("utf-8"), headers=headers)


def asset(name: str) -> Response:
    """One file of the page. Raises NotFound."""
    if name not in ASSETS:
        raise NotFound(f"there is no file {name!r}")
    headers: Headers = {"Content-Type": ASSETS[name], "Cache-Control": "public, max-age=86400"}
    return Response((STATIC / name).read_text("utf-8"), headers=headers)

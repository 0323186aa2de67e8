"""Routes of the service itself: is it alive, is it ready, what does it count, what can it do."""

from html import escape
from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from hounsfield import __version__
from hounsfield.errors import AuditError
from hounsfield.messages import label
from hounsfield.service.access.policy import OWN, PUBLIC, on_site
from hounsfield.service.access.roles import Permission
from hounsfield.service.problems import language_of
from hounsfield.service.routing import Route, context

_OTHER = {"en": ("zh", "中文"), "zh": ("en", "English")}


async def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


async def ready(request: Request) -> dict[str, str]:
    """Say that requests can be served: the log can be written."""
    if context(request).desk.recorder.scribe.waiting:
        raise AuditError("E279", found="backlog")
    return {"status": "ready"}


async def metrics(request: Request) -> Response:
    """Return the counters in the text format of Prometheus."""
    return PlainTextResponse(
        context(request).desk.measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


async def openapi(request: Request) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1)."""
    found: dict[str, Any] = request.app.openapi()
    return found


async def about() -> dict[str, str]:
    """Return name, version and what this is not."""
    return {"name": "Hounsfield", "version": __version__, "disclaimer": label("research-only", "en")}


async def page(request: Request, language: str = "") -> Response:
    """Return a plain page that says what this is, while no reading app is installed."""
    spoken = language_of(language or request.headers.get("accept-language", ""))
    other, name = _OTHER[spoken]
    parts = {
        key: escape(label(key, spoken)) for key in ("service-page", "service-what", "research-only", "service-api")
    }
    html = (
        f'<!doctype html><html lang="{spoken}"><meta charset="utf-8"><title>{parts["service-page"]}</title>'
        f"<h1>{parts['service-page']}</h1><p>{parts['service-what']}</p><p><strong>{parts['research-only']}</strong></p>"
        f'<p><a href="/api/v1/openapi.json">{parts["service-api"]}</a> · '
        f'<a hreflang="{other}" href="/?language={other}">{name}</a></p></html>'
    )
    return HTMLResponse(html, headers={"Content-Language": spoken})


ROUTES = (
    Route("GET", "/", page, PUBLIC, None),
    Route("GET", "/health/live", live, PUBLIC, None),
    Route("GET", "/health/ready", ready, PUBLIC, None),
    Route("GET", "/metrics", metrics, on_site(Permission.METRICS_READ), None),
    Route("GET", "/api/v1/about", about, PUBLIC, None),
    Route("GET", "/api/v1/openapi.json", openapi, OWN, None),
)

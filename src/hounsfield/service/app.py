"""The application: the route table behind the edge."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hounsfield import __version__
from hounsfield.errors import AccessError, BadRequest, HounsfieldError, NotFound
from hounsfield.service.access.policy import Scope
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.record import Entry
from hounsfield.service.desk import Desk
from hounsfield.service.edge import Edge
from hounsfield.service.problems import language_of, problem
from hounsfield.service.routes import route_table
from hounsfield.service.routing import GuardedRoute, Route

_NO_METHOD = 405


def build(desk: Desk, routes: Iterable[Route] | None = None) -> ASGIApp:
    """Return the application of a desk.

    Args:
        desk: the parts of the service; closed when the application's life ends.
        routes: the route table, ours when None.

    Raises:
        AccessError: ``E286``, a route has no policy, or one that its path cannot serve.
    """
    api = inner_app(desk, route_table() if routes is None else routes)
    require_policies(api)
    return Edge(api, desk)


def inner_app(desk: Desk, routes: Iterable[Route]) -> FastAPI:
    """Return the application without its edge."""
    api = FastAPI(
        title="Hounsfield",
        version=__version__,
        description="Research software, not a medical device.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_life(desk),
    )
    for row in routes:
        api.router.routes.append(GuardedRoute(row))
    api.add_exception_handler(HTTPException, _unrouted)
    return api


def require_policies(api: FastAPI) -> None:
    """Refuse to start with a route that anyone could pass by mistake.

    Raises:
        AccessError: ``E286``.
    """
    for route in api.router.routes:
        if not isinstance(route, GuardedRoute):
            raise AccessError("E286", found=getattr(route, "path", type(route).__name__))
        policy = route.row.policy
        is_public, is_project = policy.scope is Scope.PUBLIC, policy.scope is Scope.PROJECT
        if policy.permission is None and policy.scope not in (Scope.PUBLIC, Scope.SELF):
            raise AccessError("E286", found=route.path)
        if is_project != ("{project}" in route.path) or (is_public and policy.permission is not None):
            raise AccessError("E286", found=route.path)


def _life(desk: Desk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        try:
            desk.recorder.scribe.write(Entry(Event.SERVICE_STOP, actor="service"))
        finally:
            desk.close()

    return life


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answer a path or method that no route has."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    found: HounsfieldError = NotFound("E272")
    if status == _NO_METHOD:
        found = BadRequest("E288", found=request.method[:10])
    return problem(found, language_of(request.headers.get("accept-language", "")))

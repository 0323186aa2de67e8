"""The route of the service: it cannot be made without a policy, and nothing behind it runs before that policy admits.

Order within one request: who asks, may they, write down what is fail-closed, the body's limit, the endpoint, write down
what came of it, reply. How to add a door is written in
``routes/__init__.py``; endpoints take ``request: Request`` and ask :func:`context` for who and where.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from hounsfield.errors import AccessError, BadRequest, Forbidden, HounsfieldError, NotFound, Unauthenticated
from hounsfield.service.access.policy import Policy, Scope
from hounsfield.service.access.principal import Principal
from hounsfield.service.audit.events import Event
from hounsfield.service.desk import Desk
from hounsfield.service.passage import passage_of
from hounsfield.service.problems import language_of, problem, status_of

SMALL_BODY_BYTES = 1 << 20
_UID = re.compile(r"(?=.{3,64}$)[0-9]+(?:\.[0-9]+)+")
_FAILED_FROM = 500


@dataclass(frozen=True)
class Route:
    """One row of the route table.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        path: template, with ``{project}`` where the policy's scope is PROJECT.
        endpoint: FastAPI endpoint; ``async`` where it streams.
        policy: what the door asks for.
        event: what is written in the audit log; None only where nobody need be known, or for the metrics.
        max_body_bytes: the longest body; None for a streaming endpoint that keeps its own limits.
        status: HTTP status of success.
    """

    method: str
    path: str
    endpoint: Callable[..., Any]
    policy: Policy
    event: Event | None
    max_body_bytes: int | None = SMALL_BODY_BYTES
    status: int = 200


@dataclass
class Context:
    """What is known of a request once its policy has admitted it.

    Attributes:
        desk: the service.
        principal: who asks; None on a public route.
        projects: the projects the request may touch.
        address: network address of the other side.
        request_id: identifier of the request.
        objects: UIDs and names that the audit record lists; endpoints add to it.
        detail: a machine word for the audit record.
        event: the kind of event; an endpoint may name a narrower one.
    """

    desk: Desk
    principal: Principal | None
    projects: tuple[str, ...]
    address: str
    request_id: str
    objects: list[str] = field(default_factory=list)
    detail: str = ""
    event: Event | None = None

    @property
    def user(self) -> Principal:
        """Who asks, on a route that is not public.

        Raises:
            Unauthenticated: ``E270``.
        """
        if self.principal is None:
            raise Unauthenticated("E270")
        return self.principal

    @property
    def project(self) -> str:
        """The one project of a path with ``{project}``."""
        return self.projects[0]


def context(request: Request) -> Context:
    """Return what is known of a request; for ``Depends(context)`` and for direct calls.

    Raises:
        Unauthenticated: ``E270``, no policy has admitted it.
    """
    found = passage_of(request.scope).context
    if not isinstance(found, Context):
        raise Unauthenticated("E270")
    return found


class ProblemBody(BaseModel):
    """What went wrong: a stable code, a sentence, what to do next, and the UID concerned."""

    code: str
    text: str
    next: str
    uid: str | None


class Problem(BaseModel):
    """The reply to whatever cannot be done."""

    error: ProblemBody


class GuardedRoute(APIRoute):
    """A route of FastAPI behind its policy.

    Args:
        row: the row of the table.
    """

    def __init__(self, row: Route) -> None:
        self.row = row
        super().__init__(
            row.path,
            row.endpoint,
            methods=[row.method],
            status_code=row.status,
            responses={"default": {"description": "Code, text and next step.", "model": Problem}},
            operation_id=_operation(row),
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the guard around it."""
        inner = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            return await _guard(self.row, request, inner)

        return guarded


def _operation(row: Route) -> str:
    """Return a name that no other row has: an endpoint may stand over all projects and over one."""
    scope = "_in_project" if row.policy.scope is Scope.PROJECT else ""
    return f"{row.endpoint.__name__}_{row.method.lower()}{scope}"


async def _guard(row: Route, request: Request, inner: Callable[[Request], Awaitable[Response]]) -> Response:
    passage = passage_of(request.scope)
    desk = passage.desk
    if not isinstance(desk, Desk):
        return problem(Forbidden("E271", found="-"))
    found = Context(desk, None, (), _address(request), passage.request_id, event=row.event)
    passage.context = found
    found.objects.extend(str(value) for value in request.path_params.values() if _UID.fullmatch(str(value)))
    is_admitted = False
    try:
        _admit(row, request, found)
        is_admitted = True
        if row.event is not None and row.event.value.is_fail_closed:
            await desk.recorder.begun(found)
        response = await inner(_bounded(request, row.max_body_bytes))
    except HounsfieldError as error:
        response = _refusal(request, found, error)
    except RequestValidationError as error:
        response = _refusal(request, found, BadRequest("E278", found=_first_fault(error)))
    except HTTPException as error:
        response = _refusal(request, found, _cause_of(error))
    except Exception as error:  # noqa: BLE001, what is unforeseen must be written down and answered too
        desk.report_fault(found.request_id, error)
        response = _refusal(request, found, AccessError("E289", found=type(error).__name__))
    if row.event is None and is_admitted:
        return response
    try:
        await desk.recorder.done(found, response.status_code, is_admitted)
    except HounsfieldError as error:
        return problem(error, language_of(request.headers.get("accept-language", "")))
    return response


def _admit(row: Route, request: Request, found: Context) -> None:
    project = str(request.path_params.get("project", ""))
    if row.policy.scope is not Scope.PUBLIC:
        found.principal = found.desk.gate.identify(request.headers, request.cookies)
    found.projects = row.policy.admit(found.principal, project)


def _refusal(request: Request, found: Context, error: HounsfieldError) -> Response:
    if isinstance(error, NotFound) and error.code == "E282":
        error = NotFound("E272")
    if not found.detail or status_of(error) >= _FAILED_FROM:
        found.detail = error.code
    return problem(error, language_of(request.headers.get("accept-language", "")))


def _bounded(request: Request, limit: int | None) -> Request:
    """Return the request with a body that ends in an error beyond its limit, announced or not."""
    if limit is None:
        return request
    announced = request.headers.get("content-length", "0")
    if int(announced) > limit:
        raise BadRequest("E276", found=int(announced), limit=limit)
    return Request(request.scope, _counting(request.receive, limit), request._send)


def _counting(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BadRequest("E276", found=received, limit=limit)
        return message

    return counted


def _cause_of(error: HTTPException) -> HounsfieldError:
    """Return what FastAPI wrapped: an error of ours that arose while it read the body, or its own of the body."""
    if isinstance(error.__cause__, HounsfieldError):
        return error.__cause__
    return BadRequest("E278", found=error.status_code, status=error.status_code)


def _first_fault(error: RequestValidationError) -> str:
    """Return where the first fault lies, without the value: it may be of a patient."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])[:100]}: {str(first['type'])[:60]}"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do blocking work off the event loop, for ``async`` endpoints."""
    return await run_in_threadpool(work, *arguments)

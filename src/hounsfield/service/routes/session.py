"""Routes by which a person signs in and out, and looks after the own account."""

from typing import Annotated, Any

from fastapi import Body, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from hounsfield.errors import NotFound, Unauthenticated
from hounsfield.service.access.gate import COOKIE, SECURE_COOKIE
from hounsfield.service.access.policy import OWN, PUBLIC
from hounsfield.service.access.principal import Principal
from hounsfield.service.access.roles import EVERYWHERE
from hounsfield.service.audit.events import Event
from hounsfield.service.routing import Context, Route, context, in_thread

_LONGEST = 4096


class StrictBody(BaseModel):
    """A body of JSON with no other fields than those named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(StrictBody):
    """Name and password."""

    user: str = Field(max_length=64)
    password: str = Field(max_length=_LONGEST)


class ExternalSignIn(StrictBody):
    """A token of the OpenID Connect issuer."""

    token: str = Field(max_length=8192)


class PasswordChange(StrictBody):
    """The password so far and the new one."""

    current: str = Field(max_length=_LONGEST)
    new: str = Field(max_length=_LONGEST)


def account(principal: Principal) -> dict[str, Any]:
    """Return what an account may do, for itself to read."""
    everywhere = sorted(grant.permission for grant in principal.grants if grant.project == EVERYWHERE)
    return {
        "user": principal.user,
        "via": principal.via,
        "everywhere": everywhere,
        "projects": [
            {
                "project": project,
                "permissions": sorted({grant.permission for grant in principal.grants if grant.project == project}),
            }
            for project in principal.projects
            if principal.sees(project)
        ],
    }


async def sign_in(request: Request, body: Annotated[SignIn, Body()]) -> Response:
    """Sign in by password and begin a browser session."""
    found = context(request)
    try:
        known = found.desk.gate.users.find(body.user)
        found.objects.append(known.name)
    except NotFound:
        found.detail = "unknown"
    name = await in_thread(found.desk.gate.sign_in, body.user, body.password, found.address)
    return await _begin(request, found, name)


async def sign_in_externally(request: Request, body: Annotated[ExternalSignIn, Body()]) -> Response:
    """Sign in by a token of the OpenID Connect issuer and begin a browser session."""
    found = context(request)
    name = found.desk.gate.external_user(body.token)
    if name is None:
        raise Unauthenticated("E270")
    return await _begin(request, found, name)


async def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    found = context(request)
    secret = _shown(request)
    if secret is not None:
        await in_thread(found.desk.gate.sessions.end, secret)
    response = Response(status_code=204)
    response.delete_cookie(
        _cookie(found), path="/", secure=found.desk.doors.is_secure, httponly=True, samesite="strict"
    )
    return response


async def who(request: Request) -> dict[str, Any]:
    """Return the account that asks and what it may do."""
    return account(context(request).user)


async def change_password(request: Request, body: Annotated[PasswordChange, Body()]) -> Response:
    """Change the own password; every session ends, this one too."""
    found = context(request)
    gate, user = found.desk.gate, found.user.user
    await in_thread(gate.sign_in, user, body.current, found.address)
    await in_thread(gate.users.set_password, user, body.new)
    return Response(status_code=204)


def list_sessions(request: Request) -> dict[str, Any]:
    """Return the own browser sessions."""
    found = context(request)
    rows = found.desk.gate.sessions.list(found.user.user)
    return {
        "sessions": [
            {
                "identifier": row.identifier,
                "created": row.created,
                "seen": row.seen,
                "expires": row.expires,
                "address": row.address,
                "is_this": row.identifier == found.user.credential,
            }
            for row in rows
        ]
    }


def end_session(request: Request, identifier: str) -> Response:
    """End one of the own browser sessions."""
    found = context(request)
    found.desk.gate.sessions.revoke(found.user.user, identifier)
    return Response(status_code=204)


async def _begin(request: Request, found: Context, name: str) -> Response:
    gate, is_secure = found.desk.gate, found.desk.doors.is_secure
    secret = await in_thread(gate.sessions.start, name, found.address, _shown(request))
    found.principal = gate.sessions.resolve(secret)
    response = JSONResponse(account(found.user))
    response.set_cookie(_cookie(found), secret, path="/", secure=is_secure, httponly=True, samesite="strict")
    return response


def _cookie(found: Context) -> str:
    return SECURE_COOKIE if found.desk.doors.is_secure else COOKIE


def _shown(request: Request) -> str | None:
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)


ROUTES = (
    Route("POST", "/api/v1/session", sign_in, PUBLIC, Event.SIGN_IN),
    Route("POST", "/api/v1/session/external", sign_in_externally, PUBLIC, Event.SIGN_IN),
    Route("GET", "/api/v1/session", who, OWN, Event.SESSION_READ),
    Route("DELETE", "/api/v1/session", sign_out, OWN, Event.SIGN_OUT, status=204),
    Route("PUT", "/api/v1/password", change_password, OWN, Event.PASSWORD_CHANGE, status=204),
    Route("GET", "/api/v1/sessions", list_sessions, OWN, Event.SESSION_READ),
    Route("DELETE", "/api/v1/sessions/{identifier}", end_session, OWN, Event.SESSION_REVOKE, status=204),
)

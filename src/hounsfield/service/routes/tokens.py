"""Routes by which an account makes, lists and revokes its API tokens."""

from typing import Annotated, Any

from fastapi import Body, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from hounsfield.errors import Forbidden
from hounsfield.service.access.credentials import LONGEST_TOKEN_DAYS, Token
from hounsfield.service.access.policy import OWN
from hounsfield.service.access.roles import Permission
from hounsfield.service.audit.events import Event
from hounsfield.service.routing import Route, context


class TokenWish(BaseModel):
    """What a new token is for, and how little it may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(min_length=1, max_length=100)
    days: int = Field(90, ge=1, le=LONGEST_TOKEN_DAYS)
    permissions: list[Permission] | None = None
    projects: list[Annotated[str, Field(max_length=63)]] | None = Field(None, max_length=1000)


def token_row(token: Token) -> dict[str, Any]:
    """Return a token for its owner to read."""
    return {
        "identifier": token.identifier,
        "user": token.user,
        "label": token.label,
        "permissions": token.permissions,
        "projects": token.projects,
        "created": token.created,
        "expires": token.expires,
        "is_revoked": token.is_revoked,
    }


def make_token(request: Request, body: Annotated[TokenWish, Body()]) -> Response:
    """Make a token that acts for the own account; its text is in this reply and nowhere else."""
    found = context(request)
    if found.user.via == "token":
        raise Forbidden("E271", found="token")
    permissions = None if body.permissions is None else tuple(body.permissions)
    projects = None if body.projects is None else tuple(body.projects)
    token, text = found.desk.gate.tokens.create(found.user.user, body.label, body.days, permissions, projects)
    found.objects.append(token.identifier)
    return JSONResponse({**token_row(token), "token": text}, 201)


def list_tokens(request: Request) -> dict[str, Any]:
    """Return the own tokens, without their texts."""
    found = context(request)
    return {"tokens": [token_row(token) for token in found.desk.gate.tokens.list(found.user.user)]}


def revoke_token(request: Request, identifier: str) -> Response:
    """Make one of the own tokens worthless."""
    found = context(request)
    found.objects.append(identifier)
    found.desk.gate.tokens.revoke(identifier, found.user.user)
    return Response(status_code=204)


ROUTES = (
    Route("POST", "/api/v1/tokens", make_token, OWN, Event.TOKEN_CREATE, status=201),
    Route("GET", "/api/v1/tokens", list_tokens, OWN, Event.TOKEN_READ),
    Route("DELETE", "/api/v1/tokens/{identifier}", revoke_token, OWN, Event.TOKEN_REVOKE, status=204),
)

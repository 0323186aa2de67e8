"""Routes by which administrators look after accounts, roles and projects."""

from typing import Annotated, Any

from fastapi import Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from hounsfield.service.access.passwords import draw_password
from hounsfield.service.access.policy import in_project, in_view, on_site
from hounsfield.service.access.roles import EVERYWHERE, Permission, Role
from hounsfield.service.access.users import User
from hounsfield.service.audit.events import Event
from hounsfield.service.routes.tokens import token_row
from hounsfield.service.routing import Context, Route, context

_NAME_LETTERS = 64
ProjectName = Annotated[str, Query(max_length=_NAME_LETTERS)]


class NewUser(BaseModel):
    """An account to be made: with a drawn password, or with a subject at the OpenID Connect issuer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(max_length=_NAME_LETTERS)
    oidc_subject: str | None = Field(None, min_length=1, max_length=255)


class RoleInProject(BaseModel):
    """A role, and where it counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    project: str = Field(EVERYWHERE, max_length=_NAME_LETTERS)


class NewProject(BaseModel):
    """A project to be made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(max_length=_NAME_LETTERS)
    title: str = Field("", max_length=200)


def user_row(user: User) -> dict[str, Any]:
    """Return an account for an administrator to read."""
    return {
        "user": user.name,
        "is_disabled": user.is_disabled,
        "has_password": user.has_password,
        "oidc_subject": user.oidc_subject,
        "roles": [{"role": entry.role, "project": entry.project} for entry in user.memberships],
    }


def list_users(request: Request) -> dict[str, Any]:
    """Return every account."""
    return {"users": [user_row(user) for user in context(request).desk.gate.users.list()]}


def show_user(request: Request, user: str) -> dict[str, Any]:
    """Return an account."""
    return user_row(_about(request, user).desk.gate.users.find(user))


def add_user(request: Request, body: Annotated[NewUser, Body()]) -> Response:
    """Make an account, which may do nothing yet; its drawn password is in this reply and nowhere else."""
    found = _about(request, body.user)
    password = None if body.oidc_subject else draw_password()
    user = found.desk.gate.users.add(body.user, password, body.oidc_subject)
    return JSONResponse({**user_row(user), "password": password}, 201)


def reset_password(request: Request, user: str) -> dict[str, Any]:
    """Draw a new password for an account; its sessions end."""
    password = draw_password()
    _about(request, user).desk.gate.users.set_password(user, password)
    return {"user": user.lower(), "password": password}


def disable_user(request: Request, user: str) -> Response:
    """Close an account; its sessions and tokens are worthless at once."""
    _about(request, user).desk.gate.users.set_disabled(user, True)
    return Response(status_code=204)


def enable_user(request: Request, user: str) -> Response:
    """Open an account again."""
    _about(request, user).desk.gate.users.set_disabled(user, False)
    return Response(status_code=204)


def grant_role(request: Request, user: str, body: Annotated[RoleInProject, Body()]) -> Response:
    """Give an account a role in a project, or everywhere."""
    found = _about(request, user, f"{body.role} {body.project}")
    found.desk.gate.users.grant(user, body.role, body.project)
    return Response(status_code=204)


def revoke_role(request: Request, user: str, role: Role, project: ProjectName = EVERYWHERE) -> Response:
    """Take a role away from an account."""
    _about(request, user, f"{role} {project}").desk.gate.users.revoke(user, role, project)
    return Response(status_code=204)


def list_user_tokens(request: Request, user: str) -> dict[str, Any]:
    """Return the tokens of an account, without their texts."""
    found = _about(request, user)
    name = found.desk.gate.users.find(user).name
    return {"tokens": [token_row(token) for token in found.desk.gate.tokens.list(name)]}


def revoke_user_token(request: Request, user: str, identifier: str) -> Response:
    """Make a token of an account worthless."""
    found = _about(request, user, identifier)
    found.desk.gate.tokens.revoke(identifier, found.desk.gate.users.find(user).name)
    return Response(status_code=204)


def list_projects(request: Request) -> dict[str, Any]:
    """Return the projects that the account may see."""
    found = context(request)
    projects = found.desk.gate.users.projects()
    return {"projects": [_project_row(row.name, row.title) for row in projects if row.name in found.projects]}


def show_project(request: Request) -> dict[str, Any]:
    """Return a project."""
    found = context(request)
    row = found.desk.gate.users.find_project(found.project)
    return _project_row(row.name, row.title)


def list_members(request: Request) -> dict[str, Any]:
    """Return who has which role in a project, those with a role everywhere too."""
    found = context(request)
    rows = [
        {"user": user.name, "role": entry.role, "is_everywhere": entry.project == EVERYWHERE}
        for user in found.desk.gate.users.list()
        for entry in user.memberships
        if entry.project in (EVERYWHERE, found.project) and not user.is_disabled
    ]
    return {"members": rows}


def add_project(request: Request, body: Annotated[NewProject, Body()]) -> Response:
    """Make a project, of which nobody is a member yet."""
    found = _about(request, body.project)
    row = found.desk.gate.users.add_project(body.project, body.title)
    return JSONResponse(_project_row(row.name, row.title), 201)


def _about(request: Request, name: str, detail: str = "") -> Context:
    """Return the context, with what the audit record is to name."""
    found = context(request)
    found.objects.append(name)
    found.detail = detail
    return found


def _project_row(name: str, title: str) -> dict[str, Any]:
    return {"project": name, "title": title}


_MANAGE = on_site(Permission.USER_MANAGE)
_USERS, _USER = "/api/v1/users", "/api/v1/users/{user}"
_PROJECTS, _PROJECT = "/api/v1/projects", "/api/v1/projects/{project}"
ROUTES = (
    Route("GET", _USERS, list_users, _MANAGE, Event.USER_READ),
    Route("POST", _USERS, add_user, _MANAGE, Event.USER_CREATE, status=201),
    Route("GET", _USER, show_user, _MANAGE, Event.USER_READ),
    Route("POST", f"{_USER}/password", reset_password, _MANAGE, Event.PASSWORD_CHANGE),
    Route("PUT", f"{_USER}/disabled", disable_user, _MANAGE, Event.USER_DISABLE, status=204),
    Route("DELETE", f"{_USER}/disabled", enable_user, _MANAGE, Event.USER_ENABLE, status=204),
    Route("PUT", f"{_USER}/roles", grant_role, _MANAGE, Event.ROLE_GRANT, status=204),
    Route("DELETE", f"{_USER}/roles", revoke_role, _MANAGE, Event.ROLE_REVOKE, status=204),
    Route("GET", f"{_USER}/tokens", list_user_tokens, _MANAGE, Event.TOKEN_READ),
    Route("DELETE", f"{_USER}/tokens/{{identifier}}", revoke_user_token, _MANAGE, Event.TOKEN_REVOKE, status=204),
    Route("GET", _PROJECTS, list_projects, in_view(Permission.PROJECT_READ), Event.PROJECT_READ),
    Route("POST", _PROJECTS, add_project, on_site(Permission.PROJECT_MANAGE), Event.PROJECT_CREATE, status=201),
    Route("GET", _PROJECT, show_project, in_project(Permission.PROJECT_READ), Event.PROJECT_READ),
    Route("GET", f"{_PROJECT}/members", list_members, in_project(Permission.USER_MANAGE), Event.USER_READ),
)

"""``hounsfield user``: the accounts of the service, their roles, passwords and tokens, and the projects."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Tongue
from hounsfield.cli.serve import Store
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.service.access.gate import Gate
    from hounsfield.service.audit.events import Event

Data = dict[str, Any]


def user(
    action: Annotated[str, typer.Argument(help="add, list, role, password, disable, enable, token or project.")],
    name: Annotated[str | None, typer.Argument(help="Name of the account, or of the project.")] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", help="reader, technologist, data-scientist, administrator or auditor."),
    ] = None,
    project: Annotated[str, typer.Option("--project", help="Project of the role or token; * is everywhere.")] = "*",
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the role away; revoke the token named by --label.")
    ] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of drawing one.")] = False,
    oidc_subject: Annotated[
        str | None, typer.Option("--oidc-subject", help="Subject at the OpenID Connect issuer; then without password.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="What a token is for, or the identifier to revoke.")] = "token",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Days until a token expires.")] = 90,
    store: Store = None,
    as_json: Json = False,
    language: Tongue = None,
    debug: Debug = False,
) -> int:
    """Manage the accounts of a store on this machine; each change is written to the audit log."""
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language)
    wish: Data = {
        "name": name or "",
        "role": role,
        "project": project,
        "remove": remove,
        "ask": ask,
        "subject": oidc_subject,
        "label": label,
        "days": days,
    }
    data = _act(action, wish, store_folder(settings), talk)
    talk.answer(data, lambda: _lines(data))
    return 0


def _act(action: str, wish: Data, folder: Path, talk: Talk) -> Data:
    from hounsfield.errors import SettingsError
    from hounsfield.service.access.gate import open_gate
    from hounsfield.service.audit.events import Event

    acts = {
        "list": (Event.USER_READ, _list),
        "add": (Event.USER_CREATE, _add),
        "role": (Event.ROLE_REVOKE if wish["remove"] else Event.ROLE_GRANT, _role),
        "password": (Event.PASSWORD_CHANGE, _password),
        "disable": (Event.USER_DISABLE, _disable),
        "enable": (Event.USER_ENABLE, _enable),
        "token": (Event.TOKEN_REVOKE if wish["remove"] else Event.TOKEN_CREATE, _token),
        "project": (Event.PROJECT_CREATE, _project),
    }
    if action not in acts or (action != "list" and not wish["name"]):
        raise SettingsError("E703", found=f"{action} {wish['name']}".strip(), command="hounsfield user")
    event, act = acts[action]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    gate = open_gate(folder)
    try:
        return _written(folder, event, wish["name"], lambda: act(gate, wish, talk))
    finally:
        gate.close()


def _written(folder: Path, event: "Event", name: str, act: Any) -> Data:
    """Do something between two records of the audit log: that it begins, and what came of it."""
    from hounsfield.errors import HounsfieldError
    from hounsfield.service.audit.log import open_log
    from hounsfield.service.audit.record import Entry, Outcome

    log = open_log(folder)

    def write(outcome: Outcome, detail: str = "") -> None:
        objects = (name,) if name else ()
        log.append([Entry(event, outcome, "terminal", "terminal", objects=objects, detail=detail)])

    try:
        write(Outcome.BEGUN)
        try:
            data: Data = act()
        except HounsfieldError as error:
            write(Outcome.REFUSED, error.code)
            raise
        write(Outcome.SUCCESS)
        return data
    finally:
        log.close()


def _list(gate: "Gate", wish: Data, talk: Talk) -> Data:
    rows = [
        {
            "user": row.name,
            "is_disabled": row.is_disabled,
            "has_password": row.has_password,
            "oidc_subject": row.oidc_subject,
            "roles": [{"role": str(entry.role), "project": entry.project} for entry in row.memberships],
        }
        for row in gate.users.list()
    ]
    return {"users": rows, "projects": [project.name for project in gate.users.projects()]}


def _add(gate: "Gate", wish: Data, talk: Talk) -> Data:
    from hounsfield.service.access.roles import Role

    role = Role(wish["role"]) if _is_role(wish["role"]) else None
    password = None if wish["subject"] else _new_password(wish["ask"], talk)
    added = gate.users.add(wish["name"], password, wish["subject"])
    if role is not None:
        gate.users.grant(added.name, role, wish["project"])
    shown = None if wish["ask"] else password
    return {"user": added.name, "password": shown}


def _role(gate: "Gate", wish: Data, talk: Talk) -> Data:
    from hounsfield.errors import SettingsError
    from hounsfield.service.access.roles import Role

    if not _is_role(wish["role"]):
        raise SettingsError("E703", found="role", command="hounsfield user")
    change = gate.users.revoke if wish["remove"] else gate.users.grant
    change(wish["name"], Role(wish["role"]), wish["project"])
    return {
        "user": wish["name"].lower(),
        "role": wish["role"],
        "project": wish["project"],
        "is_held": not wish["remove"],
    }


def _password(gate: "Gate", wish: Data, talk: Talk) -> Data:
    gate.users.find(wish["name"])
    password = _new_password(wish["ask"], talk)
    gate.users.set_password(wish["name"], password)
    return {"user": wish["name"].lower(), "password": None if wish["ask"] else password}


def _disable(gate: "Gate", wish: Data, talk: Talk) -> Data:
    gate.users.set_disabled(wish["name"], True)
    return {"user": wish["name"].lower(), "is_disabled": True}


def _enable(gate: "Gate", wish: Data, talk: Talk) -> Data:
    gate.users.set_disabled(wish["name"], False)
    return {"user": wish["name"].lower(), "is_disabled": False}


def _token(gate: "Gate", wish: Data, talk: Talk) -> Data:
    if wish["remove"]:
        gate.tokens.revoke(wish["label"], gate.users.find(wish["name"]).name)
        return {"user": wish["name"].lower(), "identifier": wish["label"], "is_revoked": True}
    projects = None if wish["project"] == "*" else (wish["project"],)
    token, text = gate.tokens.create(wish["name"], wish["label"], wish["days"], None, projects)
    return {"user": token.user, "identifier": token.identifier, "expires": token.expires, "token": text}


def _project(gate: "Gate", wish: Data, talk: Talk) -> Data:
    return {"project": gate.users.add_project(wish["name"]).name}


def _is_role(role: str | None) -> bool:
    """Say whether a role is named; a wrong one is a mistake in the command.

    Raises:
        SettingsError: ``E703``.
    """
    from hounsfield.errors import SettingsError
    from hounsfield.service.access.roles import Role

    if role is not None and role not in set(Role):
        raise SettingsError("E703", found=role, command="hounsfield user")
    return role is not None


def _new_password(ask: bool, talk: Talk) -> str:
    from hounsfield.service.access.passwords import draw_password

    if not ask:
        return draw_password()
    again = talk.label("service-again")
    return str(typer.prompt(talk.label("service-password"), hide_input=True, confirmation_prompt=again, err=True))


def _lines(data: Data) -> Iterator[str]:
    for row in data.get("users", ()):
        roles = ", ".join(f"{entry['role']} ({entry['project']})" for entry in row["roles"])
        yield f"{row['user']:<24} {'-' if row['is_disabled'] else '+'} {roles}"
    if "users" in data:
        yield " ".join(data["projects"])
        return
    yield "  ".join(f"{key}: {value}" for key, value in data.items() if value is not None)

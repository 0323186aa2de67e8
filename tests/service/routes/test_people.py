"""Accounts, roles, projects and the log, as an administrator and an auditor meet them."""

import re

import pytest

from hounsfield.service.access.roles import EVERYWHERE, Membership, Permission, Role
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query
from tests.service.audit.a5_schema import faults
from tests.service.stand import OWN_PAGE, PASSWORD, Stand

USERS = "/api/v1/users"


@pytest.fixture
def chief(stand: Stand):
    """A program of somebody with every role."""
    return stand.client(**stand.bearer("chief"))


# ---- accounts


def test_an_account_is_made_with_a_password_that_is_said_once(stand, chief):
    reply = chief.post(USERS, json={"user": "Bob"})
    made = reply.json()
    assert (reply.status_code, made["user"], made["roles"], len(made["password"])) == (201, "bob", [], 20)
    browser = stand.client(**OWN_PAGE)
    signed = browser.post("/api/v1/session", json={"user": "bob", "password": made["password"]})
    assert signed.json()["projects"] == []
    shown = chief.get(f"{USERS}/bob")
    assert shown.json() == {
        "user": "bob",
        "is_disabled": False,
        "has_password": True,
        "oidc_subject": None,
        "roles": [],
    }
    assert made["password"] not in chief.get(USERS).text


def test_an_account_of_an_issuer_has_no_password(stand, chief):
    made = chief.post(USERS, json={"user": "bob", "oidc_subject": "f:1:bob"}).json()
    assert (made["password"], made["has_password"], made["oidc_subject"]) == (None, False, "f:1:bob")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"user": "reader@a"}, 409, "E281"),
        ({"user": "READER@A"}, 409, "E281"),
        ({"user": "a b"}, 422, "E283"),
        ({"user": ""}, 422, "E283"),
        ({"user": "../etc"}, 422, "E283"),
        ({"user": "x" * 65}, 422, "E278"),
        ({"user": "bob", "password": "chosen by the administrator"}, 422, "E278"),
        ({"user": "bob", "oidc_subject": ""}, 422, "E278"),
        ({}, 422, "E278"),
    ],
)
def test_an_account_that_cannot_be_made_is_not(body, status, code, stand, chief):
    before = stand.gate.users.list()
    reply = chief.post(USERS, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert stand.gate.users.list() == before


def test_roles_are_given_and_taken_and_count_at_once(stand, chief):
    program = stand.client(**stand.bearer("nobody"))
    assert program.get("/api/v1/projects").status_code == 403
    path = f"{USERS}/nobody/roles"
    assert chief.put(path, json={"role": "reader", "project": "b"}).status_code == 204
    assert program.get("/api/v1/projects").json()["projects"] == [{"project": "b", "title": "B"}]
    assert chief.put(path, json={"role": "auditor"}).status_code == 204
    assert program.get("/api/v1/audit").status_code == 200
    assert chief.delete(path, params={"role": "auditor"}).status_code == 204
    assert program.get("/api/v1/audit").status_code == 403
    assert stand.gate.users.find("nobody").memberships == (Membership("b", Role.READER),)


@pytest.mark.parametrize(
    ("user", "body", "status", "code"),
    [
        ("nobody", {"role": "king"}, 422, "E278"),
        ("nobody", {"role": "reader", "project": "none"}, 404, "E272"),
        ("not-there", {"role": "reader"}, 404, "E272"),
        ("nobody", {"role": "reader", "until": "tomorrow"}, 422, "E278"),
        ("nobody", {"project": "a"}, 422, "E278"),
    ],
)
def test_a_role_that_cannot_be_given_is_not(user, body, status, code, stand, chief):
    reply = chief.put(f"{USERS}/{user}/roles", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert stand.gate.users.find("nobody").memberships == ()


def test_the_last_administrator_can_neither_leave_nor_be_closed(stand, chief):
    for reply in (
        chief.delete(f"{USERS}/chief/roles", params={"role": "administrator"}),
        chief.put(f"{USERS}/chief/disabled"),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "E281")
    assert chief.get(USERS).status_code == 200


def test_a_closed_account_is_out_at_once_and_back_when_opened(stand, chief):
    browser, program = stand.signed_in("reader@a"), stand.client(**stand.bearer("reader@a"))
    assert chief.put(f"{USERS}/reader@a/disabled").status_code == 204
    assert browser.get("/api/v1/session").status_code == program.get("/api/v1/session").status_code == 401
    assert chief.get(f"{USERS}/reader@a").json()["is_disabled"] is True
    assert chief.delete(f"{USERS}/reader@a/disabled").status_code == 204
    assert browser.get("/api/v1/session").status_code == 401
    assert program.get("/api/v1/session").status_code == 200


def test_a_new_password_is_drawn_and_ends_the_sessions(stand, chief):
    browser = stand.signed_in("reader@a")
    drawn = chief.post(f"{USERS}/reader@a/password").json()["password"]
    assert browser.get("/api/v1/session").status_code == 401
    fresh = stand.client(**OWN_PAGE)
    assert fresh.post("/api/v1/session", json={"user": "reader@a", "password": PASSWORD}).status_code == 401
    assert fresh.post("/api/v1/session", json={"user": "reader@a", "password": drawn}).status_code == 200


def test_the_tokens_of_an_account_are_listed_and_revoked(stand, chief):
    program = stand.client(**stand.bearer("reader@a"))
    listed = chief.get(f"{USERS}/reader@a/tokens")
    identifier = listed.json()["tokens"][0]["identifier"]
    assert stand.tokens["reader@a"] not in listed.text
    assert chief.delete(f"{USERS}/reader@b/tokens/{identifier}").status_code == 404
    assert program.get("/api/v1/session").status_code == 200
    assert chief.delete(f"{USERS}/reader@a/tokens/{identifier}").status_code == 204
    assert program.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{USERS}/not-there"),
        ("POST", f"{USERS}/not-there/password"),
        ("PUT", f"{USERS}/not-there/disabled"),
        ("DELETE", f"{USERS}/not-there/disabled"),
        ("GET", f"{USERS}/not-there/tokens"),
        ("DELETE", f"{USERS}/not-there/tokens/x"),
        ("DELETE", f"{USERS}/nobody/roles?role=reader"),
        ("GET", f"{USERS}/%2e%2e%2fadmin"),
        ("GET", f"{USERS}/' OR 1=1 --"),
    ],
)
def test_what_is_not_there_is_not_found(method, path, chief):
    reply = chief.request(method, path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "E272")


# ---- projects


def test_a_project_is_made_and_seen_by_its_members_alone(stand, chief):
    reply = chief.post("/api/v1/projects", json={"project": "lung", "title": "Lungs 肺"})
    assert (reply.status_code, reply.json()) == (201, {"project": "lung", "title": "Lungs 肺"})
    assert chief.get("/api/v1/projects/lung").json()["title"] == "Lungs 肺"
    member = stand.client(**stand.bearer("reader@a"))
    assert member.get("/api/v1/projects/lung").json() == member.get("/api/v1/projects/none").json()
    assert [row["project"] for row in member.get("/api/v1/projects").json()["projects"]] == ["a"]
    stand.gate.users.grant("reader@a", Role.READER, "lung")
    assert member.get("/api/v1/projects/lung").status_code == 200
    assert [row["project"] for row in chief.get("/api/v1/projects").json()["projects"]] == ["a", "b", "lung"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"project": "a"}, 409, "E281"),
        ({"project": "*"}, 422, "E283"),
        ({"project": "A"}, 422, "E283"),
        ({"project": "a/b"}, 422, "E283"),
        ({"project": ""}, 422, "E283"),
        ({"project": "x" * 65}, 422, "E278"),
        ({"project": "x", "title": "y" * 201}, 422, "E278"),
        ({"title": "x"}, 422, "E278"),
    ],
)
def test_a_project_that_cannot_be_made_is_not(body, status, code, stand, chief):
    reply = chief.post("/api/v1/projects", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert [project.name for project in stand.gate.users.projects()] == ["a", "b"]


def test_the_administrator_of_a_project_sees_its_members_and_no_others(stand):
    program = stand.client(**stand.bearer("administrator@a"))
    members = program.get("/api/v1/projects/a/members").json()["members"]
    assert {row["user"] for row in members if not row["is_everywhere"]} == {f"{role}@a" for role in Role}
    assert {row["user"] for row in members if row["is_everywhere"]} == {"chief"}
    assert program.get("/api/v1/projects/b/members").status_code == 404
    stand.gate.users.set_disabled("reader@a", True)
    members = program.get("/api/v1/projects/a/members").json()["members"]
    assert "reader@a" not in {row["user"] for row in members}


# ---- the log


@pytest.fixture
def auditor(stand: Stand):
    """A program of somebody who may read the log and nothing else."""
    stand.gate.users.grant("nobody", Role.AUDITOR, EVERYWHERE)
    return stand.client(**stand.bearer("nobody"))


def test_an_auditor_reads_what_others_did_page_by_page(stand, chief, auditor):
    for name in ("one", "two", "three"):
        chief.post(USERS, json={"user": name})
    made = auditor.get("/api/v1/audit", params={"event": "user.create"}).json()["records"]
    assert [(row["objects"], row["outcome"]) for row in made] == [
        (["three"], 0),
        ([], -1),
        (["two"], 0),
        ([], -1),
        (["one"], 0),
        ([], -1),
    ]
    first = auditor.get("/api/v1/audit", params={"actor": "chief", "limit": 2}).json()["records"]
    second = auditor.get(
        "/api/v1/audit", params={"actor": "chief", "limit": 2, "before": first[-1]["sequence"]}
    ).json()["records"]
    numbers = [row["sequence"] for row in first + second]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 4
    assert stand.last()[0].entry.event is Event.LOG_READ


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1001}, {"before": 0}, {"before": 2**63}, {"actor": "x" * 65}, {"limit": "all"}]
)
def test_a_question_that_does_not_fit_is_refused(query, auditor):
    assert auditor.get("/api/v1/audit", params=query).status_code == 422


@pytest.mark.parametrize("actor", ["' OR 1=1 --", "%", "*", ""])
def test_no_pattern_reads_more(actor, auditor):
    assert auditor.get("/api/v1/audit", params={"actor": actor}).json()["records"] == []


def test_an_auditor_checks_the_log_and_sees_a_change(stand, chief, auditor):
    chief.get(USERS)
    said = auditor.get("/api/v1/audit/check").json()
    assert said["faults"] == []
    assert re.fullmatch(rf"{said['records']}:[0-9a-f]{{64}}", said["anchor"])
    stand.log._connection.execute("UPDATE records SET body = replace(body, 'chief', 'other') WHERE sequence = 1")
    assert auditor.get("/api/v1/audit/check").json()["faults"][0] == {"sequence": 1, "kind": "edited"}


def test_an_export_keeps_to_the_schema_and_is_written_down_before_it_begins(stand, chief, auditor):
    chief.get(USERS)
    reply = auditor.get("/api/v1/audit/messages", params={"first": 1, "count": 2})
    lines = reply.text.splitlines()
    assert [fault for line in lines for fault in faults(line)] == []
    assert len(lines) == 2
    assert reply.headers["content-disposition"] == 'attachment; filename="audit-1.xml"'
    assert [(record.entry.event, int(record.entry.outcome)) for record in stand.last(2)] == [
        (Event.LOG_EXPORT, 0),
        (Event.LOG_EXPORT, -1),
    ]
    assert stand.last()[0].entry.detail == "1 2"


def test_no_export_while_the_log_cannot_be_written(stand, auditor, monkeypatch):
    from hounsfield.errors import AuditError

    def full(_: object) -> int:
        raise AuditError("E279", found="full")

    monkeypatch.setattr(stand.log, "append", full)
    reply = auditor.get("/api/v1/audit/messages")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "E279")
    assert auditor.get("/api/v1/audit").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", USERS, {"user": "bob"}),
        ("POST", f"{USERS}/reader@a/password", None),
        ("PUT", f"{USERS}/reader@a/disabled", None),
        ("PUT", f"{USERS}/reader@a/roles", {"role": "auditor"}),
        ("DELETE", f"{USERS}/reader@a/roles?role=reader&project=a", None),
        ("POST", "/api/v1/projects", {"project": "lung"}),
        ("POST", "/api/v1/tokens", {"label": "x"}),
    ],
)
def test_nothing_changes_while_it_cannot_be_written_down(method, path, body, stand, monkeypatch):
    from hounsfield.errors import AuditError

    browser = stand.signed_in("chief")
    before = stand.gate.users.list(), stand.gate.users.projects(), stand.gate.tokens.list()
    hashed = stand.gate.users.password_hash("reader@a")

    def full(_: object) -> int:
        raise AuditError("E279", found="full")

    monkeypatch.setattr(stand.log, "append", full)
    reply = browser.request(method, path, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "E279")
    assert (stand.gate.users.list(), stand.gate.users.projects(), stand.gate.tokens.list()) == before
    assert stand.gate.users.password_hash("reader@a") == hashed


def test_an_administrator_reads_neither_images_nor_the_log(stand):
    stand.gate.users.grant("nobody", Role.ADMINISTRATOR, EVERYWHERE)
    program = stand.client(**stand.bearer("nobody"))
    assert program.get(USERS).status_code == 200
    for path in ("/api/v1/audit", "/api/v1/audit/check", "/api/v1/audit/messages"):
        assert program.get(path).status_code == 403
    principal = stand.gate.users.principal("nobody", "token")
    assert not principal.may(Permission.STUDY_READ, EVERYWHERE)


def test_who_gave_which_role_to_whom_is_in_the_log(stand, chief):
    chief.put(f"{USERS}/nobody/roles", json={"role": "reader", "project": "b"})
    record = stand.log.read(Query(limit=1))[0].entry
    assert (record.event, record.actor, record.objects, record.detail) == (
        Event.ROLE_GRANT,
        "chief",
        ("nobody",),
        "reader b",
    )

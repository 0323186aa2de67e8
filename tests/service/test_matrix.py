"""Every route of the table × every bad credential, and × every role: made from the table, so no route is forgotten."""

import re

import pytest

from hounsfield.service.access.gate import COOKIE
from hounsfield.service.access.policy import Scope
from hounsfield.service.access.roles import EVERYWHERE, PERMISSIONS, Role
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query
from hounsfield.service.routes import route_table
from hounsfield.service.routing import Route
from tests.service.stand import OWN_PAGE, Stand

TABLE = route_table()
GUARDED = tuple(row for row in TABLE if row.policy.scope is not Scope.PUBLIC)
IN_PROJECT = tuple(row for row in GUARDED if row.policy.scope is Scope.PROJECT)
UID = "1.2.826.0.1.3680043.8.498.7"


def name(row: Route) -> str:
    return f"{row.method} {row.path}"


def path_of(row: Route, project: str = "a") -> str:
    """Return the path with its fields filled in."""
    filled = row.path.replace("{project}", project)
    return re.sub(r"\{\w*uid\w*(:\w+)?\}", UID, re.sub(r"\{(?!\w*uid)\w+(:\w+)?\}", "something", filled))


def asked(stand: Stand, row: Route, headers: dict[str, str], project: str = "a"):
    cookie = {"cookie": headers["cookie"]} if "cookie" in headers else {}
    client = stand.client(**OWN_PAGE, **cookie, **{key: text for key, text in headers.items() if key != "cookie"})
    return client.request(row.method, path_of(row, project))


@pytest.fixture(scope="module")
def bad(shared) -> dict[str, dict[str, str]]:
    """Return credentials by what is wrong with them; each was good but for that."""
    tokens, gate = shared.gate.tokens, shared.gate
    revoked, text_of_revoked = tokens.create("chief", "revoked", 9)
    tokens.revoke(revoked.identifier)
    good = tokens.create("chief", "good", 9)[1]
    expired = tokens.create("chief", "expired", 1)[1]
    session = gate.sessions.start("chief", "x")
    gate.sessions.end(session)
    idle = gate.sessions.start("chief", "x")
    shared.clock.now += 2 * 86400
    gate.users.add("closed", None)
    closed = tokens.create("closed", "closed", 9)[1]
    gate.users.grant("closed", Role.ADMINISTRATOR)
    gate.users.set_disabled("closed", True)
    bearer = {
        "revoked": text_of_revoked,
        "expired": expired,
        "closed account": closed,
        "cut": good[:-1],
        "made up": "hfd_000000000000_" + "A" * 43,
        "empty": "",
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaGllZiJ9.",
        "three parts": "a.b.c",
        "password": "correct horse battery",
        "long": "A" * 20_000,
    }
    headers = {kind: {"authorization": f"Bearer {text}"} for kind, text in bearer.items()}
    return headers | {
        "none": {},
        "basic": {"authorization": "Basic Y2hpZWY6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"},
        "wrong scheme": {"authorization": good},
        "ended session": {"cookie": f"{COOKIE}={session}"},
        "idle session": {"cookie": f"{COOKIE}={idle}"},
        "token as cookie": {"cookie": f"{COOKIE}={good}"},
    }


@pytest.mark.parametrize("row", GUARDED, ids=name)
def test_a_route_refuses_every_bad_credential(row, shared, bad):
    said = {kind: asked(shared, row, headers) for kind, headers in bad.items()}
    assert {kind: reply.status_code for kind, reply in said.items()} == dict.fromkeys(bad, 401)
    assert len({reply.text for reply in said.values()}) == 1
    assert all(reply.headers["www-authenticate"].startswith("Bearer") for reply in said.values())


def test_every_refusal_of_a_stranger_is_written_down(shared, bad):
    asked(shared, GUARDED[0], bad["made up"])
    record = shared.last()[0].entry
    assert (record.event, record.actor, int(record.outcome)) == (Event.ACCESS_REFUSED, "-", 4)
    assert record.detail.endswith("E270")


@pytest.mark.parametrize(
    ("row", "role"),
    [
        pytest.param(row, role, id=f"{role} {name(row)}")
        for row in GUARDED
        for role in Role
        if row.policy.permission is not None and row.policy.permission not in PERMISSIONS[role]
    ],
)
def test_a_route_refuses_every_role_without_its_permission(row, role, shared):
    reply = asked(shared, row, shared.bearer(f"{role}@a"))
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "E271"


@pytest.mark.parametrize("row", [row for row in GUARDED if row.policy.scope is Scope.SITE], ids=name)
def test_what_belongs_to_no_project_is_refused_to_the_members_of_one(row, shared):
    for role in Role:
        assert asked(shared, row, shared.bearer(f"{role}@a")).status_code == 403


@pytest.mark.parametrize("row", GUARDED, ids=name)
def test_somebody_without_any_role_reaches_only_what_is_its_own(row, shared):
    status = asked(shared, row, shared.bearer("nobody")).status_code
    assert status not in (401, 500)
    assert (status in (403, 404)) or row.policy.scope is Scope.SELF


@pytest.mark.parametrize("row", GUARDED, ids=name)
def test_nothing_fails_inside_for_who_may_everything(row, shared):
    """An empty body, things that are not there: refused or done, never a fault of ours."""
    reply = asked(shared, row, shared.bearer("chief"))
    assert reply.status_code < 500, reply.text
    assert reply.status_code not in (401, 403)


def test_other_projects_and_none_sound_the_same_on_every_route_of_a_project(shared):
    for row in IN_PROJECT:
        for role in Role:
            other = asked(shared, row, shared.bearer(f"{role}@a"), "b")
            none = asked(shared, row, shared.bearer(f"{role}@a"), "not-there")
            assert (other.status_code, other.json()) == (none.status_code, none.json())
            assert other.status_code == 404


@pytest.mark.parametrize("row", [row for row in TABLE if row.method != "GET"], ids=name)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"content-encoding": "gzip"},
    ],
)
def test_an_unsafe_route_refuses_other_sites_other_names_and_packed_bodies(row, headers, shared):
    reply = shared.client(**shared.bearer("chief"), **headers).request(row.method, path_of(row))
    assert reply.status_code in (403, 415, 421)
    assert reply.json()["error"]["code"] in ("E274", "E275", "E277")


@pytest.mark.parametrize("row", [row for row in TABLE if row.max_body_bytes is not None], ids=name)
def test_a_body_beyond_its_limit_is_refused(row, shared):
    client = shared.client(**shared.bearer("chief"), **OWN_PAGE)
    reply = client.request(row.method, path_of(row), content=b"0" * (row.max_body_bytes + 1))
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "E276")


@pytest.mark.parametrize("row", [row for row in GUARDED if row.event is not None], ids=name)
def test_every_route_is_written_down_before_its_reply(row, shared):
    reply = asked(shared, row, shared.bearer("chief"))
    records = [
        record.entry
        for record in shared.log.read(Query(limit=5))
        if record.entry.request == reply.headers["x-request-id"]
    ]
    assert records
    assert records[0].actor == "chief"
    assert records[0].via == "token"
    if reply.status_code < 400:
        assert int(records[0].outcome) == 0
    begun = [record for record in records if int(record.outcome) == -1]
    assert bool(begun) is row.event.value.is_fail_closed


def test_a_principal_of_one_project_has_no_grant_elsewhere(shared):
    for role in Role:
        principal = shared.gate.users.principal(f"{role}@a", "session")
        assert {grant.project for grant in principal.grants} == {"a"}
        assert EVERYWHERE not in {grant.project for grant in principal.grants}

"""No route without a policy: not in the table, not in the application, not past the edge."""

import dataclasses
import logging

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from hounsfield.errors import AccessError, ArchiveError, Conflict, HounsfieldError, NotFound, Refused, Timeout
from hounsfield.service.access.policy import OWN, PUBLIC, Policy, Scope, in_project, in_view, on_site
from hounsfield.service.access.roles import Permission
from hounsfield.service.app import build, inner_app, require_policies
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.record import Entry
from hounsfield.service.edge import Edge
from hounsfield.service.routes import route_table
from hounsfield.service.routing import GuardedRoute, Route, context
from tests.service.stand import stand_in


async def fine(request: Request) -> dict[str, object]:
    found = context(request)
    return {"projects": found.projects, "user": found.principal and found.principal.user}


def row(**changes: object) -> Route:
    return dataclasses.replace(Route("GET", "/x", fine, PUBLIC, Event.STUDY_READ), **changes)


# ---- the table


def test_a_row_cannot_be_made_without_a_policy():
    with pytest.raises(TypeError, match="policy"):
        Route("GET", "/x", fine)


def test_every_row_names_a_policy_and_all_but_public_ones_and_metrics_an_event():
    for entry in route_table():
        assert isinstance(entry.policy, Policy), entry.path
        assert (
            entry.event is not None
            or entry.policy.scope is Scope.PUBLIC
            or entry.path
            in (
                "/metrics",
                "/api/v1/openapi.json",
            )
        ), entry.path


def test_unsafe_public_rows_are_the_doors_of_signing_in_alone():
    unsafe = {entry.path for entry in route_table() if entry.policy.scope is Scope.PUBLIC and entry.method != "GET"}
    assert unsafe == {"/api/v1/session", "/api/v1/session/external"}


def test_no_two_rows_answer_the_same():
    doors = [(entry.method, entry.path) for entry in route_table()]
    assert len(doors) == len(set(doors))


# ---- the application


@pytest.mark.parametrize(
    "policy_and_path",
    [
        (Policy(Scope.VIEW), "/x"),
        (Policy(Scope.SITE), "/x"),
        (Policy(Scope.PROJECT), "/x/{project}"),
        (in_project(Permission.STUDY_READ), "/x"),
        (in_view(Permission.STUDY_READ), "/x/{project}"),
        (OWN, "/x/{project}"),
        (PUBLIC, "/x/{project}"),
        (Policy(Scope.PUBLIC, Permission.STUDY_READ), "/x"),
    ],
)
def test_a_policy_that_its_path_cannot_serve_stops_the_start(policy_and_path, stand):
    policy, path = policy_and_path
    with pytest.raises(AccessError, match="E286"):
        build(stand.desk, (row(policy=policy, path=path),))


@pytest.mark.parametrize("kind", ["plain", "mount", "websocket"])
def test_a_route_that_is_no_row_stops_the_start(kind, stand, tmp_path):
    api = inner_app(stand.desk, route_table())
    require_policies(api)
    if kind == "plain":
        api.add_api_route("/forgotten", fine)
    elif kind == "mount":
        api.router.routes.append(Mount("/static", StaticFiles(directory=tmp_path)))
    else:
        api.add_api_websocket_route("/socket", fine)
    with pytest.raises(AccessError, match="E286"):
        require_policies(api)


def test_the_edge_keeps_back_what_no_policy_has_taken_up(stand):
    api = FastAPI()
    api.add_api_route("/forgotten", lambda: {"secret": 1})
    reply = TestClient(Edge(api, stand.desk)).get("/forgotten")
    assert reply.status_code == 403
    assert "secret" not in reply.text
    assert reply.json()["error"]["code"] == "E271"


def test_every_route_of_the_application_is_a_guarded_row(stand):
    routes = inner_app(stand.desk, route_table()).router.routes
    assert all(isinstance(route, GuardedRoute) for route in routes)
    assert not isinstance(APIRoute("/x", fine), GuardedRoute)
    assert len(routes) == len(route_table())


# ---- policies at work

DOORS = (
    row(path="/public"),
    row(path="/own", policy=OWN),
    row(path="/view", policy=in_view(Permission.STUDY_READ)),
    row(path="/project/{project}", policy=in_project(Permission.STUDY_READ)),
    row(path="/site", policy=on_site(Permission.USER_MANAGE)),
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    made = stand_in(tmp_path_factory.mktemp("doors"), routes=DOORS)
    yield made
    made.desk.close()


@pytest.mark.parametrize(
    ("user", "path", "status", "projects"),
    [
        (None, "/public", 200, []),
        (None, "/own", 401, None),
        (None, "/view", 401, None),
        (None, "/project/a", 401, None),
        (None, "/site", 401, None),
        ("nobody", "/own", 200, []),
        ("nobody", "/view", 403, None),
        ("nobody", "/project/a", 404, None),
        ("nobody", "/site", 403, None),
        ("reader@a", "/view", 200, ["a"]),
        ("reader@b", "/view", 200, ["b"]),
        ("reader@a", "/project/a", 200, ["a"]),
        ("reader@a", "/project/b", 404, None),
        ("reader@a", "/project/none", 404, None),
        ("reader@a", "/project/*", 404, None),
        ("auditor@a", "/project/a", 403, None),
        ("auditor@a", "/view", 403, None),
        ("administrator@a", "/site", 403, None),
        ("chief", "/view", 200, ["a", "b"]),
        ("chief", "/project/b", 200, ["b"]),
        ("chief", "/project/none", 404, None),
        ("chief", "/site", 200, ["a", "b"]),
    ],
)
def test_a_policy_admits_whom_it_says_to_the_projects_it_says(user, path, status, projects, doors):
    reply = doors.client(**(doors.bearer(user) if user else {})).get(path)
    assert reply.status_code == status
    if projects is not None:
        assert reply.json()["projects"] == projects
        assert reply.json()["user"] == (user if path != "/public" else None)


def test_another_project_and_none_cannot_be_told_apart(doors):
    client = doors.client(**doors.bearer("reader@a"))
    other, none = client.get("/project/b"), client.get("/project/none")
    assert other.json() == none.json()
    assert other.headers.keys() == none.headers.keys()


# ---- errors

FAULTS: tuple[tuple[Exception, int, str], ...] = (
    (NotFound("E100"), 404, "E100"),
    (NotFound("E282", found="x"), 404, "E272"),
    (Refused("E103", uid="1.2.3"), 422, "E103"),
    (Conflict("E281", found="x"), 409, "E281"),
    (Timeout("E100"), 504, "E100"),
    (ArchiveError("E100"), 503, "E100"),
    (HounsfieldError("E704"), 500, "E704"),
    (ZeroDivisionError("Mustermann^Max"), 500, "E289"),
    (RecursionError("Mustermann^Max"), 500, "E289"),
)


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_an_error_becomes_its_status_and_the_one_shape(number, tmp_path, caplog):
    fault, status, code = FAULTS[number]

    async def fail() -> None:
        raise fault

    stand = stand_in(tmp_path, routes=(row(path="/fail", endpoint=fail),))
    with caplog.at_level(logging.DEBUG):
        reply = stand.client(**{"accept-language": "zh-CN,en;q=0.5"}).get("/fail")
    stand.desk.close()
    assert reply.status_code == status
    error = reply.json()["error"]
    assert error.keys() == {"code", "text", "next", "uid"}
    assert error["code"] == code
    assert any("\u4e00" <= letter <= "\u9fff" for letter in error["text"])
    assert error["uid"] == getattr(fault, "uid", None)
    assert "Mustermann" not in reply.text + caplog.text


def test_a_fault_of_ours_is_logged_by_place_and_request(tmp_path, caplog):
    async def fail() -> None:
        raise KeyError("Mustermann^Max")

    stand = stand_in(tmp_path, routes=(row(path="/fail", endpoint=fail),))
    reply = stand.client().get("/fail")
    stand.desk.close()
    message = next(entry.getMessage() for entry in caplog.records if entry.name == "hounsfield.service")
    assert reply.headers["x-request-id"] in message
    assert "KeyError at test_app.py:" in message


def test_an_unknown_path_or_method_has_the_same_shape(shared):
    client = shared.client()
    assert client.get("/api/v1/nothing").json()["error"]["code"] == "E272"
    assert client.get("/health/live/").status_code == 404
    reply = client.put("/health/live")
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "E288")
    assert client.request("OPTIONS", "/api/v1/session").status_code == 405


def test_a_body_that_does_not_fit_says_where_and_not_what(shared):
    reply = shared.client().post("/api/v1/session", json={"user": "chief", "password": "x", "name": "Mustermann"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "E278")
    assert "body.name" in reply.json()["error"]["text"]
    assert "Mustermann" not in reply.text
    assert shared.client().post("/api/v1/session", content=b"{" * 1000).status_code == 422


def test_a_reply_that_is_a_stream_passes_whole(tmp_path):
    async def text() -> PlainTextResponse:
        return PlainTextResponse("x" * 1_000_000)

    stand = stand_in(tmp_path, routes=(row(path="/text", endpoint=text),))
    assert len(stand.client().get("/text").content) == 1_000_000
    stand.desk.close()


# ---- what the service says of itself


def test_the_api_describes_every_route_and_no_other(shared):
    paths = shared.client(**shared.bearer("reader@a")).get("/api/v1/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(entry.method, entry.path.replace(":path}", "}")) for entry in route_table()}


def test_metrics_count_without_names_and_are_for_those_who_may(shared):
    shared.client().get("/health/live")
    shared.client().request("MUSTERMANN", "/health/live")
    text = shared.client(**shared.bearer("chief")).get("/metrics").text
    assert 'hounsfield_http_requests_total{method="GET",status="200"}' in text
    assert 'method="OTHER",status="405"' in text
    assert "MUSTERMANN" not in text
    assert shared.client(**shared.bearer("reader@a")).get("/metrics").status_code == 403


@pytest.mark.parametrize(
    ("path", "accepted", "language", "word"),
    [
        ("/", "en", "en", "Research software"),
        ("/", "zh-Hans, en", "zh", "研究软件"),
        ("/", "fr, de", "en", "Research software"),
        ("/?language=zh", "en", "zh", "研究软件"),
        ("/?language=<script>", "en", "en", "Research software"),
    ],
)
def test_the_plain_page_speaks_both_languages_without_script(path, accepted, language, word, shared):
    reply = shared.client(**{"accept-language": accepted}).get(path)
    assert f'<html lang="{language}">' in reply.text
    assert reply.headers["content-language"] == language
    assert word in reply.text
    assert "<script" not in reply.text


def test_ready_is_not_said_while_records_wait(tmp_path):
    stand = stand_in(tmp_path)
    assert stand.client().get("/health/ready").status_code == 200
    stand.desk.recorder.scribe.keep_for_later(Entry(Event.STUDY_READ))
    assert stand.client().get("/health/ready").status_code == 503
    assert stand.client().get("/health/live").status_code == 200
    stand.desk.close()

"""Signing in and out, the own password, sessions and tokens, as a browser and a program meet them."""

import pytest

from hounsfield.service.access.gate import COOKIE, SECURE_COOKIE
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query
from hounsfield.service.audit.record import Outcome
from hounsfield.service.desk import Doors
from tests.service.stand import HOST, OWN_PAGE, PASSWORD, stand_in

SIGN_IN = "/api/v1/session"


def sign_in(stand, user: str, password: str = PASSWORD, **headers: str):
    return stand.client(**OWN_PAGE, **headers).post(SIGN_IN, json={"user": user, "password": password})


# ---- signing in


def test_who_signs_in_hears_what_the_account_may_do(stand):
    reply = sign_in(stand, "Reader@A")
    assert reply.status_code == 200
    said = reply.json()
    assert (said["user"], said["via"], said["everywhere"]) == ("reader@a", "session", [])
    assert [entry["project"] for entry in said["projects"]] == ["a"]
    assert "study.read" in said["projects"][0]["permissions"]


def test_the_cookie_is_for_this_site_and_out_of_reach_of_scripts(stand):
    cookie = sign_in(stand, "reader@a").headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{COOKIE}=")
    assert parts == {"httponly", "path=/", "samesite=strict"}


def test_behind_tls_the_cookie_is_bound_to_the_host(tmp_path):
    stand = stand_in(tmp_path, doors=Doors(hosts=frozenset({HOST}), is_secure=True))
    reply = stand.client(origin=f"https://{HOST}").post(SIGN_IN, json={"user": "chief", "password": PASSWORD})
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"{SECURE_COOKIE}=")
    assert {"secure", "path=/"} <= {part.strip().lower() for part in cookie.split(";")[1:]}
    assert "domain" not in cookie.lower()
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    stand.desk.close()


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("reader@a", "wrong"),
        ("reader@a", ""),
        ("reader@a", PASSWORD.upper()),
        ("no-such-person", PASSWORD),
        ("", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("reader@a\u0000", PASSWORD),
    ],
)
def test_whatever_is_wrong_the_reply_is_the_same(user, password, shared):
    reply = sign_in(shared, user, password)
    known = sign_in(shared, "reader@b", "wrong")
    assert (reply.status_code, reply.json()) == (known.status_code, known.json())
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers
    assert reply.headers.keys() == known.headers.keys()
    with shared.gate.database.changing() as connection:
        connection.execute("DELETE FROM failures")


def test_a_closed_account_sounds_like_none(stand):
    stand.gate.users.set_disabled("reader@a", True)
    assert sign_in(stand, "reader@a").json() == sign_in(stand, "no-such-person").json()


def test_the_sixth_failure_must_wait_and_says_how_long(stand):
    for _ in range(5):
        sign_in(stand, "reader@a", "wrong")
    replies = [sign_in(stand, name) for name in ("reader@a",)]
    assert replies[0].status_code == 429
    assert replies[0].headers["retry-after"] == "31"
    for _ in range(5):
        sign_in(stand, "made-up", "wrong")
    assert sign_in(stand, "made-up").json() == replies[0].json()
    stand.clock.now += 31
    assert sign_in(stand, "reader@a").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "chief"},
        {"user": "chief", "password": 5},
        {"user": ["chief"], "password": PASSWORD},
        {"user": "chief", "password": PASSWORD, "role": "administrator"},
        {"user": "x" * 65, "password": PASSWORD},
        {"user": "chief", "password": "x" * 5000},
        [],
        None,
    ],
)
def test_a_body_of_another_shape_is_refused(body, shared):
    reply = shared.client(**OWN_PAGE).post(SIGN_IN, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "E278")


def test_signing_in_again_gives_a_new_session_and_ends_the_one_before(stand):
    browser = stand.signed_in("reader@a")
    before = browser.cookies[COOKIE]
    reply = browser.post(SIGN_IN, json={"user": "reader@b", "password": PASSWORD})
    assert reply.json()["user"] == "reader@b"
    assert browser.cookies[COOKIE] != before
    old = stand.client(cookie=f"{COOKIE}={before}")
    assert old.get(SIGN_IN).status_code == 401


def test_a_session_that_somebody_chose_is_not_taken_over(stand):
    chosen = "chosen-by-an-attacker"
    reply = sign_in(stand, "reader@a", cookie=f"{COOKIE}={chosen}")
    assert chosen not in reply.headers["set-cookie"]
    assert stand.client(cookie=f"{COOKIE}={chosen}").get(SIGN_IN).status_code == 401


# ---- afterwards


def test_signing_out_ends_the_session_for_good(stand):
    browser = stand.signed_in("reader@a")
    secret = browser.cookies[COOKIE]
    reply = browser.delete(SIGN_IN)
    assert reply.status_code == 204
    assert f'{COOKIE}=""' in reply.headers["set-cookie"]
    assert stand.client(cookie=f"{COOKIE}={secret}").get(SIGN_IN).status_code == 401


def test_a_new_password_ends_every_session_and_opens_the_next(stand):
    browser, other = stand.signed_in("reader@a"), stand.signed_in("reader@a")
    new = "a new and longer sentence"
    reply = browser.put("/api/v1/password", json={"current": PASSWORD, "new": new})
    assert reply.status_code == 204
    assert browser.get(SIGN_IN).status_code == other.get(SIGN_IN).status_code == 401
    assert sign_in(stand, "reader@a").status_code == 401
    assert sign_in(stand, "reader@a", new).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"current": "wrong", "new": "a new and longer sentence"}, 401, "E270"),
        ({"current": PASSWORD, "new": "short"}, 422, "E283"),
        ({"current": PASSWORD, "new": "my name is reader@a"}, 422, "E283"),
        ({"current": PASSWORD}, 422, "E278"),
    ],
)
def test_a_password_is_not_changed_by_who_lacks_it_nor_to_a_weak_one(body, status, code, stand):
    browser = stand.signed_in("reader@a")
    reply = browser.put("/api/v1/password", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert sign_in(stand, "reader@a").status_code == 200


def test_the_own_sessions_are_listed_and_ended_one_by_one(stand):
    first, second = stand.signed_in("reader@a"), stand.signed_in("reader@a")
    stand.signed_in("reader@b")
    rows = second.get("/api/v1/sessions").json()["sessions"]
    assert len(rows) == 2
    assert [row["is_this"] for row in rows].count(True) == 1
    other = next(row for row in rows if not row["is_this"])
    assert second.delete(f"/api/v1/sessions/{other['identifier']}").status_code == 204
    assert first.get(SIGN_IN).status_code == 401
    assert second.get(SIGN_IN).status_code == 200


def test_nobody_ends_the_session_of_another(stand):
    victim, other = stand.signed_in("reader@a"), stand.signed_in("reader@b")
    identifier = victim.get("/api/v1/sessions").json()["sessions"][0]["identifier"]
    reply = other.delete(f"/api/v1/sessions/{identifier}")
    assert reply.json() == other.delete("/api/v1/sessions/none").json()
    assert reply.status_code == 404
    assert victim.get(SIGN_IN).status_code == 200


# ---- tokens


def test_a_token_is_made_shown_once_used_and_revoked(stand):
    browser = stand.signed_in("reader@a")
    made = browser.post("/api/v1/tokens", json={"label": "viewer", "days": 7, "projects": ["a"]}).json()
    program = stand.client(authorization=f"Bearer {made['token']}")
    assert program.get(SIGN_IN).json()["via"] == "token"
    listed = browser.get("/api/v1/tokens")
    assert [row["label"] for row in listed.json()["tokens"]] == ["viewer"]
    assert made["token"] not in listed.text
    assert browser.delete(f"/api/v1/tokens/{made['identifier']}").status_code == 204
    assert program.get(SIGN_IN).status_code == 401


def test_a_token_makes_no_token(stand):
    program = stand.client(**stand.bearer("reader@a"))
    reply = program.post("/api/v1/tokens", json={"label": "another"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "E271")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"label": ""},
        {"label": "x", "days": 0},
        {"label": "x", "days": 367},
        {"label": "x", "permissions": ["everything"]},
        {"label": "x", "user": "chief"},
        {"label": "x", "projects": ["p" * 64]},
    ],
)
def test_a_wish_that_does_not_fit_makes_no_token(body, stand):
    browser = stand.signed_in("reader@a")
    assert browser.post("/api/v1/tokens", json=body).status_code == 422
    assert browser.get("/api/v1/tokens").json()["tokens"] == []


def test_nobody_sees_or_revokes_the_tokens_of_another(stand):
    token, _ = stand.gate.tokens.create("reader@a", "x", 9)
    other = stand.signed_in("reader@b")
    assert other.get("/api/v1/tokens").json()["tokens"] == []
    assert other.delete(f"/api/v1/tokens/{token.identifier}").status_code == 404
    assert not stand.gate.tokens.list("reader@a")[0].is_revoked


# ---- the log


def test_what_a_person_does_is_written_with_name_way_and_outcome(stand):
    browser = stand.signed_in("reader@a")
    sign_in(stand, "reader@a", "wrong")
    sign_in(stand, "made-up", "typed by mistake")
    browser.delete(SIGN_IN)
    records = [record.entry for record in stand.log.read(Query())]
    told = [(entry.event, entry.outcome, entry.actor, entry.objects) for entry in records]
    assert told == [
        (Event.SIGN_OUT, Outcome.SUCCESS, "reader@a", ()),
        (Event.SIGN_IN, Outcome.REFUSED, "-", ()),
        (Event.SIGN_IN, Outcome.BEGUN, "-", ()),
        (Event.SIGN_IN, Outcome.REFUSED, "-", ("reader@a",)),
        (Event.SIGN_IN, Outcome.BEGUN, "-", ()),
        (Event.SIGN_IN, Outcome.SUCCESS, "reader@a", ("reader@a",)),
        (Event.SIGN_IN, Outcome.BEGUN, "-", ()),
    ]
    held = b"".join(path.read_bytes() for path in stand.folder.glob("audit.db*"))
    assert b"typed by mistake" not in held
    assert b"made-up" not in held
    assert PASSWORD.encode() not in held


def test_while_the_log_cannot_be_written_nobody_signs_in_and_reading_goes_on(stand, monkeypatch):
    from hounsfield.errors import AuditError

    headers, whole = stand.bearer("reader@a"), stand.log.append

    def full(_: object) -> int:
        raise AuditError("E279", found="full")

    monkeypatch.setattr(stand.log, "append", full)
    reply = sign_in(stand, "reader@a")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "E279")
    assert reply.headers["retry-after"] == "5"
    assert "set-cookie" not in reply.headers
    program = stand.client(**headers)
    assert program.get(SIGN_IN).status_code == 200
    assert program.get("/health/ready").status_code == 503
    monkeypatch.setattr(stand.log, "append", whole)
    assert program.get(SIGN_IN).status_code == 200
    assert program.get("/health/ready").status_code == 200
    assert [record.entry.event for record in stand.last(2)] == [Event.SESSION_READ, Event.SESSION_READ]


def test_a_strict_log_refuses_reading_too(tmp_path, monkeypatch):
    from hounsfield.errors import AuditError

    stand = stand_in(tmp_path)
    headers = stand.bearer("reader@a")
    monkeypatch.setattr(stand.desk.recorder, "_is_strict", True)

    def full(_: object) -> int:
        raise AuditError("E279", found="full")

    monkeypatch.setattr(stand.log, "append", full)
    assert stand.client(**headers).get(SIGN_IN).status_code == 503
    stand.desk.close()

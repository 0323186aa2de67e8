"""Tokens and sessions: good once made, worthless once expired, revoked, cut, or their account is closed."""

import pytest

from hounsfield.errors import NotFound, Unauthenticated
from hounsfield.service.access.credentials import (
    IDLE_SECONDS,
    LONGEST_TOKEN_DAYS,
    SESSION_SECONDS,
    TOKEN_PREFIX,
)
from hounsfield.service.access.gate import COOKIE, FIRST_USER, SECURE_COOKIE
from hounsfield.service.access.roles import EVERYWHERE, Permission, Role
from tests.service.stand import PASSWORD

DAY = 86400


def show(gate, text: str):
    """Return whom a bearer token stands for, None where it is refused."""
    try:
        return gate.identify({"authorization": f"Bearer {text}"}, {})
    except Unauthenticated:
        return None


@pytest.fixture
def token(gate):
    return gate.tokens.create("reader@a", "viewer", 30)


# ---- tokens


def test_a_token_stands_for_its_account(gate, token):
    made, text = token
    assert text.startswith(f"{TOKEN_PREFIX}{made.identifier}_")
    found = show(gate, text)
    assert (found.user, found.via, found.credential) == ("reader@a", "token", made.identifier)
    assert found.projects_for(Permission.STUDY_READ) == ("a",)


def spoiled(text: str, identifier: str) -> dict[str, str]:
    """Return tokens that are not quite the one that was made."""
    return {
        "empty": "",
        "prefix": TOKEN_PREFIX,
        "no secret": f"{TOKEN_PREFIX}{identifier}_",
        "no underscore": f"{TOKEN_PREFIX}{identifier}",
        "cut": text[:-1],
        "longer": text + "A",
        "first letter": text.replace("_", "_x", 2),
        "upper case": text.upper(),
        "other identifier": text.replace(identifier, "0" * 12),
        "no prefix": text.removeprefix(TOKEN_PREFIX),
        "null": text + "\0",
        "full width": text[:-1] + "ａ",
        "surrogate": text[:-1] + "\udc80",
        "huge": text + "A" * 100_000,
        "pattern": f"{TOKEN_PREFIX}%_{text.rpartition('_')[2]}",
    }


@pytest.mark.parametrize("kind", list(spoiled("a_b_c", "b")))
def test_anything_else_is_refused(kind, gate, token):
    made, text = token
    assert show(gate, spoiled(text, made.identifier)[kind]) is None


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token", "", "Bearer Bearer", "bearer\u00a0"])
def test_another_scheme_is_refused_even_beside_a_good_cookie(scheme, gate, token):
    secret = gate.sessions.start("reader@a", "x")
    with pytest.raises(Unauthenticated, match="E270"):
        gate.identify({"authorization": f"{scheme} {token[1]}"}, {COOKIE: secret})


def test_a_token_ends_at_its_time(gate, token, clock):
    clock.now += 30 * DAY - 1
    assert show(gate, token[1]) is not None
    clock.now += 1
    assert show(gate, token[1]) is None


@pytest.mark.parametrize(("days", "lives"), [(1, 1), (0, 1), (-5, 1), (366, 366), (10_000, LONGEST_TOKEN_DAYS)])
def test_no_token_lives_for_ever(days, lives, gate, clock):
    assert gate.tokens.create("chief", "x", days)[0].expires == clock.now + lives * DAY


def test_a_revoked_token_is_worthless_and_stays_in_the_list(gate, token):
    gate.tokens.revoke(token[0].identifier)
    assert show(gate, token[1]) is None
    assert [(row.identifier, row.is_revoked) for row in gate.tokens.list("reader@a")] == [(token[0].identifier, True)]


def test_nobody_revokes_the_token_of_another(gate, token):
    with pytest.raises(NotFound, match="E282"):
        gate.tokens.revoke(token[0].identifier, "reader@b")
    assert show(gate, token[1]) is not None


def test_a_token_of_a_closed_account_is_worthless(gate, token):
    gate.users.set_disabled("reader@a", True)
    assert show(gate, token[1]) is None


def test_a_token_holds_no_more_than_its_account_does_now(gate):
    _, text = gate.tokens.create("chief", "x", 1)
    assert show(gate, text).may(Permission.AUDIT_READ, EVERYWHERE)
    gate.users.revoke("chief", Role.AUDITOR)
    assert not show(gate, text).may(Permission.AUDIT_READ, EVERYWHERE)


@pytest.mark.parametrize(
    ("permissions", "projects", "reads", "manages"),
    [
        (None, None, ("a", "b"), True),
        ((Permission.STUDY_READ,), None, ("a", "b"), False),
        (None, ("b",), ("b",), False),
        ((Permission.USER_MANAGE,), None, (), True),
        ((), (), (), False),
        ((Permission.STUDY_READ,), ("none",), (), False),
    ],
)
def test_a_token_may_be_made_for_less(permissions, projects, reads, manages, gate):
    made, text = gate.tokens.create("chief", "x", 1, permissions, projects)
    found = show(gate, text)
    assert found.projects_for(Permission.STUDY_READ) == reads
    assert found.may(Permission.USER_MANAGE, EVERYWHERE) is manages
    kept = gate.tokens.list("chief")[0]
    assert (kept.permissions, kept.projects) == (made.permissions, made.projects)


def test_a_permission_that_this_version_lacks_is_none(gate):
    _, text = gate.tokens.create("chief", "x", 1)
    with gate.database.changing() as connection:
        connection.execute("""UPDATE tokens SET permissions = '["future.thing", "study.read"]'""")
    assert {grant.permission for grant in show(gate, text).grants} == {Permission.STUDY_READ}


def test_no_secret_lies_in_the_file(gate, token, tmp_path):
    secret = gate.sessions.start("reader@a", "x")
    held = b"".join(path.read_bytes() for path in tmp_path.glob("access.db*"))
    assert token[0].identifier.encode() in held
    assert token[1].rpartition("_")[2].encode() not in held
    assert secret.encode() not in held


def test_tokens_are_listed_newest_first_and_by_account(gate, clock):
    for label in ("one", "two", "three"):
        clock.now += 1
        gate.tokens.create("chief", label, 1)
    gate.tokens.create("reader@a", "mine", 1)
    assert [row.label for row in gate.tokens.list("chief")] == ["three", "two", "one"]
    assert len(gate.tokens.list()) == 4
    assert gate.tokens.list("nobody") == ()


# ---- sessions


def browse(gate, secret: str, cookie: str = COOKIE):
    try:
        return gate.identify({}, {cookie: secret})
    except Unauthenticated:
        return None


@pytest.mark.parametrize("cookie", [COOKIE, SECURE_COOKIE])
def test_a_session_stands_for_its_account(cookie, gate):
    found = browse(gate, gate.sessions.start("reader@a", "10.0.0.1"), cookie)
    assert (found.user, found.via) == ("reader@a", "session")


def test_without_anything_shown_nobody_is_known(gate):
    assert gate.identify({}, {}) is None
    assert gate.identify({}, {"theme": "dark"}) is None


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "0" * 64, "\udc80", "x" * 100_000])
def test_a_made_up_session_is_refused(secret, gate):
    gate.sessions.start("reader@a", "x")
    assert browse(gate, secret) is None


def test_the_hash_that_is_kept_is_no_secret(gate):
    gate.sessions.start("reader@a", "x")
    with gate.database.reading() as connection:
        digest = connection.execute("SELECT digest FROM sessions").fetchone()[0]
    assert browse(gate, digest) is None


def test_a_session_ends_when_idle_and_at_its_time(gate, clock):
    secret = gate.sessions.start("reader@a", "x")
    clock.now += IDLE_SECONDS - 1
    assert browse(gate, secret) is not None
    clock.now += IDLE_SECONDS - 1
    assert browse(gate, secret) is not None
    clock.now += IDLE_SECONDS
    assert browse(gate, secret) is None
    busy = gate.sessions.start("reader@a", "x")
    began = clock.now
    while clock.now + 1800 < began + SESSION_SECONDS:
        clock.now += 1800
        assert browse(gate, busy) is not None
    clock.now = began + SESSION_SECONDS
    assert browse(gate, busy) is None


def test_a_clock_that_is_set_back_opens_nothing_that_has_ended(gate, clock):
    secret = gate.sessions.start("reader@a", "x")
    gate.sessions.end(secret)
    clock.now -= DAY
    assert browse(gate, secret) is None


def test_a_session_from_before_signing_in_is_replaced(gate):
    fixed = gate.sessions.start("reader@b", "attacker")
    secret = gate.sessions.start("reader@a", "victim", fixed)
    assert browse(gate, fixed) is None
    assert browse(gate, secret).user == "reader@a"
    assert secret != fixed


@pytest.mark.parametrize("act", ["end", "password", "disable"])
def test_sessions_end_with_what_they_rest_on(act, gate):
    mine, other, foreign = (gate.sessions.start(name, "x") for name in ("reader@a", "reader@a", "reader@b"))
    if act == "end":
        gate.sessions.end(mine)
    elif act == "password":
        gate.users.set_password("reader@a", "another long sentence")
    else:
        gate.users.set_disabled("reader@a", True)
    assert browse(gate, mine) is None
    assert (browse(gate, other) is None) is (act != "end")
    assert browse(gate, foreign) is not None


def test_sessions_are_listed_and_ended_by_their_owner_alone(gate, clock):
    first = gate.sessions.start("reader@a", "10.0.0.1")
    clock.now += 5
    gate.sessions.start("reader@a", "10.0.0.2")
    rows = gate.sessions.list("reader@a")
    assert [row.address for row in rows] == ["10.0.0.2", "10.0.0.1"]
    assert gate.sessions.list("reader@b") == ()
    with pytest.raises(NotFound, match="E282"):
        gate.sessions.revoke("reader@b", rows[1].identifier)
    gate.sessions.revoke("reader@a", rows[1].identifier)
    assert browse(gate, first) is None
    assert len(gate.sessions.list("reader@a")) == 1


def test_ended_sessions_are_swept(gate, clock):
    for _ in range(5):
        gate.sessions.start("reader@a", "x")
    clock.now += SESSION_SECONDS + 1
    gate.sessions.start("reader@a", "x")
    with gate.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


# ---- the first start


def test_the_first_start_makes_one_account_and_no_later_one_does(empty):
    password = empty.ensure_first_user(lambda: PASSWORD)
    assert password == PASSWORD
    user = empty.users.find(FIRST_USER)
    assert {membership.role for membership in user.memberships} == set(Role)
    assert [project.name for project in empty.users.projects()] == ["default"]
    assert empty.ensure_first_user(lambda: "another password!") is None
    assert empty.sign_in(FIRST_USER, PASSWORD, "x") == FIRST_USER


def test_a_closed_last_account_does_not_bring_the_first_one_back(gate):
    assert gate.ensure_first_user(lambda: PASSWORD) is None

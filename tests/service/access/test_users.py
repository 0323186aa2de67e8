"""Accounts and projects: names, passwords, roles, and the last administrator."""

import sqlite3
import stat

import pytest

from hounsfield.errors import AccessError, Conflict, NotFound, Refused
from hounsfield.service.access.database import AccessDatabase
from hounsfield.service.access.passwords import LONGEST, SHORTEST, Passwords, draw_password, require_strong
from hounsfield.service.access.roles import EVERYWHERE, Membership, Permission, Role
from hounsfield.service.access.users import Users, user_name
from tests.service.stand import CHEAP, PASSWORD


def code(call, *arguments: object) -> str:
    """Return the code of the error of a call."""
    with pytest.raises((Refused, Conflict, NotFound, AccessError)) as caught:
        call(*arguments)
    return caught.value.code


# ---- names and passwords


@pytest.mark.parametrize("name", ["ann", "a", "a.b-c_d@example", "0", "a" * 64])
def test_plain_names_are_taken(name):
    assert user_name(name.upper()) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ann",
        "ann\n",
        "-ann",
        ".ann",
        "@",
        "a" * 65,
        "ann/bob",
        "../x",
        "a'b",
        'a"b',
        "安",
        "a\u0000b",
        "ｆｕｌｌ",
        "*",
    ],
)
def test_other_names_are_not(name, empty):
    assert code(empty.users.add, name, PASSWORD) == "E283"
    assert empty.users.list() == ()


@pytest.mark.parametrize(
    "password",
    ["", "short", "a" * SHORTEST, "ababababababab", "abcdabcdabcdabcd", "x" * (LONGEST + 1), "my name is ann-smith!"],
)
def test_weak_passwords_are_refused(password):
    assert code(require_strong, password, "ann-smith") == "E283"


@pytest.mark.parametrize(
    "password", ["correct horse battery", "四海之内皆兄弟也，君子何患乎", "abcde" * 3, "anna likes tea"]
)
def test_long_passwords_are_taken_whatever_they_are_made_of(password):
    require_strong(password, "ann")


def test_a_password_is_kept_as_argon2id_of_its_cost():
    hashed = Passwords(memory_kib=64, rounds=1).hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=4$")
    assert Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in hashed


def test_the_same_password_is_never_hashed_the_same():
    assert CHEAP.hash(PASSWORD) != CHEAP.hash(PASSWORD)


@pytest.mark.parametrize(
    ("hashed", "password", "expected"),
    [
        (CHEAP.hash(PASSWORD), PASSWORD, True),
        (CHEAP.hash(PASSWORD), PASSWORD + " ", False),
        (CHEAP.hash(PASSWORD), "", False),
        (CHEAP.hash(PASSWORD), PASSWORD * 100, False),
        (None, PASSWORD, False),
        (None, "", False),
        ("not a hash", PASSWORD, False),
        ("$argon2id$v=19$m=64,t=1,p=4$AAAA$AAAA", PASSWORD, False),
    ],
    # each collection draws another salt, and every worker must name the tests alike
    ids=["right", "a blank more", "empty", "long", "no hash", "no hash, empty", "not a hash", "short hash"],
)
def test_only_the_right_password_is_right(hashed, password, expected):
    assert CHEAP.verify(hashed, password) is expected


def test_nobody_costs_as_much_as_somebody(monkeypatch):
    passwords, hashes = Passwords(64, 1), []
    inner = passwords._hasher.verify
    monkeypatch.setattr(
        type(passwords._hasher), "verify", lambda _, hashed, given: hashes.append(hashed) or inner(hashed, given)
    )
    passwords.verify(None, "x")
    passwords.verify(passwords.hash("y"), "x")
    assert [hashed.split("$")[:4] for hashed in hashes] == [["", "argon2id", "v=19", "m=64,t=1,p=4"]] * 2


def test_drawn_passwords_are_long_apart_and_readable():
    drawn = {draw_password() for _ in range(200)}
    assert len(drawn) == 200
    assert all(len(password) == 20 and not set(password) & set("0O1lI") for password in drawn)
    for password in drawn:
        require_strong(password, "admin")


# ---- accounts


def test_an_account_is_added_once_whatever_its_case(empty):
    added = empty.users.add("Ann", PASSWORD)
    assert (added.name, added.is_disabled, added.has_password, added.memberships) == ("ann", False, True, ())
    assert code(empty.users.add, "ANN", PASSWORD) == "E281"
    assert [user.name for user in empty.users.list()] == ["ann"]


def test_an_account_without_password_has_no_hash(empty):
    assert not empty.users.add("ann", None, "subject-1").has_password
    assert empty.users.password_hash("ann") is None
    assert empty.users.by_subject("subject-1") == "ann"
    assert empty.users.by_subject("subject-2") is None
    assert code(empty.users.add, "bob", None, "subject-1") == "E281"


@pytest.mark.parametrize("name", ["", "nobody-here", "*", "' OR 1=1 --", "%"])
def test_who_is_not_there_is_not_found(name, gate):
    assert code(gate.users.find, name) == "E282"
    assert gate.users.principal(name, "session") is None
    assert gate.users.password_hash(name) is None
    assert code(gate.users.set_password, name, PASSWORD) == "E282"
    assert code(gate.users.grant, name, Role.READER, "a") == "E282"


def test_roles_come_and_go(empty):
    users = empty.users
    users.add("boss", PASSWORD)
    users.grant("boss", Role.ADMINISTRATOR)
    users.add("ann", PASSWORD)
    users.add_project("lung", "Lungs")
    users.grant("ann", Role.READER, "lung")
    users.grant("ann", Role.READER, "lung")
    users.grant("ann", Role.TECHNOLOGIST)
    assert users.find("ann").memberships == (
        Membership(EVERYWHERE, Role.TECHNOLOGIST),
        Membership("lung", Role.READER),
    )
    users.revoke("ann", Role.TECHNOLOGIST)
    assert users.find("ann").memberships == (Membership("lung", Role.READER),)
    assert code(users.revoke, "ann", Role.TECHNOLOGIST) == "E282"
    assert code(users.grant, "ann", Role.READER, "none") == "E282"


def test_the_last_administrator_stays(gate):
    users = gate.users
    assert code(users.revoke, "chief", Role.ADMINISTRATOR) == "E281"
    assert code(users.set_disabled, "chief", True) == "E281"
    assert Membership(EVERYWHERE, Role.ADMINISTRATOR) in users.find("chief").memberships
    assert not users.find("chief").is_disabled
    users.grant("nobody", Role.ADMINISTRATOR)
    users.set_disabled("chief", True)
    assert users.find("chief").is_disabled
    assert code(users.revoke, "nobody", Role.ADMINISTRATOR) == "E281"


def test_a_closed_account_may_nothing_and_comes_back(gate):
    assert gate.users.principal("reader@a", "session") is not None
    gate.users.set_disabled("reader@a", True)
    assert gate.users.principal("reader@a", "session") is None
    assert gate.users.password_hash("reader@a") is None
    gate.users.set_disabled("reader@a", False)
    assert gate.users.principal("reader@a", "session").projects_for(Permission.STUDY_READ) == ("a",)


@pytest.mark.parametrize("name", ["lung", "a", "0", "lung-2_b", "x" * 63])
def test_projects_have_plain_names(name, empty):
    assert empty.users.add_project(name).title == name
    assert code(empty.users.add_project, name) == "E281"
    assert empty.users.find_project(name).name == name


@pytest.mark.parametrize("name", ["", "*", "Lung", "-a", "_a", "a b", "a/b", "..", "x" * 64, "肺", "a\n"])
def test_other_names_of_projects_are_refused(name, empty):
    assert code(empty.users.add_project, name) == "E283"


# ---- the file


def test_the_file_is_for_its_owner_alone_and_kept(tmp_path):
    first = AccessDatabase(tmp_path / "access.db")
    Users(first, CHEAP).add("ann", PASSWORD)
    first.close()
    assert stat.S_IMODE((tmp_path / "access.db").stat().st_mode) == 0o600
    second = AccessDatabase(tmp_path / "access.db")
    assert [user.name for user in Users(second, CHEAP).list()] == ["ann"]
    second.close()


def test_no_password_lies_in_the_file(gate, tmp_path):
    gate.users.set_password("reader@a", "a very secret sentence")
    held = b"".join(path.read_bytes() for path in tmp_path.glob("access.db*"))
    assert b"very secret" not in held
    assert PASSWORD.encode() not in held
    assert b"$argon2id$" in held


def test_every_commit_is_on_the_disk(gate):
    with gate.database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_change_that_fails_leaves_nothing(gate):
    def fail_within() -> None:
        with gate.database.changing() as connection:
            connection.execute("DELETE FROM memberships")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail_within()
    assert gate.users.find("chief").memberships


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 500])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "access.db").write_bytes(content)
    assert code(AccessDatabase, tmp_path / "access.db") == "E289"


def test_a_file_of_a_later_version_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "access.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / "access.db").read_bytes()
    assert code(AccessDatabase, tmp_path / "access.db") == "E289"
    assert (tmp_path / "access.db").read_bytes()[100:] == before[100:]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert code(AccessDatabase, tmp_path / "none" / "access.db") == "E289"

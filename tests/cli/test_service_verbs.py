"""``hounsfield user`` and ``hounsfield audit`` as a person at the server meets them."""

import json
import sqlite3
from contextlib import closing

import pytest

from hounsfield.cli import main
from hounsfield.service.access.gate import open_gate
from hounsfield.service.access.passwords import Passwords
from hounsfield.service.access.roles import Permission
from tests.service.audit.a5_schema import faults


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Hash passwords at little cost; that the cost is right is tested where they are hashed."""
    monkeypatch.setattr(Passwords.__init__, "__defaults__", (64, 1))


@pytest.fixture
def run(tmp_path, capfd):
    """Return a function that runs a verb on a store and returns exit code and JSON."""

    def verb(*words: str) -> tuple[int, dict]:
        code = main([*words, "--store", str(tmp_path / "store"), "--json"])
        return code, json.loads(capfd.readouterr().out)

    return verb


@pytest.fixture
def gate(tmp_path):
    made = []

    def opened():
        made.append(open_gate(tmp_path / "store"))
        return made[-1]

    yield opened
    for each in made:
        each.close()


# ---- user


def test_an_account_is_added_with_a_drawn_password_that_works(run, gate):
    run("user", "project", "lung")
    code, said = run("user", "add", "Ann", "--role", "reader", "--project", "lung")
    assert (code, said["user"], len(said["password"])) == (0, "ann", 20)
    assert gate().sign_in("ann", said["password"], "x") == "ann"
    _, listed = run("user", "list")
    assert listed["projects"] == ["lung"]
    assert listed["users"] == [
        {
            "user": "ann",
            "is_disabled": False,
            "has_password": True,
            "oidc_subject": None,
            "roles": [{"role": "reader", "project": "lung"}],
        }
    ]


def test_roles_are_given_and_taken(run, gate):
    run("user", "add", "boss", "--role", "administrator")
    run("user", "add", "ann")
    assert run("user", "role", "ann", "--role", "auditor")[1]["is_held"] is True
    assert gate().users.principal("ann", "terminal").may(Permission.AUDIT_READ, "*")
    assert run("user", "role", "ann", "--role", "auditor", "--remove")[1]["is_held"] is False
    assert not gate().users.principal("ann", "terminal").may(Permission.AUDIT_READ, "*")
    code, said = run("user", "role", "boss", "--role", "administrator", "--remove")
    assert (code, said["error"]["code"]) == (3, "E281")


def test_a_password_is_drawn_anew_or_asked_for(run, gate, monkeypatch):
    run("user", "add", "ann")
    drawn = run("user", "password", "ann")[1]["password"]
    assert gate().sign_in("ann", drawn, "x") == "ann"
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "a sentence of my own")
    assert run("user", "password", "ann", "--ask")[1]["password"] is None
    assert gate().sign_in("ann", "a sentence of my own", "x") == "ann"
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "short")
    code, said = run("user", "password", "ann", "--ask")
    assert (code, said["error"]["code"]) == (3, "E283")


def test_an_account_is_closed_and_opened(run, gate):
    run("user", "add", "boss", "--role", "administrator")
    run("user", "add", "ann")
    assert run("user", "disable", "ann")[1]["is_disabled"] is True
    assert gate().users.principal("ann", "terminal") is None
    assert run("user", "enable", "ann")[1]["is_disabled"] is False
    assert gate().users.principal("ann", "terminal") is not None


def test_a_token_is_printed_once_and_revoked(run, gate):
    run("user", "project", "lung")
    run("user", "add", "ann", "--role", "reader")
    _, made = run("user", "token", "ann", "--label", "viewer", "--days", "3", "--project", "lung")
    found = gate().tokens.resolve(made["token"])
    assert found.projects_for(Permission.STUDY_READ) == ("lung",)
    assert run("user", "token", "ann", "--remove", "--label", made["identifier"])[1]["is_revoked"] is True
    assert gate().tokens.resolve(made["token"]) is None


def test_an_account_of_an_issuer_has_no_password(run, gate):
    _, said = run("user", "add", "ann", "--oidc-subject", "f:1:ann")
    assert said["password"] is None
    assert gate().users.by_subject("f:1:ann") == "ann"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fly",), 2, "E703"),
        (("add",), 2, "E703"),
        (("add", "ann", "--role", "king"), 2, "E703"),
        (("role", "boss"), 2, "E703"),
        (("add", "a b"), 3, "E283"),
        (("add", "boss"), 3, "E281"),
        (("project", "Lung"), 3, "E283"),
        (("role", "ann", "--role", "reader"), 3, "E282"),
        (("role", "boss", "--role", "reader", "--project", "none"), 3, "E282"),
        (("password", "ann"), 3, "E282"),
        (("disable", "boss"), 3, "E281"),
        (("token", "ann"), 3, "E282"),
        (("token", "boss", "--remove", "--label", "none"), 3, "E282"),
        (("token", "boss", "--days", "0"), 2, "E703"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_code(words, code, said, run):
    run("user", "add", "boss", "--role", "administrator")
    got, answer = run("user", *words)
    assert (got, answer["error"]["code"]) == (code, said)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lines_for_people(language, tmp_path, capfd):
    store = ["--store", str(tmp_path / "store"), "--language", language]
    main(["user", "add", "ann", "--role", "reader", *store])
    assert "user: ann  password: " in capfd.readouterr().out
    main(["user", "list", *store])
    assert "reader (*)" in capfd.readouterr().out
    main(["audit", "verify", "-q", *store])
    said = capfd.readouterr().out
    assert {"en": "The log is whole: 4", "zh": "日志完整: 4"}[language] in said
    main(["audit", "show", "-q", *store])
    assert "user.create" in capfd.readouterr().out


# ---- audit


def test_what_is_done_at_the_terminal_is_written_before_and_after(run):
    run("user", "add", "ann")
    run("user", "add", "ann")
    _, said = run("audit", "show")
    told = [(row["event"], row["outcome"], row["actor"], row["objects"], row["detail"]) for row in said["records"]]
    assert told == [
        ("audit.read", 0, "terminal", [], ""),
        ("user.create", 4, "terminal", ["ann"], "E281"),
        ("user.create", -1, "terminal", ["ann"], ""),
        ("user.create", 0, "terminal", ["ann"], ""),
        ("user.create", -1, "terminal", ["ann"], ""),
    ]
    assert [row["sequence"] for row in run("audit", "show", "--limit", "2")[1]["records"]] == [6, 5]


def test_a_whole_log_is_whole_and_a_changed_one_is_not(run, tmp_path):
    run("user", "add", "ann")
    code, whole = run("audit", "verify")
    assert (code, whole["records"], whole["faults"]) == (0, 2, [])
    assert run("audit", "verify", "--anchor", whole["anchor"])[0] == 0
    with closing(sqlite3.connect(tmp_path / "store" / "audit.db")) as connection:
        connection.execute("UPDATE records SET body = replace(body, 'ann', 'bob') WHERE sequence = 1")
        connection.commit()
    code, changed = run("audit", "verify")
    assert (code, changed["faults"]) == (3, [{"sequence": 1, "kind": "edited"}])


def test_a_copy_is_checked_elsewhere_with_the_public_key_alone(run, tmp_path, capfd):
    run("user", "add", "ann")
    whole = run("audit", "verify")[1]
    with closing(sqlite3.connect(tmp_path / "store" / "audit.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    words = ["audit", "verify", "--log", str(tmp_path / "copy.db"), "--store", str(tmp_path / "none"), "--json"]
    assert main([*words, "--public-key", whole["public_key"], "--anchor", whole["anchor"]]) == 0
    assert json.loads(capfd.readouterr().out)["faults"] == []
    assert main(words) == 1
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E279"


def test_the_export_is_a_message_a_line_of_the_schema_and_is_written_down(run, tmp_path):
    run("user", "project", "lung")
    run("user", "add", "ann", "--role", "reader", "--project", "lung")
    path = tmp_path / "messages.xml"
    code, said = run("audit", "export", "-o", str(path))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (code, said["messages"], len(lines)) == (0, 5, 5)
    assert [fault for line in lines for fault in faults(line)] == []
    assert run("audit", "show", "--limit", "1")[1]["records"][0]["event"] == "audit.read"
    assert run("audit", "export", "-o", str(path))[0] == 1
    assert path.read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fly",), 2, "E703"),
        (("export",), 2, "E703"),
        (("verify", "--anchor", "x"), 2, "E703"),
        (("verify", "--anchor", "1:ab"), 2, "E703"),
        (("verify", "--public-key", "ab"), 1, "E279"),
        (("verify",), 1, "E279"),
        (("show",), 1, "E279"),
        (("export", "-o", "x.xml"), 1, "E279"),
    ],
)
def test_what_is_no_log_is_said_with_its_code_and_none_is_made(words, code, said, run, tmp_path):
    got, answer = run("audit", *words)
    assert (got, answer["error"]["code"]) == (code, said)
    assert not (tmp_path / "store" / "audit.db").exists()

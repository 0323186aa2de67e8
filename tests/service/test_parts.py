"""The small parts: files of the app, counters, passages, statuses, faults told without a name, keys, two processes."""

import json
import logging
import sqlite3
import threading

import pytest

from hounsfield import errors
from hounsfield.errors import AccessError, AuditError, BadRequest, Conflict, HounsfieldError, NotFound, Refused
from hounsfield.service.access.gate import open_gate
from hounsfield.service.access.roles import Role
from hounsfield.service.audit.keys import open_signer
from hounsfield.service.measures import Measures
from hounsfield.service.passage import Passage, passage_of
from hounsfield.service.problems import STATUS, problem, status_of
from tests.service.stand import CHEAP, PASSWORD, stand_in

# ---- the app's files


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A stand with a small app installed, and a secret beside it."""
    folder = tmp_path_factory.mktemp("app")
    built = folder / "built"
    (built / "assets").mkdir(parents=True)
    for name, text in (
        ("index.html", "<!doctype html><title>app</title>"),
        ("assets/main.abc123.js", "export {}"),
        ("assets/decode.wasm", "\0asm"),
        ("assets/style.css", "p{}"),
        ("favicon.svg", "<svg/>"),
    ):
        (built / name).write_text(text, encoding="utf-8")
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    (built / "link.txt").symlink_to(folder / "secret.txt")
    made = stand_in(folder, app_folder=built)
    yield made
    made.desk.close()


@pytest.mark.parametrize(
    ("path", "kind", "cached"),
    [
        ("/app/", "text/html", "no-cache"),
        ("/app/index.html", "text/html", "no-cache"),
        ("/app/worklist", "text/html", "no-cache"),
        ("/app/study/1", "text/html", "no-cache"),
        ("/app/assets/main.abc123.js", "text/javascript", "immutable"),
        ("/app/assets/decode.wasm", "application/wasm", "immutable"),
        ("/app/assets/style.css", "text/css", "immutable"),
        ("/app/favicon.svg", "image/svg+xml", "no-cache"),
    ],
)
def test_a_file_of_the_app_is_served_with_its_kind(path, kind, cached, app):
    reply = app.client().get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"].partition(";")[0] == kind
    assert cached in reply.headers["cache-control"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/app/../secret.txt",
        "/app/%2e%2e/secret.txt",
        "/app/..%2fsecret.txt",
        "/app/assets/../../secret.txt",
        "/app//etc/hosts.txt",
        "/app/link.txt",
        "/app/none.js",
        "/app/assets\\..\\secret.txt",
        "/app/.hidden.txt",
    ],
)
def test_nothing_else_is_served(path, app):
    reply = app.client().get(path)
    assert reply.status_code == 404
    assert "secret" not in reply.text


def test_without_an_app_there_are_no_files(shared):
    assert shared.client().get("/app/index.html").status_code == 404
    assert shared.client().get("/").status_code == 200


# ---- statuses


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequest("E274", found="Origin"), 403),
        (BadRequest("E275", found="x"), 421),
        (BadRequest("E276", found=1, limit=1), 413),
        (BadRequest("E276", found=1, limit=1, part="headers"), 431),
        (BadRequest("E277", found="x", expected="y"), 415),
        (BadRequest("E277", found="x", expected="y", status=400), 400),
        (BadRequest("E278", found="x"), 422),
        (BadRequest("E288", found="PUT"), 405),
        (Refused("E141", status=507), 507),
        (AuditError("E279", found="x"), 503),
        (AccessError("E289", found="x"), 500),
    ],
)
def test_some_codes_have_a_status_of_their_own(error, status):
    assert status_of(error) == status
    assert problem(error).status_code == status


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HounsfieldError)]
)
def test_every_class_of_error_has_a_status_and_a_body_of_the_one_shape(kind):
    error = kind("E272", uid="1.2.3")
    reply = problem(error, "zh")
    assert 400 <= reply.status_code < 600
    assert any(ancestor in STATUS for ancestor in kind.__mro__)
    body = json.loads(bytes(reply.body))["error"]
    assert body == {"code": "E272", "text": error.text("zh"), "next": error.next_step("zh"), "uid": "1.2.3"}
    assert reply.headers["cache-control"] == "no-store"


# ---- counters, passages, faults


def test_counters_are_apart_for_each_service():
    first, second = Measures(), Measures()
    for _ in range(3):
        first.replied("GET", 200, 0.01)
    first.replied("BREW", 418, 0.01)
    assert 'hounsfield_http_requests_total{method="GET",status="200"} 3.0' in first.text().decode()
    assert 'method="OTHER",status="418"' in first.text().decode()
    assert "BREW" not in first.text().decode()
    assert 'status="200"' not in second.text().decode()


def test_a_passage_stays_with_its_request():
    scope: dict[str, object] = {}
    assert passage_of(scope) is passage_of(scope)
    assert passage_of({}).request_id != passage_of({}).request_id
    assert passage_of({"hounsfield.passage": "forged"}).context is None
    assert len({Passage().request_id for _ in range(1000)}) == 1000


def test_a_fault_is_told_by_kind_and_place_alone(shared, caplog):
    def fail() -> None:
        raise ValueError("Mustermann^Max")

    with caplog.at_level(logging.ERROR):
        try:
            fail()
        except ValueError as error:
            shared.desk.report_fault("r1", error)
        shared.desk.report_fault("r2", KeyError("Mustermann^Max"))
    said = [entry.getMessage() for entry in caplog.records]
    assert said[0].startswith("request r1 failed: ValueError at test_parts.py:")
    assert said[1] == "request r2 failed: KeyError at ?"
    assert "Mustermann" not in caplog.text


# ---- files that several use


def test_a_key_is_made_once_and_read_afterwards(tmp_path):
    first, second = open_signer(tmp_path / "k"), open_signer(tmp_path / "k")
    assert first.verifier().text() == second.verifier().text()
    assert second.verifier().accepts("text", first.sign("text"))
    assert not second.verifier().accepts("other", first.sign("text"))
    for spoiled in ("", "zz", "ab" * 64, first.sign("text")[:-2]):
        assert not second.verifier().accepts("text", spoiled)


def test_a_key_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(AuditError, match="E279"):
        open_signer(tmp_path / "none" / "k")


def test_two_processes_see_each_others_changes_at_once(tmp_path):
    first, second = open_gate(tmp_path, CHEAP), open_gate(tmp_path, CHEAP)
    first.users.add("boss", PASSWORD)
    first.users.grant("boss", Role.ADMINISTRATOR)
    first.users.add("ann", PASSWORD)
    _, text = second.tokens.create("ann", "x", 1)
    assert first.tokens.resolve(text).user == "ann"
    second.users.set_disabled("ann", True)
    assert first.tokens.resolve(text) is None
    first.close()
    second.close()


def test_many_threads_add_each_name_once(tmp_path):
    gates = [open_gate(tmp_path, CHEAP) for _ in range(2)]
    said: list[str] = []

    def add(gate, number: int) -> None:
        try:
            gate.users.add(f"user{number}", None)
            said.append("added")
        except Conflict:
            said.append("taken")

    threads = [threading.Thread(target=add, args=(gate, number)) for gate in gates for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["added"] * 8 + ["taken"] * 8
    assert len(gates[0].users.list()) == 8
    for gate in gates:
        gate.close()


def test_accounts_that_another_holds_are_waited_for_and_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr("hounsfield.service.access.database._BUSY_SECONDS", 0.05)
    gate = open_gate(tmp_path, CHEAP)
    other = sqlite3.connect(tmp_path / "access.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AccessError, match="E289"):
        gate.users.add("ann", None)
    assert gate.users.list() == ()
    other.execute("ROLLBACK")
    other.close()
    gate.users.add("ann", None)
    with pytest.raises(NotFound, match="E282"):
        gate.users.find("bob")
    gate.close()

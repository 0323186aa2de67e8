"""Guessing: five tries, then waits that grow; the same for names that exist and for those that do not."""

import pytest

from hounsfield.errors import HounsfieldError, Throttled, Unauthenticated
from hounsfield.service.access.attempts import FREE_ATTEMPTS, FREE_ATTEMPTS_OF_ADDRESS, Attempts
from hounsfield.service.access.gate import open_gate
from tests.service.stand import CHEAP, PASSWORD

REAL, MADE_UP = "reader@a", "no-such-person"


def tried(gate, name: str, password: str = "wrong", address: str = "10.0.0.9") -> str:
    """Return what a sign-in says: the code and the facts of its error, or the name."""
    try:
        return gate.sign_in(name, password, address)
    except HounsfieldError as error:
        return f"{error.code} {error.facts}"


@pytest.mark.parametrize("name", [REAL, MADE_UP, "", "' OR 1=1 --", "x" * 64])
def test_five_are_free_and_the_sixth_must_wait(name, gate):
    assert {tried(gate, name) for _ in range(FREE_ATTEMPTS)} == {"E270 {}"}
    assert tried(gate, name).startswith("E273")


def test_a_name_that_exists_and_one_that_does_not_hear_the_same_for_long(gate, clock):
    for step in range(30):
        said = tried(gate, REAL, address=f"10.0.1.{step}"), tried(gate, MADE_UP, address=f"10.0.2.{step}")
        assert said[0] == said[1]
        clock.now += 7


def test_the_right_password_waits_too(gate, clock):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    assert tried(gate, REAL, PASSWORD).startswith("E273")
    clock.now += 31
    assert tried(gate, REAL, PASSWORD) == REAL


def test_waits_double_up_to_a_quarter_of_an_hour(gate, clock):
    waits = []
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    for _ in range(8):
        with pytest.raises(Throttled) as caught:
            gate.sign_in(REAL, "wrong", "x")
        waits.append(caught.value.facts["found"])
        clock.now += waits[-1]
        with pytest.raises(Unauthenticated):
            gate.sign_in(REAL, "wrong", "x")
    assert waits == [31, 61, 121, 241, 481, 901, 901, 901]


def test_no_count_is_lost_between_attempts_that_are_refused(gate, clock):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    for _ in range(100):
        tried(gate, REAL)
    clock.now += 31
    assert tried(gate, REAL, PASSWORD) == REAL


def test_success_forgets_the_failures(gate):
    for _ in range(FREE_ATTEMPTS - 1):
        tried(gate, REAL)
    assert tried(gate, REAL, PASSWORD) == REAL
    assert tried(gate, REAL) == "E270 {}"


def test_an_hour_forgets_them_too(gate, clock):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    clock.now += 3601
    assert tried(gate, REAL) == "E270 {}"
    with gate.database.reading() as connection:
        assert connection.execute("SELECT max(count) FROM failures").fetchone()[0] == 1


def test_another_name_is_free(gate):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL, address="10.0.0.1")
    assert tried(gate, "reader@b", PASSWORD, "10.0.0.2") == "reader@b"


def test_one_password_tried_on_many_names_from_one_address_is_slowed(gate):
    said = [tried(gate, f"person-{number}") for number in range(FREE_ATTEMPTS_OF_ADDRESS + 1)]
    assert {entry[:4] for entry in said[:-1]} == {"E270"}
    assert said[-1].startswith("E273")
    assert tried(gate, "chief", PASSWORD, "10.9.9.9") == "chief"


def test_the_case_of_a_name_does_not_give_more_tries(gate):
    for number in range(FREE_ATTEMPTS):
        tried(gate, REAL.upper() if number % 2 else REAL)
    assert tried(gate, REAL.title()).startswith("E273")


def test_a_restart_forgets_nothing(tmp_path, clock, gate):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    again = open_gate(tmp_path, CHEAP, None, clock)
    assert tried(again, REAL).startswith("E273")
    again.close()


def test_what_was_typed_as_a_name_is_not_kept(gate, tmp_path):
    tried(gate, "my-password-by-mistake")
    held = b"".join(path.read_bytes() for path in tmp_path.glob("access.db*"))
    assert b"my-password-by-mistake" not in held


def test_the_password_is_not_looked_at_while_one_must_wait(gate, monkeypatch):
    for _ in range(FREE_ATTEMPTS):
        tried(gate, REAL)
    looked = []
    monkeypatch.setattr(type(gate.users.passwords), "verify", lambda *_: looked.append(1) or True)
    assert tried(gate, REAL).startswith("E273")
    assert looked == []


def test_attempts_count_by_themselves(gate, clock):
    attempts = Attempts(gate.database, clock)
    attempts.require_allowed("x", "y")
    for _ in range(FREE_ATTEMPTS):
        attempts.failed("x", "y")
    with pytest.raises(Throttled, match="E273"):
        attempts.require_allowed("X", "z")
    attempts.succeeded("x")
    attempts.require_allowed("x", "z")

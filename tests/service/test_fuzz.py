"""Every route with values drawn from its own description and beyond: refused or done, never a fault of ours."""

import json
import random
import re
from urllib.parse import quote

import pytest

from hounsfield.archive.store import open_store
from hounsfield.service.routes import route_table
from tests.service.stand import stand_in

ROUNDS = 6
TEXTS = (
    "",
    "a",
    "x" * 300,
    "../../etc/passwd",
    "%2e%2e%2f",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\x1b[31mred",
    "\u0000",
    "王小明",
    "\U0001f600",
    "\u202egnp.exe",
    "1.2.826.0.1",
    "NaN",
    "*",
    "null",
)
NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 1e308, 0.5)
OTHERS = (None, True, [], {}, [[]], {"a": {"b": []}})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    stand = stand_in(folder, store=open_store(folder / "archive"))
    yield stand
    stand.desk.close()


@pytest.fixture(scope="module")
def described(made):
    return made.client(**made.bearer("chief")).get("/api/v1/openapi.json").json()


def drawn(schema: dict, described: dict, chance: random.Random) -> object:
    """Return a value that mostly fits a schema, and sometimes does not at all."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if chance.random() < 0.2:
        return chance.choice((*TEXTS, *NUMBERS, *OTHERS))
    if "anyOf" in schema:
        return drawn(chance.choice(schema["anyOf"]), described, chance)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        values = {
            name: drawn(each, described, chance)
            for name, each in schema.get("properties", {}).items()
            if chance.random() < 0.9
        }
        return values | ({"more": chance.choice(OTHERS)} if chance.random() < 0.1 else {})
    if kind == "array":
        return [drawn(schema.get("items", {}), described, chance) for _ in range(chance.randint(0, 3))]
    if kind in ("integer", "number"):
        return chance.choice(NUMBERS)
    if kind == "boolean":
        return chance.random() < 0.5
    return chance.choice(TEXTS)


def filled(path: str, chance: random.Random) -> str:
    """Return a path whose fields are things that exist or anything else; none ends the tester's own access."""
    words = [quote(text, safe="") for text in TEXTS if text and "/" not in text]

    def choice(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        if name == "project" and chance.random() < 0.7:
            return chance.choice(["a", "b"])
        if name == "user" and chance.random() < 0.5:
            return chance.choice(["reader@a", "reader@b"])
        if name == "entry":
            return str(chance.choice([1, 2, *NUMBERS]))
        return chance.choice(words)

    return re.sub(r"\{([^}]*)\}", choice, path)


@pytest.mark.parametrize("row", route_table(), ids=lambda row: f"{row.method} {row.path}")
def test_no_value_makes_a_route_fail_inside(row, made, described):
    chance = random.Random(f"{row.method} {row.path}")
    operation = described["paths"][row.path.replace(":path}", "}")][row.method.lower()]
    client = made.client(**made.bearer("chief"))
    for _ in range(ROUNDS):
        query = {
            each["name"]: str(drawn(each["schema"], described, chance))
            for each in operation.get("parameters", ())
            if each["in"] == "query" and chance.random() < 0.7
        }
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        content = json.dumps(drawn(schema, described, chance)).encode() if schema else chance.randbytes(64)
        reply = client.request(row.method, filled(row.path, chance), params=query, content=content)
        assert reply.status_code < 500, (reply.request.url, content, reply.text)
        if reply.status_code >= 400:
            assert reply.json()["error"].keys() == {"code", "text", "next", "uid"}


MALFORMED = (
    b"",
    b"{",
    b"[" * 20_000,
    b'{"user":' * 2_000,
    b"\xff\xfe\x00",
    b'{"user": "\\ud800", "password": "x"}',
    b'{"user": "a", "user": "b", "password": "c"}',
    b'{"user": 1e999, "password": NaN}',
    b"null",
    b'"text"',
    b'{"__proto__": {}, "constructor": 1}',
)


@pytest.mark.parametrize("number", range(len(MALFORMED)))
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/session/external"),
        ("PUT", "/api/v1/password"),
        ("POST", "/api/v1/tokens"),
        ("POST", "/api/v1/users"),
        ("PUT", "/api/v1/users/reader@a/roles"),
        ("POST", "/api/v1/projects"),
        ("POST", "/api/v1/studies/search"),
    ],
)
def test_a_malformed_body_is_refused_on_every_route_that_takes_one(method, path, number, made):
    client = made.client(**made.bearer("chief"), **{"content-type": "application/json"})
    reply = client.request(method, path, content=MALFORMED[number])
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.json()["error"]["code"].startswith("E2")


@pytest.mark.parametrize("text", [text for text in TEXTS if text])
def test_nothing_that_was_sent_comes_back_as_a_page(text, made):
    for path in ("/", "/api/v1/about"):
        reply = made.client().get(path, params={"language": text, "remote-source": text})
        assert "<script" not in reply.text.lower()
        assert "\x1b" not in reply.text
    reply = made.client(**made.bearer("chief")).post("/api/v1/users", json={"user": text})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_log_is_whole_after_all_that(made):
    reply = made.client(**made.bearer("chief")).get("/api/v1/audit/check")
    assert reply.json()["faults"] == []
    assert reply.json()["records"] > len(route_table())

"""OpenID Connect tokens made with keys of our own: one good kind, and every bad one of the catalogue."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hounsfield.errors import SettingsError
from hounsfield.service.access.issuer import LONGEST_LIFE_SECONDS, read_issuer
from hounsfield.service.access.roles import Permission
from tests.service.stand import OWN_PAGE, stand_in

ISSUER, AUDIENCE, SUBJECT = "https://id.example/realms/hospital", "hounsfield", "f:1234:ann"


@pytest.fixture(scope="module")
def keys():
    """Private keys by kid; ``stranger`` is not in the file."""
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "ed": ed25519.Ed25519PrivateKey.generate(),
        "stranger": rsa.generate_private_key(65537, 2048),
    }


ALGORITHMS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}


def jwk_of(kid: str, key, **more: object) -> dict[str, object]:
    """Return a public key as an entry of a JWKS."""
    algorithm = {
        "rsa": jwt.algorithms.RSAAlgorithm,
        "ec": jwt.algorithms.ECAlgorithm,
        "ed": jwt.algorithms.OKPAlgorithm,
    }
    entry = json.loads(algorithm[kid.partition("-")[0]].to_jwk(key.public_key()))
    return {**entry, "kid": kid, **more}


@pytest.fixture(scope="module")
def jwks(keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("oidc") / "keys.json"
    entries = [jwk_of(kid, keys[kid], use="sig") for kid in ALGORITHMS]
    path.write_text(json.dumps({"keys": entries}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def issuer(jwks):
    return read_issuer(ISSUER, AUDIENCE, jwks)


def claims(**changes: object) -> dict[str, object]:
    """Return good claims with some changed; None takes one away."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 300}
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def signed(keys, kid: str = "rsa", header: dict[str, object] | None = None, **changes: object) -> str:
    return jwt.encode(claims(**changes), keys[kid], ALGORITHMS[kid], {"kid": kid, **(header or {})})


def piece(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("kid", ALGORITHMS)
def test_a_good_token_names_its_subject(kid, keys, issuer):
    assert issuer.subject(signed(keys, kid)) == SUBJECT
    assert issuer.subject(signed(keys, kid, aud=["other", AUDIENCE])) == SUBJECT
    assert issuer.subject(signed(keys, kid, {"typ": "at+jwt"})) == SUBJECT


NOW = int(time.time())
"""When the tests are collected; they may run half an hour later, so what lies ahead lies hours ahead."""
BAD_CLAIMS = {
    "expired": {"exp": NOW - 60, "iat": NOW - 600, "nbf": NOW - 600},
    "not yet": {"nbf": NOW + 7200, "exp": NOW + 7500},
    "issued in the future": {"iat": NOW + 7200, "exp": NOW + 7500},
    "wrong audience": {"aud": "grafana"},
    "wrong audiences": {"aud": ["grafana", "hounsfield2"]},
    "no audience": {"aud": None},
    "empty audience": {"aud": []},
    "wrong issuer": {"iss": "https://evil.example"},
    "issuer with slash": {"iss": ISSUER + "/"},
    "no issuer": {"iss": None},
    "no expiry": {"exp": None},
    "no start": {"nbf": None},
    "no time of issue": {"iat": None},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "subject is a number": {"sub": 5},
    "lives too long": {"exp": NOW + LONGEST_LIFE_SECONDS + 7200},
    "lives for ever": {"exp": 10**12},
    "expiry is text": {"exp": "never"},
    "expiry is null": {"exp": [1]},
}


@pytest.mark.parametrize("kind", BAD_CLAIMS)
@pytest.mark.parametrize("kid", ["rsa", "ed"])
def test_a_token_with_bad_claims_is_refused(kind, kid, keys, issuer):
    body = claims(**BAD_CLAIMS[kind])
    header = {"alg": ALGORITHMS[kid], "kid": kid, "typ": "JWT"}
    text = f"{piece(header)}.{piece(body)}"
    signer = jwt.algorithms.get_default_algorithms()[ALGORITHMS[kid]]
    token = f"{text}.{piece(signer.sign(text.encode(), keys[kid]))}"
    assert issuer.subject(token) is None


def confused(keys, jwks) -> dict[str, str]:
    """Return tokens whose claims are good and whose signature or header is not."""
    good = signed(keys)
    head, body, signature = good.split(".")
    pem = keys["rsa"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def with_secret(secret: bytes, algorithm: str = "HS256") -> str:
        text = f"{piece({'alg': algorithm, 'kid': 'rsa', 'typ': 'JWT'})}.{body}"
        return f"{text}.{piece(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    def headed(**header: object) -> str:
        return f"{piece({'alg': 'RS256', 'kid': 'rsa', **header})}.{body}.{signature}"

    return {
        "none": f"{piece({'alg': 'none', 'kid': 'rsa'})}.{body}.",
        "None": f"{piece({'alg': 'None', 'kid': 'rsa'})}.{body}.",
        "none with signature": headed(alg="none"),
        "public key as secret, PEM": with_secret(pem),
        "public key as secret, JWKS": with_secret(jwks.read_bytes()),
        "empty secret": with_secret(b""),
        "RS384 by an RS256 key": jwt.encode(claims(), keys["rsa"], "RS384", {"kid": "rsa"}),
        "PS256 by an RS256 key": jwt.encode(claims(), keys["rsa"], "PS256", {"kid": "rsa"}),
        "unknown kid": jwt.encode(claims(), keys["stranger"], "RS256", {"kid": "stranger"}),
        "no kid": jwt.encode(claims(), keys["rsa"], "RS256"),
        "kid of another": jwt.encode(claims(), keys["stranger"], "RS256", {"kid": "rsa"}),
        "kid of another kind": jwt.encode(claims(), keys["ec"], "ES256", {"kid": "rsa"}),
        "kid is a path": headed(kid="../../etc/passwd"),
        "kid is a list": headed(kid=["rsa"]),
        "own key in the header": headed(jwk={"kty": "oct", "k": "AA"}, kid="x"),
        "address of keys in the header": headed(jku="https://evil.example/keys", kid="x"),
        "critical": headed(crit=["exp"], exp=1),
        "another type": headed(typ="secevent+jwt"),
        "signature cut": good[:-4],
        "no signature": f"{head}.{body}.",
        "body changed": f"{head}.{piece(claims(sub='f:1234:bob'))}.{signature}",
        "two parts": f"{head}.{body}",
        "five parts": f"{good}.{head}.{body}",
        "empty": "",
        "points": "..",
        "no base64": "%.%.%",
        "not JSON": f"{piece(b'hello')}.{body}.{signature}",
        "deep": f"{piece(b'[' * 50_000)}.{body}.{signature}",
        "full width": good.replace("e", "ｅ", 1),
    }


FORGERIES = 29


@pytest.mark.parametrize("number", range(FORGERIES))
def test_a_forged_token_is_refused(number, keys, jwks, issuer):
    kind, token = list(confused(keys, jwks).items())[number]
    assert issuer.subject(token) is None, kind


def test_no_forgery_is_left_out(keys, jwks):
    assert len(confused(keys, jwks)) == FORGERIES


# ---- the settings


@pytest.mark.parametrize(
    ("given_issuer", "audience", "has_keys"),
    [(ISSUER, "", True), ("", AUDIENCE, True), (ISSUER, AUDIENCE, False), ("", "", True), (ISSUER, "", False)],
)
def test_half_an_issuer_is_none(given_issuer, audience, has_keys, jwks):
    with pytest.raises(SettingsError, match="E285"):
        read_issuer(given_issuer, audience, jwks if has_keys else None)


def test_without_settings_there_is_no_issuer():
    assert read_issuer("", "", None) is None


Spoil = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: {"keys": []},
        lambda entry: {},
        lambda entry: [entry],
        lambda entry: {"keys": [entry, entry]},
        lambda entry: {"keys": [{key: value for key, value in entry.items() if key != "kid"}]},
        lambda entry: {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}]},
        lambda entry: {"keys": [{**entry, "alg": "HS256"}]},
        lambda entry: {"keys": [{**entry, "alg": "none"}]},
        lambda entry: {"keys": [{**entry, "use": "enc"}]},
        lambda entry: {"keys": [{**entry, "d": "AQAB"}]},
        lambda entry: {"keys": [{**entry, "n": "!"}]},
        lambda entry: {"keys": [{"kty": "EC", "crv": "secp256k1", "kid": "a", "x": "AA", "y": "AA"}]},
        lambda entry: {"keys": "rsa"},
        lambda entry: None,
    ],
)
def test_a_file_without_good_public_keys_stops_the_start(spoil: Spoil, keys, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(spoil(jwk_of("rsa", keys["rsa"]))), encoding="utf-8")
    with pytest.raises(SettingsError, match="E285"):
        read_issuer(ISSUER, AUDIENCE, path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"x" * ((1 << 20) + 1)])
def test_a_file_that_is_no_jwks_stops_the_start(content, tmp_path):
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(SettingsError, match="E285"):
        read_issuer(ISSUER, AUDIENCE, tmp_path / "keys.json")
    with pytest.raises(SettingsError, match="E285"):
        read_issuer(ISSUER, AUDIENCE, tmp_path / "none.json")


def test_a_short_rsa_key_stops_the_start(tmp_path):
    entry = jwk_of("rsa-short", rsa.generate_private_key(65537, 1024))
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [entry]}), encoding="utf-8")
    with pytest.raises(SettingsError, match="E285"):
        read_issuer(ISSUER, AUDIENCE, tmp_path / "keys.json")


# ---- at the gate


@pytest.fixture
def stand(tmp_path, issuer):
    made = stand_in(tmp_path, issuer)
    made.gate.users.add("ann", None, SUBJECT)
    made.gate.users.add_project("lung")
    yield made
    made.desk.close()


def test_a_token_of_the_issuer_opens_what_our_own_table_gives(stand, keys):
    from hounsfield.service.access.roles import Role

    headers = {"authorization": f"Bearer {signed(keys, roles=['administrator'])}"}
    reply = stand.client(**headers).get("/api/v1/session")
    assert (reply.json()["user"], reply.json()["via"], reply.json()["projects"]) == ("ann", "oidc", [])
    stand.gate.users.grant("ann", Role.READER, "lung")
    assert stand.gate.identify(headers, {}).projects_for(Permission.STUDY_READ) == ("lung",)


@pytest.mark.parametrize("act", ["stranger", "closed"])
def test_a_good_token_of_nobody_here_is_refused(act, stand, keys):
    if act == "closed":
        stand.gate.users.set_disabled("ann", True)
    token = signed(keys, sub=SUBJECT if act == "closed" else "f:1234:bob")
    assert stand.client(authorization=f"Bearer {token}").get("/api/v1/session").status_code == 401
    reply = stand.client(**OWN_PAGE).post("/api/v1/session/external", json={"token": token})
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers


def test_a_browser_trades_the_token_for_a_session(stand, keys):
    browser = stand.client(**OWN_PAGE)
    reply = browser.post("/api/v1/session/external", json={"token": signed(keys, "ec")})
    assert (reply.status_code, reply.json()["via"]) == (200, "session")
    assert browser.get("/api/v1/session").json()["user"] == "ann"
    stand.gate.users.set_disabled("ann", True)
    assert browser.get("/api/v1/session").status_code == 401


def test_an_account_of_the_issuer_has_no_password_to_guess(stand):
    reply = stand.client(**OWN_PAGE).post("/api/v1/session", json={"user": "ann", "password": ""})
    assert reply.status_code == 401


def test_where_no_issuer_is_set_its_tokens_are_nothing(shared, keys):
    assert shared.client(authorization=f"Bearer {signed(keys)}").get("/api/v1/session").status_code == 401

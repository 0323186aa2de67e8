"""The running service: where it refuses to listen, what it says at its start, and how it ends."""

import datetime
import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hounsfield.errors import SettingsError
from hounsfield.service.access.gate import open_gate
from hounsfield.service.access.passwords import Passwords
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.keys import open_signer
from hounsfield.service.audit.log import Query, open_log
from hounsfield.service.audit.verify import verify
from hounsfield.service.serve import address_of, doors_of, is_loopback, listen, require_safe_place
from hounsfield.settings import Settings, store_folder
from tests.service.stand import CHEAP, PASSWORD


def refused(gate, **values: object) -> str:
    """Return why a place is not safe, an empty string where it is."""
    try:
        require_safe_place(Settings(**values), gate)
    except SettingsError as error:
        assert error.code == "E280"  # noqa: PT017
        return str(error.facts["expected"])
    return ""


@pytest.fixture
def nobody(tmp_path):
    made = open_gate(tmp_path, CHEAP)
    yield made
    made.close()


@pytest.fixture
def somebody(nobody):
    nobody.ensure_first_user(lambda: PASSWORD)
    return nobody


TLS = {"tls_certificate": "/c.pem", "tls_key": "/k.pem"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "::1"])
def test_on_this_machine_nothing_is_asked(host, nobody):
    assert is_loopback(host)
    assert refused(nobody, host=host) == ""


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "192.168.1.5",
        "pacs.example",
        "127.0.0.1.evil.example",
        "169.254.1.1",
        "::ffff:10.0.0.1",
    ],
)
def test_beyond_it_tls_and_somebody_are_asked(host, nobody):
    assert not is_loopback(host)
    assert refused(nobody, host=host) == "TLS"
    assert refused(nobody, host=host, **TLS) == "hounsfield user add"
    assert refused(nobody, host=host, behind_proxy=True) == "hounsfield user add"
    nobody.ensure_first_user(lambda: PASSWORD)
    assert refused(nobody, host=host) == "TLS"
    assert refused(nobody, host=host, **TLS) == ""
    assert refused(nobody, host=host, behind_proxy=True) == ""


@pytest.mark.parametrize("name", list(TLS))
def test_half_of_tls_is_none(name, somebody):
    assert refused(somebody, **{name: TLS[name]}) == "tls_certificate + tls_key"


def test_somebody_who_may_nothing_is_nobody(nobody):
    nobody.users.add("ann", PASSWORD)
    assert refused(nobody, host="0.0.0.0", **TLS) == "hounsfield user add"


@pytest.mark.parametrize(
    ("values", "hosts", "is_secure"),
    [
        ({}, set(), False),
        ({"hosts": "pacs.example, PACS ,"}, {"pacs.example", "pacs"}, False),
        ({"host": "10.0.0.1", **TLS}, {"10.0.0.1"}, True),
        ({"host": "0.0.0.0", "behind_proxy": True, "hosts": "pacs"}, {"pacs"}, True),
        ({"host": "::"}, set(), False),
    ],
)
def test_the_names_it_answers_to_are_its_own_and_those_given(values, hosts, is_secure):
    doors = doors_of(Settings(**values))
    assert doors.hosts == {"127.0.0.1", "localhost", "::1"} | hosts
    assert doors.is_secure is is_secure


def test_a_port_in_use_is_named():
    with listen("127.0.0.1", 0) as first, pytest.raises(SettingsError) as caught:
        listen("127.0.0.1", first.getsockname()[1])
    assert caught.value.code == "E287"
    with pytest.raises(SettingsError, match="E287"):
        listen("203.0.113.7", 0)


@pytest.mark.parametrize(
    ("values", "start"),
    [({}, "http://127.0.0.1:"), ({"host": "::1", **TLS}, "https://[::1]:"), ({"host": "pacs", **TLS}, "https://pacs:")],
)
def test_the_address_is_one_to_click_on(values, start):
    with listen("127.0.0.1", 0) as listener:
        assert address_of(Settings(**values), listener) == f"{start}{listener.getsockname()[1]}/"


def test_the_store_lies_in_the_settings_or_in_the_users_data(tmp_path):
    assert store_folder(Settings(store_folder=tmp_path)) == tmp_path
    assert store_folder(Settings(), {"XDG_DATA_HOME": "/data"}).as_posix() == "/data/hounsfield/store"
    assert store_folder(Settings(), {}).as_posix().endswith("/.local/share/hounsfield/store")


# ---- a process of its own


def started(folder, *words: str) -> tuple[subprocess.Popen[str], dict[str, object]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hounsfield", "serve", "--port", "0", "--store", str(folder), "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    text = ""
    while not text.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, process.communicate()
        text += line
    return process, json.loads(text)


def asked(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20, context=context) as reply:
            return reply.status, dict(reply.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers.items())


def test_it_starts_empty_answers_and_stops_in_order(tmp_path):
    folder = tmp_path / "store"
    process, said = started(folder)
    assert (said["first_user"], len(said["first_password"])) == ("admin", 20)
    assert said["address"].startswith("http://127.0.0.1:")
    status, headers = asked(said["address"] + "health/live")
    assert status == 200
    assert "server" not in {name.lower() for name in headers}
    assert asked(said["address"], Host="evil.example")[0] == 421
    assert asked(said["address"] + "api/v1/session")[0] == 401
    assert raw(said["address"], b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000) in (b"", b"HTTP/1.1 400")
    assert raw(said["address"], b"\x16\x03\x01\x02\x00garbage\r\n\r\n") in (b"", b"HTTP/1.1 400")
    assert asked(said["address"] + "health/live")[0] == 200
    process.send_signal(signal.SIGTERM)
    output, talk = process.communicate(timeout=30)
    assert process.returncode == 0, talk
    assert said["first_password"] not in output + talk
    log = open_log(folder)
    events = [record.entry.event for record in log.read(Query())]
    log.close()
    assert (events[0], events[-1]) == (Event.SERVICE_STOP, Event.SERVICE_START)
    assert verify(folder / "audit.db", open_signer(folder / "audit.key").verifier()).faults == ()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert said["first_password"].encode() not in held


def raw(address: str, request: bytes) -> bytes:
    """Return the first bytes of the answer to a request that is none."""
    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(request)
            return connection.recv(12)
        except OSError:
            return b""


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 and its key, as files."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "k.pem").write_bytes(private)
    return tmp_path / "c.pem", tmp_path / "k.pem"


def test_with_a_certificate_it_speaks_tls_of_today(certificate, tmp_path):
    chain, key = certificate
    process, said = started(tmp_path / "store", "--tls-certificate", str(chain), "--tls-key", str(key))
    try:
        context = ssl.create_default_context(cafile=str(chain))
        status, headers = asked(said["address"] + "health/live", context)
        assert status == 200
        assert "Strict-Transport-Security" in {name.title() for name in headers}
        old = ssl.create_default_context(cafile=str(chain))
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((urllib.error.URLError, ValueError)):
            asked(said["address"], old)
        with pytest.raises((urllib.error.URLError, OSError)):
            asked(said["address"].replace("https", "http"))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize(
    "words",
    [("--host", "0.0.0.0"), ("--tls-certificate", "c.pem"), ("--host", "0.0.0.0", "--behind-proxy")],
)
def test_an_unsafe_start_ends_with_its_reason_and_leaves_no_account(words, tmp_path, capfd, monkeypatch):
    from hounsfield.cli import main

    monkeypatch.setattr(Passwords.__init__, "__defaults__", (64, 1))
    code = main(["serve", "--store", str(tmp_path / "store"), "--json", *words])
    said = json.loads(capfd.readouterr().out)
    assert (code, said["error"]["code"]) == (2, "E280")
    gate = open_gate(tmp_path / "store", CHEAP)
    assert gate.users.list() == ()
    gate.close()

"""The edge: hosts, other sites' pages, sizes, packed bodies, and the headers of every reply."""

import pytest
from starlette.datastructures import Headers

from hounsfield.errors import HounsfieldError
from hounsfield.service.desk import Doors
from hounsfield.service.edge import CONTENT_SECURITY_POLICY, REPLY_HEADERS, host_name, require_acceptable
from hounsfield.service.problems import language_of, status_of
from tests.service.stand import OWN_PAGE, PASSWORD


def passed(method: str = "GET", path: str = "/", doors: Doors | None = None, **headers: str | list[str]) -> str:
    """Return the code of what the edge says to a request, an empty string where it lets it in."""
    raw = [(b"host", b"pacs.example")] if "host" not in headers else []
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            raw.append((name.replace("_", "-").encode(), value.encode("latin-1")))
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    try:
        require_acceptable(scope, Headers(scope=scope), doors or Doors(hosts=frozenset({"pacs.example", "::1"})))
    except HounsfieldError as error:
        return f"{error.code} {status_of(error)}"
    return ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "pacs.example.evil.example",
        "pacs.example@evil.example",
        "evil.example#pacs.example",
        "pacs.example/",
        "pacs.example?",
        "pacs.example:0",
        "pacs.example:99999",
        "pacs.example:80:80",
        "pacs.example ",
        "",
        "[::1",
        "127.0.0.1",
        "169.254.169.254",
        "pacs\u00e9.example",
        ["pacs.example", "pacs.example"],
        [],
    ],
)
def test_another_host_is_refused(host):
    assert passed(host=host) == "E275 421"


@pytest.mark.parametrize("host", ["pacs.example", "PACS.example", "pacs.example:8042", "[::1]", "[::1]:80"])
def test_our_hosts_are_answered(host):
    assert passed(host=host) == ""


def test_names_of_hosts():
    assert host_name("[::1]:8042") == "::1"
    assert host_name("LOCALHOST:1") == "localhost"
    assert host_name("a b") == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "MKCOL"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "nonsense"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://pacs.example"},
        {"origin": "http://pacs.example:81"},
        {"origin": "http://pacs.example.evil.example"},
        {"origin": ["http://pacs.example", "http://evil.example"]},
        {"sec_fetch_site": "same-origin", "origin": "http://evil.example"},
        {"cookie": "hounsfield-session=x"},
        {"cookie": "a=b; __Host-hounsfield-session=x"},
    ],
)
def test_an_unsafe_request_of_another_page_is_refused(method, headers):
    assert passed(method, **headers) == "E274 403"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer x"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://pacs.example"},
        {"cookie": "hounsfield-session=x", "origin": "http://pacs.example"},
        {"cookie": "hounsfield-session=x", "sec_fetch_site": "same-origin"},
        {"cookie": "theme=dark"},
    ],
)
def test_our_own_page_and_programs_may(headers):
    assert passed("POST", **headers) == ""


def test_behind_tls_the_page_is_https():
    doors = Doors(hosts=frozenset({"pacs.example"}), is_secure=True)
    assert passed("POST", doors=doors, origin="https://pacs.example") == ""
    assert passed("POST", doors=doors, origin="http://pacs.example") == "E274 403"


def test_reading_is_not_asked_where_it_comes_from():
    assert passed("GET", origin="http://evil.example", sec_fetch_site="cross-site") == ""


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content_encoding": "gzip"}, "E277 415"),
        ({"content_encoding": "deflate"}, "E277 415"),
        ({"content_encoding": "identity, gzip"}, "E277 415"),
        ({"content_encoding": "identity"}, ""),
        ({"content_length": "1x"}, "E277 400"),
        ({"content_length": "-1"}, "E277 400"),
        ({"content_length": "+1"}, "E277 400"),
        ({"content_length": "9" * 19}, "E277 400"),
        ({"content_length": ["1", "2"]}, "E277 400"),
        ({"content_length": "12"}, ""),
        ({f"x_{number}": "1" for number in range(98)}, ""),
        ({f"x_{number}": "1" for number in range(101)}, "E276 431"),
        ({"range": "bytes=" + ",".join(f"{at}-{at}" for at in range(10_000))}, "E276 431"),
        ({"x_long": "x" * 33_000}, "E276 431"),
        ({"x_long": "x" * 32_000}, ""),
    ],
)
def test_odd_bodies_and_large_headers_are_refused(headers, said):
    assert passed("POST", **headers) == said


def test_a_long_path_is_refused():
    assert passed(path="/" + "x" * 4095) == ""
    assert passed(path="/" + "x" * 4096) == "E276 431"


# ---- through the application


def test_a_body_beyond_the_limit_is_refused_whether_announced_or_not(shared):
    client = shared.client()
    large = b"x" * ((1 << 20) + 1)
    assert client.post("/api/v1/session", content=large).status_code == 413
    pieces = (large[start : start + 65536] for start in range(0, len(large), 65536))
    reply = client.post("/api/v1/session", content=pieces)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "E276")


@pytest.mark.parametrize("path", ["/", "/health/live", "/api/v1/session", "/nothing", "/metrics"])
def test_every_reply_carries_the_headers(path, shared):
    reply = shared.client().get(path)
    for name, value in REPLY_HEADERS.items():
        assert reply.headers[name] == value
    assert reply.headers["cache-control"] == "no-store"
    assert len(reply.headers["x-request-id"]) == 16
    assert "server" not in reply.headers
    assert "access-control-allow-origin" not in reply.headers


def test_a_refusal_of_the_edge_carries_them_too(shared):
    reply = shared.client(host="evil.example").get("/")
    assert reply.status_code == 421
    assert reply.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_the_content_policy_lets_no_foreign_or_inline_script_run():
    rules = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["frame-ancestors"] == "'none'"
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"} & set(CONTENT_SECURITY_POLICY.split())


def test_a_request_of_another_site_with_a_good_session_changes_nothing(stand):
    browser = stand.signed_in("reader@a")
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert browser.delete("/api/v1/session", headers=headers).status_code == 403
    assert browser.get("/api/v1/session").json()["user"] == "reader@a"
    assert browser.delete("/api/v1/session", headers=OWN_PAGE).status_code == 204


def test_signing_somebody_in_from_another_site_is_refused(stand):
    reply = stand.client(origin="http://evil.example").post(
        "/api/v1/session", json={"user": "reader@a", "password": PASSWORD}
    )
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


def test_web_sockets_are_closed(shared):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), shared.client().websocket_connect("/api/v1/session"):
        pass


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("zh-CN", "zh"), ("ZH", "zh"), ("fr, zh;q=0.9, en", "zh"), ("", "en"), ("de", "en"), ("x" * 5000, "en")],
)
def test_the_language_is_the_first_that_is_ours(accepted, language):
    assert language_of(accepted) == language

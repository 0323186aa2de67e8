"""The edge: what every request must be before a route sees it, and what every reply must carry.

Pure ASGI, so that streams pass through as they are. Requests: known Host, few and short headers, no packed body, no
page of another site behind an unsafe method. Replies: an identifier, headers that keep browsers strict, and none that
is good unless a policy has spoken.
"""

import re
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hounsfield.errors import AccessError, BadRequest, Forbidden, HounsfieldError
from hounsfield.service.access.gate import COOKIE, SECURE_COOKIE
from hounsfield.service.desk import Desk, Doors
from hounsfield.service.passage import Passage, passage_of
from hounsfield.service.problems import language_of, problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
REPLY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_TRANSPORT = "max-age=31536000"
_LONGEST_PATH = 4096
_REFUSED_FROM = 400
_PORTS = 65536
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:(?P<port>[0-9]{1,5}))?", re.ASCII)


class Edge:
    """The outermost layer of the application.

    Args:
        inner: the application proper.
        desk: the service.
    """

    def __init__(self, inner: ASGIApp, desk: Desk) -> None:
        self._inner = inner
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event; there are no web sockets."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        passage, headers = passage_of(scope), Headers(scope=scope)
        passage.desk = self._desk
        reply = _Reply(scope, send, self._desk, passage)
        language = language_of(headers.get("accept-language", ""))
        try:
            require_acceptable(scope, headers, self._desk.doors)
            await self._inner(scope, receive, reply.send)
        except HounsfieldError as error:
            await reply.instead(problem(error, language))
        except Exception as error:
            self._desk.report_fault(passage.request_id, error)
            if reply.has_started:
                raise
            await reply.instead(problem(AccessError("E289", found=type(error).__name__), language))


class _Reply:
    """Sends a reply, with our headers, once."""

    def __init__(self, scope: Scope, send: Send, desk: Desk, passage: Passage) -> None:
        self._scope = scope
        self._send = send
        self._desk = desk
        self._passage = passage
        self._began = time.perf_counter()
        self._is_replaced = False
        self.has_started = False

    async def send(self, message: Message) -> None:
        """Send a message of the application, unless no policy admitted what it answers."""
        if message["type"] == "http.response.start":
            if message["status"] < _REFUSED_FROM and self._passage.context is None:
                await self.instead(problem(Forbidden("E271", found="-")))
                return
            self._start(message)
        if not self._is_replaced:
            await self._send(message)

    async def instead(self, response: ASGIApp) -> None:
        """Send another reply than the application's, which may not have begun its own."""
        if self.has_started:
            return
        self._is_replaced = True

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._start(message)
            await self._send(message)

        await response(self._scope, _nothing, pass_on)

    def _start(self, message: Message) -> None:
        self.has_started = True
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = self._passage.request_id
        for name, value in REPLY_HEADERS.items():
            headers[name] = value
        headers.setdefault("Cache-Control", "no-store")
        if self._desk.doors.is_secure:
            headers["Strict-Transport-Security"] = _TRANSPORT
        self._desk.measures.replied(self._scope["method"], message["status"], time.perf_counter() - self._began)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def require_acceptable(scope: Scope, headers: Headers, doors: Doors) -> None:
    """Refuse a request that no route should see.

    Raises:
        BadRequest: ``E275`` another host, ``E276`` too large, ``E277`` a packed or oddly framed body;
        Forbidden: ``E274`` sent by a page of another site.
    """
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size > doors.max_header_bytes or len(scope["headers"]) > doors.max_headers or len(scope["path"]) > _LONGEST_PATH:
        raise BadRequest("E276", found=f"headers, {size}", limit=doors.max_header_bytes, part="headers")
    hosts = headers.getlist("host")
    name = host_name(hosts[0]) if len(hosts) == 1 else ""
    if name not in doors.hosts:
        raise BadRequest("E275", found="?" if not name.isascii() else name[:80])
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise BadRequest("E277", found="Content-Encoding", expected="identity")
    lengths = headers.getlist("content-length")
    if lengths and (len(lengths) > 1 or not lengths[0].isascii() or not lengths[0].isdigit() or len(lengths[0]) > 18):
        raise BadRequest("E277", found="Content-Length", expected="one number", status=400)
    if scope["method"] not in SAFE_METHODS:
        _require_own_page(headers, doors, hosts[0])


def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case and without port; an empty string where it is none."""
    match = _HOST.fullmatch(host.lower())
    if match is None or not 0 < int(match["port"] or 80) < _PORTS:
        return ""
    return match["name"].strip("[]")


def _require_own_page(headers: Headers, doors: Doors, host: str) -> None:
    """Refuse what a browser sends for a page that is not ours (Fetch Metadata, else Origin).

    A program sends neither header and may act by its token; a cookie alone is never enough.
    """
    site, origins = headers.get("sec-fetch-site"), headers.getlist("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden("E274", found="Sec-Fetch-Site")
    scheme = "https" if doors.is_secure else "http"
    if origins and origins != [f"{scheme}://{host}"]:
        raise Forbidden("E274", found="Origin")
    cookie = headers.get("cookie", "")
    if (COOKIE in cookie or SECURE_COOKIE in cookie) and site is None and not origins:
        raise Forbidden("E274", found="Cookie")

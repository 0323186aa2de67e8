"""The running service: opens its parts, refuses unsafe places, listens, and ends in order."""

import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.errors import SettingsError
from hounsfield.service.access.gate import FIRST_USER, Gate, open_gate
from hounsfield.service.access.issuer import read_issuer
from hounsfield.service.access.passwords import draw_password
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import open_log
from hounsfield.service.audit.record import Entry
from hounsfield.service.audit.recorder import Recorder
from hounsfield.service.audit.scribe import Scribe
from hounsfield.service.desk import Desk, Doors
from hounsfield.settings import Settings

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_GRACE_SECONDS = 10
_BACKLOG = 512
_AT_ONCE = 512
_UNNAMED = ("0.0.0.0", "::")  # noqa: S104, compared with, never listened on by default


@dataclass(frozen=True)
class Start:
    """What a person must know once the service listens.

    Attributes:
        address: URL of the service.
        store: the folder of the store.
        first_user: name of the account made on the first start, else None.
        first_password: its password, which is nowhere else.
        dicom: AE title, address and port for DICOM peers; None where the store has none.
    """

    address: str
    store: Path
    first_user: str | None
    first_password: str | None
    dicom: str | None = None


def serve(settings: Settings, folder: Path, announce: Callable[[Start], None]) -> None:
    """Run the service until it is told to stop by SIGINT or SIGTERM.

    Args:
        settings: host, port, TLS, issuer.
        folder: the store's folder, made with mode 0700 where there is none.
        announce: called once, when the service is about to listen.

    Raises:
        SettingsError: ``E280`` the place is not safe, ``E285`` the issuer, ``E287`` it cannot listen there.
    """
    from hounsfield.archive.store import open_store

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    gate = open_gate(folder, issuer=read_issuer(settings.oidc_issuer, settings.oidc_audience, settings.oidc_keys))
    try:
        require_safe_place(settings, gate)
        first = gate.ensure_first_user(draw_password)
        listener = listen(settings.host, settings.port)
    except BaseException:
        gate.close()
        raise
    with listener:
        recorder = Recorder(Scribe(open_log(folder)), settings.audit_strict)
        desk = Desk(gate, recorder, doors_of(settings), store=open_store(folder), app_folder=installed_app())
        with ExitStack() as held:
            try:
                dicom = held.enter_context(dicom_port(settings, folder, recorder.scribe))
            except BaseException:
                desk.close()
                raise
            start = Start(address_of(settings, listener), folder, FIRST_USER if first else None, first, dicom)
            desk.recorder.scribe.write(Entry(Event.SERVICE_START, actor="service", objects=(start.address,)))
            announce(start)
            _run(settings, desk, listener)


@contextmanager
def dicom_port(settings: Settings, folder: Path, scribe: Scribe) -> Iterator[str | None]:
    """Hold the DICOM port open where the store has peers, and give its name and address; None where it has none.

    Raises:
        SettingsError: ``E494`` the port cannot be had, ``E495`` and ``E496`` the file of peers.
    """
    from hounsfield.service.dimse.peers_file import FILE_NAME, read_peers

    if not (folder / FILE_NAME).is_file():
        yield None
        return
    from hounsfield.service.dimse.port import DicomPort

    read_peers(folder / FILE_NAME)
    title = settings.dicom_ae_title
    with DicomPort(folder, title, scribe.write, settings.host, settings.dicom_port) as port:
        yield f"{title}@{settings.host}:{port.port}"


def installed_app() -> Path | None:
    """Return the folder of the built reading app, None where the package was installed without it."""
    folder = Path(__file__).with_name("static") / "app"
    return folder if (folder / "index.html").is_file() else None


def require_safe_place(settings: Settings, gate: Gate) -> None:
    """Refuse to listen where others can reach the service without TLS, or before there is anybody to sign in.

    Raises:
        SettingsError: ``E280``.
    """
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingsError("E280", found=settings.host, expected="tls_certificate + tls_key")
    if is_loopback(settings.host):
        return
    if not settings.tls_certificate and not settings.behind_proxy:
        raise SettingsError("E280", found=settings.host, expected="TLS")
    if not any(user.memberships and not user.is_disabled for user in gate.users.list()):
        raise SettingsError("E280", found=settings.host, expected="hounsfield user add")


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def doors_of(settings: Settings) -> Doors:
    """Return what the edge lets in: this machine's names, the address listened on, and the names of the settings."""
    named = {name.strip().lower() for name in settings.hosts.split(",") if name.strip()}
    own = set() if settings.host in _UNNAMED else {settings.host.lower()}
    return Doors(LOOPBACK_HOSTS | named | own, is_secure=bool(settings.tls_certificate) or settings.behind_proxy)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        SettingsError: ``E287``.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError("E287", found=f"{host}:{port}", cause=error.strerror or type(error).__name__) from error


def address_of(settings: Settings, listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}/"


def _run(settings: Settings, desk: Desk, listener: socket.socket) -> None:
    import uvicorn

    from hounsfield.service.app import build

    config = uvicorn.Config(
        build(desk),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="on",
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=desk.doors.max_header_bytes * 2,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        desk.close()
        raise SettingsError("E287", found="TLS", cause=type(error).__name__) from error
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    # uvicorn raises a signal again once it has stopped; by then there is nothing left that it should end.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

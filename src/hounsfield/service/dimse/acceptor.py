"""Listens for associations: capped in number, in all and by address; one thread for each that is accepted."""

import logging
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from hounsfield.errors import ArchiveError, HounsfieldError, SettingsError, Timeout
from hounsfield.service.dimse.association import Association, Message
from hounsfield.service.dimse.command import Field
from hounsfield.service.dimse.negotiation import VERIFICATION, agree, read_proposal
from hounsfield.service.dimse.peers import Peer, Peers, find_peer
from hounsfield.service.dimse.wire import Caps, Line, Unit, rejection

_log = logging.getLogger("hounsfield.dimse")
_UNRECOGNISED = 0x0211
_NOT_AUTHORISED = 0x0124
_REJECT_SECONDS = 0.1
_REJECTING_AT_ONCE = 16


class Answering(Protocol):
    """A service: answers one kind of request."""

    def answer(self, association: Association, message: Message, peer: Peer) -> None:
        """Answer a request on its association."""
        ...


@dataclass(frozen=True)
class Offer:
    """What is offered, and within which limits.

    Attributes:
        ae_title: our own; a peer that calls another is refused.
        services: who answers, by kind of request; C-ECHO is always answered.
        allows: tells whether a peer may ask a kind of request.
        abstract_syntaxes: SOP classes of services, and ``STORAGE``, that a peer may negotiate.
        transfer_syntaxes: of stored data sets.
        caps: what one association may ask.
        associations: how many at once.
        associations_by_address: how many at once from one address.
        tls: context of a TLS server; None for plain TCP.
        heard: told of each association for the audit log: word, peer's AE title, address.
    """

    ae_title: str
    services: Mapping[int, Answering]
    allows: Callable[[Peer, int], bool]
    abstract_syntaxes: Callable[[Peer], Collection[str]]
    transfer_syntaxes: Collection[str]
    caps: Caps = field(default_factory=Caps)
    associations: int = 200
    associations_by_address: int = 100
    tls: ssl.SSLContext | None = None
    heard: Callable[[str, str, str], None] = lambda word, calling, address: None


class Acceptor:
    """A listening socket and the associations on it; use as a context, or ``close`` it.

    Args:
        offer: what is offered.
        peers: who may call.
        host: address to listen on.
        port: 0 for any free one.

    Raises:
        SettingsError: ``E494``, the port cannot be had.
    """

    def __init__(self, offer: Offer, peers: Peers, host: str = "127.0.0.1", port: int = 0) -> None:
        self._offer = offer
        self._peers = peers
        self._lock = threading.Lock()
        self._lines: dict[Line, str] = {}
        self._rejecting = threading.Semaphore(_REJECTING_AT_ONCE)
        self._is_closing = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise SettingsError("E494", found=f"{host}:{port}", cause=error.strerror or type(error).__name__) from error
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, name="dimse-listen", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the acceptor, which listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def association_count(self) -> int:
        """Connections that are held now."""
        with self._lock:
            return len(self._lines)

    def close(self) -> None:
        """Stop listening and end every association; instances that were acknowledged stay."""
        self._is_closing = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            _log.debug("listening socket was closed already")
        self._socket.close()
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.close()
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._is_closing:
            try:
                connection, address = self._socket.accept()
            except OSError:
                if not self._is_closing:
                    _log.error("a connection could not be accepted")
                continue
            self._begin(connection, str(address[0]))

    def _begin(self, connection: socket.socket, address: str) -> None:
        line = Line(connection, self._offer.caps)
        with self._lock:
            held = Counter(self._lines.values())
            is_full = len(self._lines) >= self._offer.associations
            is_full = is_full or held[address] >= self._offer.associations_by_address
            if not is_full:
                self._lines[line] = address
        if not is_full:
            threading.Thread(target=self._serve, args=(line, connection, address), daemon=True).start()
        elif self._rejecting.acquire(blocking=False):
            threading.Thread(target=self._turn_away, args=(line, connection), daemon=True).start()
        else:
            line.close()

    def _turn_away(self, line: Line, connection: socket.socket) -> None:
        """Reject for the moment (PS3.8 table 9-21: transient, presentation, local limit exceeded)."""
        try:
            connection.settimeout(_REJECT_SECONDS)
            connection.recv(self._offer.caps.associate_bytes)
            line.write(rejection(2, 3, 2))
        except (OSError, HounsfieldError):
            _log.debug("a surplus connection left by itself")
        finally:
            line.close()
            self._rejecting.release()

    def _serve(self, line: Line, connection: socket.socket, address: str) -> None:
        try:
            if self._offer.tls is not None:
                line = self._secured(self._offer.tls, line, connection, address)
            self._associate(line, address)
        except (HounsfieldError, OSError) as error:
            _log.info("association ended: %s", getattr(error, "code", type(error).__name__))
        finally:
            line.close()
            with self._lock:
                self._lines.pop(line, None)

    def _secured(self, context: ssl.SSLContext, line: Line, connection: socket.socket, address: str) -> Line:
        connection.settimeout(self._offer.caps.first_seconds)
        secured = Line(context.wrap_socket(connection, server_side=True), self._offer.caps)
        with self._lock:
            self._lines.pop(line, None)
            self._lines[secured] = address
        return secured

    def _associate(self, line: Line, address: str) -> None:
        received = line.read()
        if received.kind is not Unit.ASSOCIATE_RQ:
            return
        proposal = read_proposal(bytes(received.body))
        peer = find_peer(self._peers(), proposal.calling, address)
        if peer is None or proposal.called != self._offer.ae_title:
            # PS3.8 table 9-21, permanent, by the user: 3 calling, 7 called AE title not recognised
            self._offer.heard("refused", proposal.calling, address)
            line.write(rejection(1, 1, 3 if peer is None else 7))
            return
        wanted = (VERIFICATION, *self._offer.abstract_syntaxes(peer))
        agreement, acceptance = agree(proposal, wanted, self._offer.transfer_syntaxes, self._offer.caps.data_bytes)
        self._offer.heard("accepted", proposal.calling, address)
        line.write(acceptance)
        association = Association(line, agreement, address)
        try:
            for message in association.messages():
                self._answer(association, message, peer)
        except Timeout:
            association.abort(2, 0)
            raise
        except ArchiveError:
            raise
        except HounsfieldError:
            association.abort(2, 6)
            raise

    def _answer(self, association: Association, message: Message, peer: Peer) -> None:
        command = message.command
        if command.is_response or command.field == Field.C_CANCEL:
            return
        number = message.context.context_id
        if command.field == Field.C_ECHO:
            association.send(number, command.answered(0))
        elif command.field not in self._offer.services:
            association.send(number, command.answered(_UNRECOGNISED))
        elif not self._offer.allows(peer, command.field):
            association.send(number, command.answered(_NOT_AUTHORISED))
        else:
            self._offer.services[command.field].answer(association, message, peer)

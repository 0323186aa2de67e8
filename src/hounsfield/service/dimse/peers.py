"""Who may open an association, and for what: deny by default, C-STORE included (threat T14)."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from hounsfield.errors import SettingsError

_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
"""PS3.5 table 6.2-1, AE: at most 16 printable characters, no backslash, no blank at either end."""


class Service(Enum):
    """What a peer may be allowed."""

    STORE = "store"
    QUERY = "query"
    RETRIEVE = "retrieve"


@dataclass(frozen=True)
class Peer:
    """A known application entity.

    Attributes:
        ae_title: how it calls itself.
        networks: addresses or networks it may call from, such as ``10.0.0.5`` or ``10.1.0.0/16``.
        project: the project that its instances go to and that it sees.
        services: what it may.
        host: where it is sent to; empty where it is not.
        port: where it listens; 0 where it does not.
    """

    ae_title: str
    networks: tuple[str, ...]
    project: str
    services: frozenset[Service] = frozenset(Service)
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never match, or match too much.

        Raises:
            SettingsError: ``E495``.
        """
        if _TITLE.fullmatch(self.ae_title) is None:
            raise SettingsError("E495", found=self.ae_title[:16], name="ae_title")
        if not self.networks:
            raise SettingsError("E495", found="-", name="networks")
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise SettingsError("E495", found=network[:40], name="networks") from error
        if not 0 <= self.port < 65536:
            raise SettingsError("E495", found=self.port, name="port")

    def calls_from(self, address: str) -> bool:
        """Tell whether it may call from an address."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in ipaddress.ip_network(network) for network in self.networks)


Peers = Callable[[], Sequence[Peer]]
"""Gives the peers as they are now, so that one that was taken away is refused at its next association."""


def find_peer(peers: Sequence[Peer], calling: str, address: str) -> Peer | None:
    """Return the peer of an AE title and an address, None where there is none."""
    return next((peer for peer in peers if peer.ae_title == calling and peer.calls_from(address)), None)

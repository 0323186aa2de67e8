"""The peers of a store: ``peers.toml`` in its folder, read again when it changes.

[[peer]]
ae_title = "CT_SCANNER"
networks = ["10.1.2.3"]
project = "default"
services = ["store"]
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from hounsfield.errors import SettingsError
from hounsfield.service.dimse.peers import Peer, Service

FILE_NAME = "peers.toml"
_KEYS = frozenset({"ae_title", "networks", "project", "services", "host", "port"})


def read_peers(path: Path) -> tuple[Peer, ...]:
    """Read a file of peers.

    Raises:
        SettingsError: ``E496`` for what is no such file, ``E495`` for a peer that cannot be.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("E496", found=path.name, cause=type(error).__name__) from error
    rows = data.pop("peer", [])
    if data or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SettingsError("E496", found=path.name, cause="[[peer]]")
    peers = tuple(_peer(row, path.name) for row in rows)
    titles = [(peer.ae_title, network) for peer in peers for network in peer.networks]
    if len(set(titles)) < len(titles):
        raise SettingsError("E496", found=path.name, cause="ae_title + networks")
    return peers


def _peer(row: dict[str, object], name: str) -> Peer:
    unknown = set(row) - _KEYS
    if unknown:
        raise SettingsError("E496", found=name, cause=sorted(unknown)[0][:40])
    networks, services = row.get("networks", []), row.get("services", [each.value for each in Service])
    texts = [row.get(key, "") for key in ("ae_title", "project", "host")]
    port = row.get("port", 0)
    is_fit = all(isinstance(text, str) for text in texts) and isinstance(port, int) and bool(texts[1])
    if not (is_fit and isinstance(networks, list) and isinstance(services, list)):
        raise SettingsError("E496", found=name, cause=str(texts[0])[:16])
    try:
        allowed = frozenset(Service(str(each)) for each in services)
    except ValueError as error:
        raise SettingsError("E496", found=name, cause="services") from error
    title, project, host = (str(text) for text in texts)
    return Peer(title, tuple(str(each) for each in networks), project, allowed, host, int(str(port)))


class PeersFile:
    """The peers as they are in the file now; a file that became unreadable lets nobody in.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._peers: tuple[Peer, ...] = ()

    def __call__(self) -> Sequence[Peer]:
        """Return the peers."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._peers, self._stamp = read_peers(self._path), stamp
        except (OSError, SettingsError):
            self._peers, self._stamp = (), None
        return self._peers

"""The process of the DICOM port, as ``port.py`` begins it.

It tells its parent, one line of JSON each, the port it has and what is to be written down; a line that comes back says
that it is written, and only then the peer gets its answer. It ends when its parent closes the line or dies.
"""

import json
import queue
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TextIO

from pydicom.uid import AllTransferSyntaxes

from hounsfield.archive.store import open_store
from hounsfield.errors import ArchiveError, HounsfieldError
from hounsfield.service.dimse.acceptor import Acceptor, Offer
from hounsfield.service.dimse.command import Field
from hounsfield.service.dimse.keeping import Keeping
from hounsfield.service.dimse.negotiation import STORAGE
from hounsfield.service.dimse.peers import Peer, Service
from hounsfield.service.dimse.peers_file import FILE_NAME, PeersFile
from hounsfield.service.dimse.storing import Storing

WRITTEN = "written"
_WAIT_SECONDS = 30.0


class Parent:
    """The line to the parent process.

    Args:
        to: where it is told.
        back: where its answers come from.
    """

    def __init__(self, to: TextIO, back: TextIO) -> None:
        self._to = to
        self._back = back
        self._lock = threading.Lock()
        self._answers: queue.Queue[str] = queue.Queue()

    def tell(self, **words: str | int) -> None:
        """Tell something that needs no answer."""
        self._to.write(json.dumps(words) + "\n")
        self._to.flush()

    def write_down(self, event: str, actor: str, address: str = "", project: str = "", study: str = "") -> None:
        """Have something written into the audit log, and return once it is.

        Raises:
            ArchiveError: ``E497``, it is not.
        """
        with self._lock:
            try:
                self.tell(event=event, actor=actor, address=address, project=project, study=study)
                answer = self._answers.get(timeout=_WAIT_SECONDS)
            except (OSError, ValueError, queue.Empty) as error:
                raise ArchiveError("E497", found=type(error).__name__) from error
            if answer != WRITTEN:
                raise ArchiveError("E497", found="refused")

    def listen(self) -> None:
        """Take answers until the parent closes the line."""
        for line in self._back:
            self._answers.put(line.strip())


def offer_of(title: str, keeping: Keeping, parent: Parent) -> Offer:
    """Return what the port offers: C-ECHO, and C-STORE to peers that may store."""

    def may_store(peer: Peer) -> bool:
        return Service.STORE in peer.services

    def allows(peer: Peer, field: int) -> bool:
        return field == Field.C_STORE and may_store(peer)

    def syntaxes(peer: Peer) -> Collection[str]:
        return (STORAGE,) if may_store(peer) else ()

    def heard(word: str, calling: str, address: str) -> None:
        event = "association.open" if word == "accepted" else "association.refused"
        parent.write_down(event, _printable(calling), address)

    return Offer(
        title, {Field.C_STORE: Storing(keeping.keep)}, allows, syntaxes, tuple(AllTransferSyntaxes), heard=heard
    )


def _printable(title: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in title[:16]) or "-"


def noted_by(parent: Parent) -> Callable[[str, str, str], None]:
    """Return what writes down that a study arrives."""

    def noted(source: str, project: str, study: str) -> None:
        parent.write_down("study.store", source.removeprefix("dimse:"), project=project, study=study)

    return noted


def main(arguments: list[str], to: TextIO, back: TextIO) -> int:
    """Serve until the parent closes its line.

    Args:
        arguments: folder, host, port, AE title.
        to: to the parent.
        back: from the parent.
    """
    folder, host, port, title = arguments
    parent = Parent(to, back)
    try:
        with open_store(Path(folder)) as store:
            keeping = Keeping(store, noted_by(parent))
            peers = PeersFile(Path(folder) / FILE_NAME)
            with Acceptor(offer_of(title, keeping, parent), peers, host, int(port)) as acceptor:
                parent.tell(port=acceptor.port)
                parent.listen()
    except HounsfieldError as error:
        parent.tell(error=error.code)
        return 1
    return 0

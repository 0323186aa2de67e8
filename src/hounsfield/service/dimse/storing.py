"""C-STORE (PS3.4 annex B, PS3.7 section 9.1.1): the data set goes into the archive as it arrives.

What is written is the file that PS3.10 asks for: preamble, meta information of this transfer, and the octets of the
data set unchanged. The response leaves after the archive has it durably.
"""

import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hounsfield.core.identifiers import has_uid_characters
from hounsfield.errors import HounsfieldError, Refused
from hounsfield.service.dimse.association import Association, Message
from hounsfield.service.dimse.negotiation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION, is_storage
from hounsfield.service.dimse.peers import Peer
from hounsfield.service.dimse.wire import LINE_CODES

_log = logging.getLogger("hounsfield.dimse")
SUCCESS = 0x0000
COERCED = 0xB000
OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True)
class Kept:
    """What the archive says of one instance.

    Attributes:
        status: of the C-STORE response.
        comment: a machine word.
    """

    status: int
    comment: str = ""


Keep = Callable[[Iterator[bytes], str, str], Kept]
"""Keeps a file: pieces, project, source; returns once it is durable."""


def file_head(message: Message, calling: str) -> bytes:
    """Return preamble, prefix and meta information (PS3.10 section 7.1) for a data set that is about to arrive.

    Args:
        message: a C-STORE request.
        calling: AE title of the sender.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHL", 2, 0x0001, b"OB", 0, 2) + b"\0\1",
            _element(0x0002, b"UI", message.command.affected_sop_class_uid),
            _element(0x0003, b"UI", message.command.affected_sop_instance_uid),
            _element(0x0010, b"UI", message.context.transfer_syntax),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION),
            _element(0x0016, b"AE", calling),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(elements)) + elements


def _element(number: int, vr: bytes, text: str) -> bytes:
    raw = text.encode("ascii", "replace")
    if len(raw) % 2:
        raw += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, number, vr, len(raw)) + raw


class Storing:
    """Answers C-STORE.

    Args:
        keep: puts a file into the archive.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def answer(self, association: Association, message: Message, peer: Peer) -> None:
        """Keep the instance of a request and send the response."""
        kept = self._kept(association, message, peer)
        for _ in message.data:
            pass
        association.send(message.context.context_id, message.command.answered(kept.status, kept.comment))

    def _kept(self, association: Association, message: Message, peer: Peer) -> Kept:
        command = message.command
        is_fit = has_uid_characters(command.affected_sop_instance_uid) and command.has_data_set
        if not is_fit or not is_storage(command.affected_sop_class_uid):
            return Kept(CANNOT_UNDERSTAND, "UID")
        if command.affected_sop_class_uid != message.context.abstract_syntax:
            return Kept(MISMATCH, "SOP class is not that of the presentation context")
        calling = association.agreement.proposal.calling

        def pieces() -> Iterator[bytes]:
            yield file_head(message, calling)
            yield from message.data

        try:
            return self._keep(pieces(), peer.project, f"dimse:{calling}")
        except Refused as error:
            return Kept(CANNOT_UNDERSTAND, error.code)
        except HounsfieldError as error:
            if error.code in LINE_CODES:
                raise
            _log.error("C-STORE not kept: %s", error.code)
            return Kept(OUT_OF_RESOURCES, error.code)

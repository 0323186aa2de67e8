"""An association that was accepted: messages in, streamed as they arrive, and messages out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from hounsfield.errors import ArchiveError, BadRequest
from hounsfield.service.dimse.command import Command, decode_command, encode_command
from hounsfield.service.dimse.negotiation import Agreement, Context
from hounsfield.service.dimse.wire import RELEASE_REPLY, Fragment, Line, Unit, abort, data_units, fragments

_log = logging.getLogger("hounsfield.dimse")
LARGEST_COMMAND_BYTES = 64 << 10
LARGEST_IDENTIFIER_BYTES = 1 << 20


@dataclass(frozen=True)
class Message:
    """A message whose command has arrived; its data set streams in.

    Attributes:
        context: the presentation context it came over.
        command: what it says.
        data: pieces of the data set; empty where the command has none.
    """

    context: Context
    command: Command
    data: Iterator[bytes]

    def identifier(self) -> bytes:
        """Return a data set that must be short, such as what is searched for.

        Raises:
            BadRequest: ``E491``, it is not short.
        """
        held = bytearray()
        for piece in self.data:
            held += piece
            if len(held) > LARGEST_IDENTIFIER_BYTES:
                raise BadRequest("E491", found=len(held), limit=LARGEST_IDENTIFIER_BYTES)
        return bytes(held)


class Association:
    """An accepted association.

    Args:
        line: the connection.
        agreement: what holds on it.
        address: network address of the peer.
    """

    def __init__(self, line: Line, agreement: Agreement, address: str) -> None:
        self.agreement = agreement
        self.address = address
        self._line = line
        self._waiting: list[Fragment] = []
        self._is_released = False

    def messages(self) -> Iterator[Message]:
        """Give one message after the other until the peer releases; each data set is drained before the next.

        Raises:
            HounsfieldError: what ``Line.read`` raises, and ``E490`` for fragments out of order.
        """
        while (message := self.next_message()) is not None:
            yield message
            for _ in message.data:
                pass

    def next_message(self) -> Message | None:
        """Return the next message, None where the peer has released."""
        held = bytearray()
        context_id = 0
        while True:
            fragment = self._next_fragment()
            if fragment is None:
                if held:
                    raise BadRequest("E490", found="release within a command")
                return None
            if not fragment.is_command or context_id not in (0, fragment.context_id):
                raise BadRequest("E490", found="data set without command")
            context_id = fragment.context_id
            held += fragment.data
            if len(held) > LARGEST_COMMAND_BYTES:
                raise BadRequest("E491", found=len(held), limit=LARGEST_COMMAND_BYTES)
            if fragment.is_last:
                break
        command = decode_command(bytes(held))
        context = self.agreement.context(context_id)
        return Message(context, command, self._data(context_id) if command.has_data_set else iter(()))

    def _data(self, context_id: int) -> Iterator[bytes]:
        while True:
            fragment = self._next_fragment()
            if fragment is None or fragment.is_command or fragment.context_id != context_id:
                raise BadRequest("E490", found="data set broken off")
            yield bytes(fragment.data)
            if fragment.is_last:
                return

    def _next_fragment(self) -> Fragment | None:
        """Return the next value; None once the peer has released."""
        while not self._waiting:
            if self._is_released:
                return None
            received = self._line.read()
            if received.kind is Unit.DATA:
                self._waiting = fragments(received.body)
            elif received.kind is Unit.RELEASE_RQ:
                self._is_released = True
                self._line.write(RELEASE_REPLY)
            elif received.kind is Unit.ABORT:
                raise ArchiveError("E493", found="A-ABORT")
            else:
                raise BadRequest("E490", found=received.kind.name)
        return self._waiting.pop(0)

    def send(self, context_id: int, command: Command, data: bytes = b"") -> None:
        """Send a message; the data set only where the command announces one."""
        largest = self.agreement.largest
        octets = data_units(context_id, encode_command(command), True, largest)
        if command.has_data_set:
            octets += data_units(context_id, data, False, largest)
        self._line.write(octets)

    def abort(self, source: int, reason: int) -> None:
        """Tell the peer that this association has ended, if it still listens."""
        try:
            self._line.write(abort(source, reason))
        except ArchiveError as error:
            _log.debug("abort not taken: %s", error.code)

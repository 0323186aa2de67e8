"""Command sets (PS3.7 annex E): the group 0000 of a message, always implicit little endian, to and from one noun."""

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from hounsfield.errors import BadRequest

NO_DATA_SET = 0x0101
_RESPONSE = 0x8000
_ELEMENT = struct.Struct("<HHL")
_SHORT = struct.Struct("<H")
_GROUP_LENGTH = struct.Struct("<HHLL")
_LONGEST_TEXT = 64


class Field(IntEnum):
    """Requests (PS3.7 table E.1-1); a response is the request with its highest bit set."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_ACTION = 0x0130
    C_CANCEL = 0x0FFF


@dataclass(frozen=True)
class Command:
    """What a command set says; a number that is absent is None, a text that is absent empty.

    Attributes:
        field: what is asked; with the highest bit set, what is answered.
        affected_sop_class_uid: of the object or service.
        requested_sop_class_uid: of an N-ACTION.
        message_id: number of a request.
        responded_message_id: the request answered, or cancelled.
        move_destination: AE title a C-MOVE sends to.
        priority: 0 medium, 1 high, 2 low.
        data_set_type: ``NO_DATA_SET`` or anything else.
        status: of a response.
        error_comment: a word on it.
        affected_sop_instance_uid: of the object.
        requested_sop_instance_uid: of an N-ACTION.
        event_type_id: of an N-EVENT-REPORT.
        action_type_id: of an N-ACTION.
        remaining: sub-operations.
        completed: sub-operations.
        failed: sub-operations.
        warning: sub-operations.
        originator: AE title that asked for a C-MOVE.
        originator_message_id: its number.
    """

    field: int
    affected_sop_class_uid: str = ""
    requested_sop_class_uid: str = ""
    message_id: int | None = None
    responded_message_id: int | None = None
    move_destination: str = ""
    priority: int | None = None
    data_set_type: int = NO_DATA_SET
    status: int | None = None
    error_comment: str = ""
    affected_sop_instance_uid: str = ""
    requested_sop_instance_uid: str = ""
    event_type_id: int | None = None
    action_type_id: int | None = None
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    originator: str = ""
    originator_message_id: int | None = None

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows."""
        return self.data_set_type != NO_DATA_SET

    @property
    def is_response(self) -> bool:
        """Whether this answers a request."""
        return bool(self.field & _RESPONSE)

    def answered(self, status: int, comment: str = "", has_data_set: bool = False) -> Self:
        """Return the response to this request.

        Args:
            status: PS3.7 annex C or of the service.
            comment: at most 64 characters of ASCII; never a name.
            has_data_set: whether a data set follows.
        """
        return replace(
            self,
            field=self.field | _RESPONSE,
            message_id=None,
            responded_message_id=self.message_id,
            move_destination="",
            priority=None,
            data_set_type=1 if has_data_set else NO_DATA_SET,
            status=status,
            error_comment=comment[:_LONGEST_TEXT],
            requested_sop_class_uid="",
            requested_sop_instance_uid="",
            affected_sop_class_uid=self.affected_sop_class_uid or self.requested_sop_class_uid,
            affected_sop_instance_uid=self.affected_sop_instance_uid or self.requested_sop_instance_uid,
            originator="",
            originator_message_id=None,
        )


_ELEMENTS = {
    "affected_sop_class_uid": (0x0002, "UI"),
    "requested_sop_class_uid": (0x0003, "UI"),
    "field": (0x0100, "US"),
    "message_id": (0x0110, "US"),
    "responded_message_id": (0x0120, "US"),
    "move_destination": (0x0600, "AE"),
    "priority": (0x0700, "US"),
    "data_set_type": (0x0800, "US"),
    "status": (0x0900, "US"),
    "error_comment": (0x0902, "LO"),
    "affected_sop_instance_uid": (0x1000, "UI"),
    "requested_sop_instance_uid": (0x1001, "UI"),
    "event_type_id": (0x1002, "US"),
    "action_type_id": (0x1008, "US"),
    "remaining": (0x1020, "US"),
    "completed": (0x1021, "US"),
    "failed": (0x1022, "US"),
    "warning": (0x1023, "US"),
    "originator": (0x1030, "AE"),
    "originator_message_id": (0x1031, "US"),
}
"""Element number and value representation of each field, in the order of the elements (PS3.7 table E.1-1)."""
_NAMES = {element: (name, vr) for name, (element, vr) in _ELEMENTS.items()}


def decode_command(data: bytes) -> Command:
    """Read a command set; elements that no service of ours uses are passed over.

    Raises:
        BadRequest: ``E490``, it is not one.
    """
    found: dict[str, int | str] = {}
    place = 0
    while place < len(data):
        if len(data) - place < _ELEMENT.size:
            raise BadRequest("E490", found="command set")
        group, element, length = _ELEMENT.unpack_from(data, place)
        place += _ELEMENT.size
        if group != 0 or length > len(data) - place:
            raise BadRequest("E490", found="command set")
        name, vr = _NAMES.get(element, ("", ""))
        if name:
            found[name] = _value(data[place : place + length], vr)
        place += length
    number = found.pop("field", None)
    if not isinstance(number, int):
        raise BadRequest("E490", found="command field")
    return Command(number, **found)  # type: ignore[arg-type]


def _value(raw: bytes, vr: str) -> int | str:
    if vr == "US":
        if len(raw) != _SHORT.size:
            raise BadRequest("E490", found="command value")
        return int(_SHORT.unpack(raw)[0])
    if len(raw) > 2 * _LONGEST_TEXT:
        raise BadRequest("E490", found="command value")
    return raw.rstrip(b"\0 ").strip().decode("ascii", "replace")


def encode_command(command: Command) -> bytes:
    """Write a command set with its group length."""
    body = bytearray()
    for name, (element, vr) in _ELEMENTS.items():
        value = getattr(command, name)
        if value is None or value == "":
            continue
        raw = _SHORT.pack(value) if vr == "US" else str(value).encode("ascii", "replace")
        if len(raw) % 2:
            raw += b"\0" if vr == "UI" else b" "
        body += _ELEMENT.pack(0, element, len(raw)) + raw
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + bytes(body)

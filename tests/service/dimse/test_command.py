"""Command sets, against the encoder and decoder of pynetdicom."""

from io import BytesIO

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from hounsfield.errors import BadRequest
from hounsfield.service.dimse.command import Command, Field, decode_command, encode_command

FULL = Command(
    field=Field.C_STORE,
    affected_sop_class_uid=CTImageStorage,
    message_id=7,
    priority=0,
    data_set_type=1,
    affected_sop_instance_uid="1.2.3",
    originator="ABC",
    originator_message_id=9,
)
KEYWORDS = {
    "field": "CommandField",
    "affected_sop_class_uid": "AffectedSOPClassUID",
    "requested_sop_class_uid": "RequestedSOPClassUID",
    "message_id": "MessageID",
    "responded_message_id": "MessageIDBeingRespondedTo",
    "move_destination": "MoveDestination",
    "priority": "Priority",
    "data_set_type": "CommandDataSetType",
    "status": "Status",
    "error_comment": "ErrorComment",
    "affected_sop_instance_uid": "AffectedSOPInstanceUID",
    "requested_sop_instance_uid": "RequestedSOPInstanceUID",
    "event_type_id": "EventTypeID",
    "action_type_id": "ActionTypeID",
    "remaining": "NumberOfRemainingSuboperations",
    "completed": "NumberOfCompletedSuboperations",
    "failed": "NumberOfFailedSuboperations",
    "warning": "NumberOfWarningSuboperations",
    "originator": "MoveOriginatorApplicationEntityTitle",
    "originator_message_id": "MoveOriginatorMessageID",
}


def theirs(command):
    """Return a command as pydicom's data set."""
    dataset = Dataset()
    for name, keyword in KEYWORDS.items():
        value = getattr(command, name)
        if value not in (None, ""):
            setattr(dataset, keyword, value)
    return dataset


def some_commands():
    chance = np.random.default_rng(1)
    for _ in range(40):
        given = {}
        for name in KEYWORDS:
            if name == "field":
                given[name] = int(chance.choice([1, 0x8001, 0x20, 0x8020, 0x21, 0x10, 0x30, 0x130]))
            elif "uid" in name:
                given[name] = "1.2." + "9" * int(chance.integers(1, 40)) if chance.random() < 0.5 else ""
            elif name in ("move_destination", "originator", "error_comment"):
                given[name] = "TITLE"[: int(chance.integers(0, 6))]
            elif name == "data_set_type":
                given[name] = int(chance.choice([1, 0x0101]))
            else:
                given[name] = int(chance.integers(0, 65536)) if chance.random() < 0.5 else None
        yield Command(**given)


@pytest.mark.parametrize("command", [FULL, *some_commands()])
def test_commands_are_those_of_pynetdicom_both_ways(command):
    ours = encode_command(command)
    body = encode(theirs(command), is_implicit_vr=True, is_little_endian=True)
    assert ours[12:] == body
    assert int.from_bytes(ours[8:12], "little") == len(body)
    assert decode_command(ours) == command
    read = decode(BytesIO(ours), True, True)
    for name, keyword in KEYWORDS.items():
        value = getattr(command, name)
        assert getattr(read, keyword, None) == (value if value not in (None, "") else None)
    assert ImplicitVRLittleEndian.is_implicit_VR


def test_an_answer_names_what_it_answers():
    answer = FULL.answered(0xA700, "x" * 100)
    assert (answer.field, answer.status, answer.responded_message_id, answer.message_id) == (0x8001, 0xA700, 7, None)
    assert (answer.affected_sop_class_uid, answer.affected_sop_instance_uid) == (CTImageStorage, "1.2.3")
    assert not answer.has_data_set
    assert answer.is_response
    assert len(answer.error_comment) == 64
    assert answer.originator == ""
    assert FULL.answered(0xFF00, has_data_set=True).has_data_set


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0",
        encode_command(FULL)[:-3],
        b"\x08\0\x18\0\x04\0\0\x001.2 ",
        b"\0\0\0\1\4\0\0\0\1\0\0\0",
        b"\0\0\0\1\2\0\0\0",
        b"\0\0\0\6\xff\xff\xff\xff",
        b"\0\0\2\0" + (200).to_bytes(4, "little") + b"1" * 200,
        encode_command(FULL).replace(b"\0\0\0\1\2\0\0\0\1\0", b""),
    ],
)
def test_what_is_no_command_set_is_refused(raw):
    with pytest.raises(BadRequest) as caught:
        decode_command(raw)
    assert caught.value.code == "E490"


def test_mutated_command_sets_are_read_or_refused():
    whole, chance = bytearray(encode_command(FULL)), np.random.default_rng(2)
    codes, count = [], 3000
    for _ in range(count):
        mutant = bytearray(whole)
        for _ in range(int(chance.integers(1, 4))):
            mutant[int(chance.integers(len(mutant)))] = int(chance.integers(256))
        try:
            decode_command(bytes(mutant[: int(chance.integers(len(mutant))) or None]))
        except BadRequest as error:
            codes.append(error.code)
    assert set(codes) == {"E490"}
    assert count / 4 < len(codes) < count

"""Units and values of the upper layer, against pynetdicom's encoder, at their caps and over a pair of sockets."""

import socket
import struct
import threading
import time

import numpy as np
import pytest
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA

from hounsfield.errors import ArchiveError, BadRequest, Timeout
from hounsfield.service.dimse.wire import (
    RELEASE_REPLY,
    RELEASE_REQUEST,
    Caps,
    Line,
    Unit,
    abort,
    data_units,
    fragments,
    rejection,
    unit,
)

CAPS = Caps(associate_bytes=1000, data_bytes=500, first_seconds=0.4, unit_seconds=0.4, idle_seconds=0.8)


@pytest.fixture
def ends():
    ours, theirs = tcp_pair()
    line = Line(ours, CAPS)
    yield line, theirs
    line.close()
    theirs.close()


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    return ours, theirs


def opened(ends):
    """Return the ends after a first unit, as in an association."""
    line, theirs = ends
    theirs.sendall(unit(Unit.ASSOCIATE_RQ, b"x"))
    line.read()
    return line, theirs


# ---- fixed units


def decoded(kind, octets):
    found = kind()
    found.decode(octets)
    return found


def test_release_is_that_of_the_standard():
    assert A_RELEASE_RQ().encode() == RELEASE_REQUEST
    assert A_RELEASE_RP().encode() == RELEASE_REPLY


@pytest.mark.parametrize(("source", "reason"), [(0, 0), (2, 0), (2, 1), (2, 2), (2, 4), (2, 5), (2, 6)])
def test_abort_is_read_by_pynetdicom(source, reason):
    found = decoded(A_ABORT_RQ, abort(source, reason))
    assert (found.source, found.reason_diagnostic) == (source, reason)


@pytest.mark.parametrize(
    ("result", "source", "reason"), [(1, 1, 3), (1, 1, 7), (2, 3, 1), (2, 3, 2), (1, 2, 2)]
)  # fmt: skip
def test_rejection_is_read_by_pynetdicom(result, source, reason):
    found = decoded(A_ASSOCIATE_RJ, rejection(result, source, reason))
    assert (found.result, found.source, found.reason_diagnostic) == (result, source, reason)


# ---- values


def units_of(octets):
    """Return the bodies of units that follow one another."""
    bodies, place = [], 0
    while place < len(octets):
        kind, _, length = struct.unpack_from(">BBL", octets, place)
        assert kind == Unit.DATA
        bodies.append(octets[place + 6 : place + 6 + length])
        place += 6 + length
    return bodies


@pytest.mark.parametrize("largest", [0, 7, 16, 100, 4096])
@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 5000])
@pytest.mark.parametrize("is_command", [True, False])
def test_data_are_cut_to_what_the_peer_takes_and_joined_again(largest, size, is_command):
    data = np.random.default_rng(size).bytes(size)
    bodies = units_of(data_units(3, data, is_command, largest))
    assert not largest or max(len(body) for body in bodies) <= largest
    values = [value for body in bodies for value in fragments(memoryview(body))]
    assert b"".join(bytes(value.data) for value in values) == data
    assert [value.is_last for value in values] == [False] * (len(values) - 1) + [True]
    assert {(value.context_id, value.is_command) for value in values} == {(3, is_command)}


def test_a_piece_that_is_not_the_end_says_so():
    values = [value for body in units_of(data_units(1, b"abc", False, 0, is_end=False)) for value in fragments(body)]
    assert [value.is_last for value in values] == [False]


def test_pynetdicom_reads_our_values_and_we_read_its():
    octets = data_units(5, b"command", True, 0)
    found = decoded(P_DATA_TF, octets)
    assert [
        (item.presentation_context_id, item.presentation_data_value) for item in found.presentation_data_value_items
    ] == [(5, b"\3command")]
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[1, b"\0first"], [3, b"\2second"]]
    theirs = P_DATA_TF()
    theirs.from_primitive(primitive)
    values = fragments(memoryview(theirs.encode()[6:]))
    assert [(value.context_id, value.is_command, value.is_last, bytes(value.data)) for value in values] == [
        (1, False, False, b"first"),
        (3, False, True, b"second"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\1\1",
        b"\0\0\0\1\1\0",
        b"\0\0\0\x09\1\2abc",
        b"\xff\xff\xff\xff\1\2abc",
        b"\0\0\0\5\2\2abc",
        b"\0\0\0\5\0\2abc",
        b"\0\0\0\5\1\2abc\0",
    ],
    ids=["none", "no header", "half a header", "too short", "too long", "four gigabytes", "even", "zero", "tail"],
)
def test_values_that_do_not_fit_are_refused(body):
    with pytest.raises(BadRequest) as caught:
        fragments(memoryview(body))
    assert caught.value.code == "E490"


def test_mutated_values_are_read_or_refused():
    whole = b"".join(units_of(data_units(3, b"x" * 40, False, 20)))
    chance, refused = np.random.default_rng(3), 0
    for _ in range(2000):
        mutant = bytearray(whole)
        mutant[int(chance.integers(len(mutant)))] = int(chance.integers(256))
        try:
            values = fragments(memoryview(bytes(mutant)))
        except BadRequest:
            refused += 1
        else:
            assert sum(len(value.data) for value in values) <= len(mutant)
    assert 100 < refused < 1900


# ---- a line


def test_units_come_as_they_were_sent_in_whatever_pieces(ends):
    line, theirs = ends
    sent = [(Unit.ASSOCIATE_RQ, b"a" * 900), (Unit.DATA, b"b" * 500), (Unit.RELEASE_RQ, bytes(4)), (Unit.DATA, b"")]
    octets = b"".join(unit(kind, body) for kind, body in sent)

    def drip():
        for start in range(0, len(octets), 37):
            theirs.sendall(octets[start : start + 37])
            time.sleep(0.001)

    sending = threading.Thread(target=drip)
    sending.start()
    for kind, body in sent:
        found = line.read()
        assert (found.kind, bytes(found.body)) == (kind, body)
    sending.join()


@pytest.mark.parametrize(("kind", "cap"), [(Unit.ASSOCIATE_RQ, 1000), (Unit.DATA, 500), (Unit.RELEASE_RQ, 1000)])
def test_each_cap_holds_on_both_of_its_sides(ends, kind, cap):
    line, theirs = ends if kind is Unit.ASSOCIATE_RQ else opened(ends)
    theirs.sendall(unit(kind, b"x" * cap))
    assert len(line.read().body) == cap
    theirs.sendall(unit(kind, b"x" * (cap + 1)))
    with pytest.raises(BadRequest) as caught:
        line.read()
    assert (caught.value.code, caught.value.facts["found"], caught.value.facts["limit"]) == ("E491", cap + 1, cap)


@pytest.mark.parametrize("number", [0, 8, 9, 0x47, 255])
def test_what_is_no_unit_is_refused_by_its_first_octet(ends, number):
    line, theirs = ends
    theirs.sendall(bytes((number,)) + b"ET / HTTP/1.1\r\n\r\n")
    with pytest.raises(BadRequest) as caught:
        line.read()
    assert caught.value.code == "E490"


@pytest.mark.parametrize("kind", [Unit.DATA, Unit.RELEASE_RQ, Unit.RELEASE_RP, Unit.ASSOCIATE_RJ])
def test_an_association_begins_with_a_request(ends, kind):
    line, theirs = ends
    theirs.sendall(unit(kind, bytes(4)))
    with pytest.raises(BadRequest):
        line.read()


@pytest.mark.parametrize("octets", [b"", b"\1", unit(Unit.ASSOCIATE_RQ, b"abcdef")[:-1]])
def test_what_is_not_whole_in_time_is_a_timeout(ends, octets):
    line, theirs = ends
    theirs.sendall(octets)
    began = time.monotonic()
    with pytest.raises(Timeout) as caught:
        line.read()
    assert caught.value.code == "E492"
    assert time.monotonic() - began >= 0.35


def test_later_units_may_let_wait_longer_than_the_first(ends):
    line, theirs = opened(ends)
    later = threading.Timer(0.55, theirs.sendall, [RELEASE_REQUEST])
    later.start()
    assert line.read().kind is Unit.RELEASE_RQ
    later.join()


@pytest.mark.parametrize("octets", [b"", b"\1\0\0", unit(Unit.ASSOCIATE_RQ, b"abc")[:-1]])
def test_a_peer_that_leaves_is_said(ends, octets):
    line, theirs = ends
    theirs.sendall(octets)
    theirs.close()
    with pytest.raises(ArchiveError) as caught:
        line.read()
    assert caught.value.code == "E493"


def test_a_peer_that_takes_nothing_does_not_hold_the_sender(ends):
    line, _ = ends
    with pytest.raises(ArchiveError) as caught:
        line.write(bytes(64 << 20))
    assert caught.value.code == "E492"


def test_a_closed_line_sends_and_reads_nothing(ends):
    line, _ = ends
    line.close()
    line.close()
    for act in (line.read, lambda: line.write(b"x")):
        with pytest.raises(ArchiveError) as caught:
            act()
        assert caught.value.code == "E493"

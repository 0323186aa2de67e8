"""The acceptor with DCMTK, pynetdicom and bare sockets on the other side: what is kept, who is let in, every cap."""

import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from contextlib import suppress
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context

from hounsfield.errors import ArchiveError, BadRequest, Refused, SettingsError
from hounsfield.service.dimse.acceptor import Acceptor, Offer
from hounsfield.service.dimse.negotiation import read_proposal
from hounsfield.service.dimse.peers import Peer, find_peer
from hounsfield.service.dimse.storing import Kept
from hounsfield.service.dimse.wire import Caps
from tests.service.dimse.stand import PEERS, QUICK, Memory, call, listening, slice_of, unit_from, until

needs_dcmtk = pytest.mark.skipif(shutil.which("dcmsend") is None, reason="Debian package dcmtk is absent")


@pytest.fixture
def memory():
    return Memory()


def associated(port, calling="SENDER", called="HOUNSFIELD", contexts=None, **given):
    entity = AE(ae_title=calling)
    entity.requested_contexts = contexts or [build_context(CTImageStorage), build_context("1.2.840.10008.1.1")]
    return entity.associate("127.0.0.1", port, ae_title=called, **given)


def dataset_bytes(data):
    """Return the octets of the data set of a DICOM file: what follows its meta information."""
    length = struct.unpack("<L", data[140:144])[0]
    return data[144 + length :]


def written(dataset):
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@needs_dcmtk
def test_dcmtk_stores_files_octet_by_octet(memory, tmp_path):
    slices = [slice_of(number, rows=300 if number == 3 else 16) for number in range(1, 6)]
    for number, dataset in enumerate(slices):
        dataset.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    with listening(memory) as acceptor:
        for program in ("storescu", "dcmsend"):
            tool = shutil.which(program, path="/usr/bin:/bin:/usr/local/bin")
            titles = ["-aet", "SENDER", "-aec", "HOUNSFIELD", "127.0.0.1", str(acceptor.port)]
            files = [str(path) for path in sorted(tmp_path.glob("*.dcm"))]
            done = subprocess.run([tool, *titles, *files], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
        assert until(lambda: acceptor.association_count == 0)
    assert len(memory.files) == 10
    assert set(memory.sources) == {("one", "dimse:SENDER")}
    for stored, dataset in zip(memory.files[:5], slices, strict=True):
        read = pydicom.dcmread(BytesIO(stored))
        assert read.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert read.file_meta.SourceApplicationEntityTitle == "SENDER"
        assert read == dataset
        assert dataset_bytes(stored) == dataset_bytes(written(dataset))


@needs_dcmtk
def test_dcmtk_dump_finds_nothing_wrong_with_the_meta_information(memory, tmp_path):
    with listening(memory) as acceptor:
        link = associated(acceptor.port)
        assert link.send_c_store(slice_of()).Status == 0
        link.release()
    (tmp_path / "kept.dcm").write_bytes(memory.files[0])
    done = subprocess.run(["dcmdump", "+fo", str(tmp_path / "kept.dcm")], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "W:" not in done.stderr + done.stdout
    assert "E:" not in done.stderr + done.stdout


@needs_dcmtk
def test_dcmtk_echoes(memory):
    tool = shutil.which("echoscu", path="/usr/bin:/bin:/usr/local/bin")
    with listening(memory) as acceptor:
        command = [tool, "-aet", "READER", "-aec", "HOUNSFIELD", "127.0.0.1", str(acceptor.port)]
        assert subprocess.run(command, timeout=30, check=False).returncode == 0


def test_pynetdicom_stores_and_echoes_over_one_association(memory):
    with listening(memory) as acceptor:
        link = associated(acceptor.port)
        assert link.is_established
        assert link.send_c_echo().Status == 0
        slices = [slice_of(number, rows=700) for number in (1, 2)]
        assert [link.send_c_store(dataset).Status for dataset in slices] == [0, 0]
        link.release()
        assert link.is_released
        assert until(lambda: acceptor.association_count == 0)
        assert acceptor.said == [("accepted", "SENDER", "127.0.0.1")]
    assert [pydicom.dcmread(BytesIO(data)) for data in memory.files] == slices


@pytest.mark.parametrize("largest", [0, 4096, 16382, 131072])
def test_replies_fit_into_what_the_peer_takes(memory, largest):
    with listening(memory) as acceptor:
        link = associated(acceptor.port, max_pdu=largest)
        assert link.send_c_store(slice_of()).Status == 0
        link.release()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_transfer_syntax_that_was_agreed_is_written_down(memory, syntax):
    with listening(memory) as acceptor:
        link = associated(acceptor.port, contexts=[build_context(CTImageStorage, syntax)])
        assert link.send_c_store(slice_of(syntax=syntax)).Status == 0
        link.release()
    assert pydicom.dcmread(BytesIO(memory.files[0])).file_meta.TransferSyntaxUID == syntax


def test_syntaxes_and_classes_that_are_not_taken_are_not_agreed(memory):
    wanted = [
        build_context(CTImageStorage, "1.2.840.10008.1.2.4.57"),
        build_context("1.2.840.10008.5.1.4.1.2.2.1"),
        build_context("1.2.840.10008.1.1"),
    ]
    with listening(memory) as acceptor:
        link = associated(acceptor.port, contexts=wanted)
        assert [context.abstract_syntax for context in link.accepted_contexts] == ["1.2.840.10008.1.1"]
        assert {context.result for context in link.rejected_contexts} == {3, 4}
        link.release()


@pytest.mark.parametrize(
    ("calling", "called", "reason"),
    [
        ("STRANGER", "HOUNSFIELD", 3),
        ("SENDER", "OTHER", 7),
        ("ELSEWHERE", "HOUNSFIELD", 3),
        ("sender", "HOUNSFIELD", 3),
    ],
)
def test_unknown_peers_titles_and_addresses_are_rejected(memory, calling, called, reason):
    with listening(memory) as acceptor:
        link = associated(acceptor.port, calling, called)
        assert link.is_rejected
        assert link.acceptor.primitive.diagnostic == reason
        assert acceptor.said == [("refused", calling, "127.0.0.1")]
    assert not memory.files


def test_a_peer_without_the_right_stores_nothing(memory):
    with listening(memory) as acceptor:
        link = associated(acceptor.port, "READER")
        assert [context.abstract_syntax for context in link.accepted_contexts] == ["1.2.840.10008.1.1"]
        link.release()
    # and where the context was agreed, the request is refused
    with listening(memory, abstract_syntaxes=lambda peer: ("storage",)) as acceptor:
        link = associated(acceptor.port, "READER")
        assert link.send_c_store(slice_of()).Status == 0x0124
        link.release()
    assert not memory.files


@pytest.mark.parametrize(
    ("reply", "error", "status"),
    [
        (Kept(0xB000, "kept beside another"), None, 0xB000),
        (None, Refused("E104"), 0xC000),
        (None, ArchiveError("E101", found="disc full"), 0xA700),
    ],
)
def test_what_the_archive_says_is_the_status(memory, reply, error, status):
    memory.reply, memory.error = reply, error
    with listening(memory) as acceptor:
        link = associated(acceptor.port)
        assert link.send_c_store(slice_of(rows=400)).Status == status
        # the rest of the data set was drained: the association goes on
        assert link.send_c_echo().Status == 0
        link.release()


def test_an_instance_whose_class_is_not_that_of_its_context_is_refused(memory):
    with listening(memory) as acceptor:
        link = associated(acceptor.port, contexts=[build_context("1.2.840.10008.5.1.4.1.1.4")])
        # the sender believes that the context it agreed on is one of CT
        link.accepted_contexts[0].abstract_syntax = CTImageStorage
        assert link.send_c_store(slice_of()).Status == 0xA900
        link.release()
    assert not memory.files


# ---- caps


def request_bytes(calling="SENDER", called="HOUNSFIELD"):
    """Return a plain A-ASSOCIATE-RQ for verification."""
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification

    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    context = build_context("1.2.840.10008.1.1")
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    length, own = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, own.implementation_class_uid = 16382, "1.2.3"
    primitive.user_information = [length, own]
    unit = A_ASSOCIATE_RQ()
    unit.from_primitive(primitive)
    return unit.encode()


def test_a_unit_of_four_gigabytes_is_refused_by_its_header(memory):
    with listening(memory) as acceptor, call(acceptor.port) as connection:
        connection.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF) + b"x" * 1000)
        assert unit_from(connection)[0] == 0
        assert until(lambda: acceptor.association_count == 0)


def test_a_data_unit_beyond_what_was_announced_ends_the_association(memory):
    with listening(memory) as acceptor, call(acceptor.port) as connection:
        connection.sendall(request_bytes())
        assert unit_from(connection)[0] == 2
        connection.sendall(struct.pack(">BBL", 4, 0, QUICK.data_bytes + 1))
        assert unit_from(connection)[0] == 7
        assert until(lambda: acceptor.association_count == 0)


@pytest.mark.parametrize("octets", [b"", b"\1", b"\1\0\0\0", struct.pack(">BBL", 1, 0, 200) + b"abc"])
def test_a_peer_that_is_silent_or_slow_is_let_go(memory, octets):
    with listening(memory) as acceptor, call(acceptor.port) as connection:
        connection.sendall(octets)
        assert until(lambda: acceptor.association_count == 1)
        assert until(lambda: acceptor.association_count == 0, 5)
        assert unit_from(connection)[0] == 0


def test_one_octet_after_the_other_does_not_hold_a_thread(memory):
    with listening(memory) as acceptor, call(acceptor.port) as connection:
        stop = threading.Event()

        def drip():
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"\1")
                except OSError:
                    return

        connection.sendall(struct.pack(">BBL", 1, 0, 60_000))
        dripping = threading.Thread(target=drip)
        dripping.start()
        assert until(lambda: acceptor.association_count == 1)
        assert until(lambda: acceptor.association_count == 0, 5)
        stop.set()
        dripping.join()


def test_an_idle_association_is_aborted(memory):
    caps = Caps(first_seconds=2, unit_seconds=2, idle_seconds=0.3)
    with listening(memory, caps=caps) as acceptor, call(acceptor.port) as connection:
        connection.sendall(request_bytes())
        assert unit_from(connection)[0] == 2
        assert unit_from(connection)[0] == 7


def test_above_the_limit_peers_are_turned_away_and_below_it_none(memory):
    slow = Caps(first_seconds=20, unit_seconds=20, idle_seconds=20)
    with listening(memory, caps=slow, associations=5) as acceptor:
        held = [call(acceptor.port) for _ in range(5)]
        for connection in held:
            connection.sendall(request_bytes())
            assert unit_from(connection)[0] == 2
        for _ in range(3):
            with call(acceptor.port) as surplus:
                surplus.sendall(request_bytes())
                kind, body = unit_from(surplus)
                assert (kind, body[1:]) == (3, bytes((2, 3, 2)))
        held.pop().close()
        assert until(lambda: acceptor.association_count == 4)
        with call(acceptor.port) as again:
            again.sendall(request_bytes())
            assert unit_from(again)[0] == 2
        for connection in held:
            connection.close()


def test_one_address_may_not_take_every_place(memory):
    with listening(memory, associations_by_address=2) as acceptor:
        held = [call(acceptor.port) for _ in range(2)]
        assert until(lambda: acceptor.association_count == 2)
        with call(acceptor.port) as surplus:
            surplus.sendall(request_bytes())
            assert unit_from(surplus)[0] == 3
        for connection in held:
            connection.close()


def mutants(count):
    """Give units damaged on purpose, and units in the wrong order."""
    chance, whole = np.random.default_rng(5), request_bytes()
    plain = [struct.pack(">BBL", kind, 0, 4) + bytes(4) for kind in range(10)]
    for number in range(count):
        octets = bytearray(whole)
        for _ in range(int(chance.integers(1, 6))):
            octets[int(chance.integers(len(octets)))] = int(chance.integers(256))
        if number % 3 == 0:
            octets = octets[: int(chance.integers(1, len(octets)))]
        elif number % 3 == 1:
            octets += b"".join(plain[int(chance.integers(10))] for _ in range(3))
        yield bytes(octets)


def test_damaged_units_leave_no_thread_behind_and_the_port_open(memory, monkeypatch):
    count = int(os.environ.get("HOUNSFIELD_FUZZ_FILES", "150"))
    before, unforeseen = threading.active_count(), []
    monkeypatch.setattr(threading, "excepthook", unforeseen.append)
    with listening(memory) as acceptor:
        for octets in mutants(count):
            # the acceptor may have refused it, and closed, before all of it is sent
            with call(acceptor.port) as connection, suppress(OSError):
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
        assert until(lambda: acceptor.association_count == 0, 10)
        link = associated(acceptor.port)
        assert link.send_c_echo().Status == 0
        link.release()
    assert until(lambda: threading.active_count() <= before, 20)
    assert not memory.files
    assert not unforeseen


def test_damaged_proposals_are_read_or_refused():
    count = 4 * int(os.environ.get("HOUNSFIELD_FUZZ_FILES", "150"))
    refused = 0
    for octets in mutants(count):
        try:
            read_proposal(octets[6:])
        except BadRequest as error:
            refused += error.code == "E490"
    assert count / 4 < refused < count


def test_a_data_set_broken_off_is_not_kept(memory):
    dataset = slice_of(rows=600)
    with listening(memory) as acceptor:
        link = associated(acceptor.port)
        original, sent = link.dul.socket.send, []

        def cut(octets):
            sent.append(octets)
            if len(sent) > 4:
                link.dul.socket.socket.shutdown(socket.SHUT_RDWR)
                return None
            return original(octets)

        link.dul.socket.send = cut
        link.dimse_timeout = 2
        link.send_c_store(dataset)
        assert until(lambda: acceptor.association_count == 0)
    assert not memory.files


def test_closing_ends_associations_and_frees_the_port(memory):
    with listening(memory) as acceptor:
        connection = call(acceptor.port)
        connection.sendall(request_bytes())
        assert unit_from(connection)[0] == 2
        port = acceptor.port
    assert unit_from(connection)[0] == 0
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        call(port)


def test_a_port_that_is_taken_is_said(memory):
    with listening(memory) as acceptor, pytest.raises(SettingsError) as caught:
        Acceptor(Offer("A", {}, lambda *_: False, lambda _: (), ()), lambda: (), port=acceptor.port)
    assert caught.value.code == "E494"


def test_tls_is_spoken_and_plain_tcp_is_not(memory, tmp_path):
    key, certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)
    with listening(memory, tls=context) as acceptor:
        link = associated(acceptor.port, tls_args=(trusting, "localhost"))
        assert link.is_established
        assert link.send_c_store(slice_of(rows=200)).Status == 0
        link.release()
        with call(acceptor.port) as plain:
            plain.sendall(request_bytes())
            try:
                kind = unit_from(plain)[0]
            except ConnectionError:
                kind = 0
            assert kind != 2
    assert len(memory.files) == 1


def self_signed(folder):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[0].write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    paths[1].write_bytes(made.public_bytes(encoding))
    return str(paths[0]), str(paths[1])


# ---- who is who


@pytest.mark.parametrize(
    ("calling", "address", "is_known"),
    [
        ("SENDER", "127.0.0.1", True),
        ("SENDER", "::ffff:127.0.0.1", True),
        ("SENDER", "127.0.0.2", False),
        ("ELSEWHERE", "10.9.8.7", True),
        ("ELSEWHERE", "11.0.0.1", False),
        ("ELSEWHERE", "nonsense", False),
        ("", "127.0.0.1", False),
    ],
)
def test_a_peer_is_its_title_and_its_address(calling, address, is_known):
    assert (find_peer(PEERS, calling, address) is not None) == is_known


@pytest.mark.parametrize(
    "given",
    [
        {"ae_title": ""},
        {"ae_title": "A" * 17},
        {"ae_title": "A\\B"},
        {"ae_title": " A"},
        {"ae_title": "北京"},
        {"networks": ()},
        {"networks": ("anywhere",)},
        {"networks": ("10.0.0.1/8",)},
        {"port": 65536},
    ],
)
def test_peers_that_cannot_be_are_refused(given):
    with pytest.raises(SettingsError) as caught:
        Peer(**{"ae_title": "A", "networks": ("127.0.0.1",), "project": "p", **given})
    assert caught.value.code == "E495"


def test_a_proposal_is_read_as_it_was_made():
    proposal = read_proposal(request_bytes("ME", "YOU")[6:])
    assert (proposal.calling, proposal.called, proposal.largest) == ("ME", "YOU", 16382)
    assert [str(context.abstract_syntax) for context in proposal.contexts] == ["1.2.840.10008.1.1"]

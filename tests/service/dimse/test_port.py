"""The DICOM port as a process: peers from a file, instances in the store, records before replies, and a new child."""

import os
import signal
from contextlib import contextmanager
from io import StringIO

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import AE, build_context

from hounsfield.archive.store import Outcome, Receipt, open_store
from hounsfield.errors import ArchiveError, SettingsError
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query, open_log
from hounsfield.service.audit.record import Outcome as Came
from hounsfield.service.audit.scribe import Scribe
from hounsfield.service.dimse.keeping import Keeping
from hounsfield.service.dimse.peers import Service
from hounsfield.service.dimse.peers_file import PeersFile, read_peers
from hounsfield.service.dimse.port import DicomPort
from hounsfield.service.dimse.process import WRITTEN, Parent
from tests.service.dimse.stand import slice_of, until

PEERS = """
[[peer]]
ae_title = "SENDER"
networks = ["127.0.0.1"]
project = "one"
services = ["store"]
"""


@contextmanager
def opened(folder, write=None):
    (folder / "peers.toml").write_text(PEERS, encoding="utf-8")
    scribe = Scribe(open_log(folder))
    with DicomPort(folder, "HOUNSFIELD", write or scribe.write, port=0) as port:
        yield port, scribe
    scribe.close()


def associated(port, calling="SENDER"):
    entity = AE(ae_title=calling)
    entity.requested_contexts = [build_context(CTImageStorage), build_context("1.2.840.10008.1.1")]
    return entity.associate("127.0.0.1", port, ae_title="HOUNSFIELD")


def stored(folder, project="one"):
    with open_store(folder) as store:
        found = store.view((project,)).search_for_studies()
        return [ref.sop_instance_uid for study in found for series in study.series for ref in series.instances]


@pytest.mark.timeout(120)
def test_what_is_acknowledged_is_in_the_store_and_in_the_log_and_a_dead_child_is_replaced(tmp_path):
    slices = [slice_of(number) for number in (1, 2, 3)]
    with opened(tmp_path) as (port, scribe):
        link = associated(port.port)
        assert [link.send_c_store(dataset).Status for dataset in (slices[0], slices[0], slices[1])] == [0, 0, 0]
        changed = slice_of(9)
        changed.SOPInstanceUID = changed.file_meta.MediaStorageSOPInstanceUID = slices[0].SOPInstanceUID
        assert link.send_c_store(changed).Status == 0xB000
        link.release()
        assert associated(port.port, "STRANGER").is_rejected
        entries = [record.entry for record in scribe.log.read(Query(limit=20))]
        told = {(entry.event, entry.actor, entry.outcome) for entry in entries}
        assert (Event.ASSOCIATION_OPEN, "SENDER", Came.SUCCESS) in told
        assert (Event.ASSOCIATION_REFUSED, "STRANGER", Came.REFUSED) in told
        studies = [entry.objects for entry in entries if entry.event is Event.STUDY_STORE and entry.project == "one"]
        assert {(dataset.StudyInstanceUID,) for dataset in slices[:2]} <= set(studies)
        assert "A^B" not in str(entries)
        before = port._child
        os.kill(before.pid, signal.SIGKILL)
        assert until(lambda: port._child is not before and associated(port.port).is_established, 60)
        again = associated(port.port)
        assert again.send_c_store(slices[2]).Status == 0
        again.release()
    assert set(stored(tmp_path)) == {dataset.SOPInstanceUID for dataset in slices}
    assert stored(tmp_path, "default") == []


@pytest.mark.timeout(120)
def test_what_cannot_be_written_down_is_refused_and_a_taken_port_is_said(tmp_path):
    def refuse(entry):
        raise ArchiveError("E173")

    with opened(tmp_path, refuse) as (port, _):
        assert not associated(port.port).is_established
        with pytest.raises(SettingsError) as caught:
            DicomPort(tmp_path, "HOUNSFIELD", refuse, port=port.port)
        assert caught.value.code == "E494"
    assert port._child.poll() is not None


# ---- the file of peers


def test_peers_are_read_and_followed(tmp_path):
    path = tmp_path / "peers.toml"
    peers = PeersFile(path)
    assert peers() == ()
    path.write_text(PEERS, encoding="utf-8")
    (peer,) = peers()
    assert (peer.ae_title, peer.project, peer.services) == ("SENDER", "one", frozenset({Service.STORE}))
    path.write_text(PEERS.replace("SENDER", "OTHER") + 'host = "10.0.0.1"\nport = 104\n', encoding="utf-8")
    (peer,) = peers()
    assert (peer.ae_title, peer.host, peer.port) == ("OTHER", "10.0.0.1", 104)
    path.write_text("[[peer]", encoding="utf-8")
    assert peers() == ()
    path.write_text(PEERS, encoding="utf-8")
    assert len(peers()) == 1
    path.unlink()
    assert peers() == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "E496"),
        ("peer = 1", "E496"),
        ("peer = [1]", "E496"),
        ("other = 1", "E496"),
        (PEERS + 'password = "x"', "E496"),
        (PEERS.replace('["store"]', '["everything"]'), "E496"),
        (PEERS.replace('["store"]', '"store"'), "E496"),
        (PEERS.replace('"one"', '""'), "E496"),
        (PEERS.replace('"one"', "1"), "E496"),
        (PEERS + "port = '104'", "E496"),
        (PEERS + PEERS, "E496"),
        (PEERS.replace('["127.0.0.1"]', "[]"), "E495"),
        (PEERS.replace('["127.0.0.1"]', '["*"]'), "E495"),
        (PEERS.replace("SENDER", "MUCH TOO LONG A TITLE"), "E495"),
    ],
)
def test_files_of_peers_that_cannot_be_used(tmp_path, text, code):
    path = tmp_path / "peers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_peers(path)
    assert caught.value.code == code
    assert PeersFile(path)() == ()


def test_a_file_that_is_not_text_or_not_there(tmp_path):
    with pytest.raises(SettingsError, match="E496"):
        read_peers(tmp_path / "absent.toml")
    (tmp_path / "peers.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(SettingsError, match="E496"):
        read_peers(tmp_path / "peers.toml")


# ---- receipts and records


class Told:
    """A store that answers with one outcome."""

    def __init__(self, outcome, study="1.2"):
        self.receipt = Receipt(outcome, "0" * 64, 1, study_instance_uid=study, code="E187")

    def receive(self, pieces, project, source):
        list(pieces)
        return self.receipt


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.STORED, 0), (Outcome.HELD, 0), (Outcome.CONFLICT, 0xB000), (Outcome.QUARANTINED, 0xC000)],
)
def test_each_outcome_has_its_status(outcome, status):
    said = []
    kept = Keeping(Told(outcome), lambda *words: said.append(words)).keep(iter([b"x"]), "one", "dimse:A")
    assert (kept.status, kept.comment) == (status, "E187")
    assert said == [("dimse:A", "one", "1.2")]


def test_a_study_is_written_down_once_for_each_source():
    said = []
    keeping = Keeping(Told(Outcome.STORED), lambda *words: said.append(words))
    for source in ("dimse:A", "dimse:A", "dimse:B", "dimse:A"):
        keeping.keep(iter([b"x"]), "one", source)
    assert said == [("dimse:A", "one", "1.2"), ("dimse:B", "one", "1.2")]
    nameless = Keeping(Told(Outcome.QUARANTINED, ""), lambda *words: said.append(words))
    nameless.keep(iter([b"x"]), "one", "dimse:C")
    assert len(said) == 2


def test_what_was_not_written_down_is_tried_again():
    said = []

    def noted(*words):
        said.append(words)
        if len(said) == 1:
            raise ArchiveError("E497", found="refused")

    keeping = Keeping(Told(Outcome.STORED), noted)
    with pytest.raises(ArchiveError, match="E497"):
        keeping.keep(iter([b"x"]), "one", "dimse:A")
    assert keeping.keep(iter([b"x"]), "one", "dimse:A").status == 0
    assert len(said) == 2


@pytest.mark.parametrize(("answer", "is_good"), [(WRITTEN, True), (f"not {WRITTEN}", False), ("", False)])
def test_only_a_written_record_lets_the_peer_go_on(answer, is_good):
    to = StringIO()
    parent = Parent(to, StringIO(answer + "\n"))
    parent.listen()
    if is_good:
        parent.write_down("study.store", "A", study="1.2")
    else:
        with pytest.raises(ArchiveError, match="E497"):
            parent.write_down("study.store", "A", study="1.2")
    assert '"study": "1.2"' in to.getvalue()

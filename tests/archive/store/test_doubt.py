"""Doubtful objects: patients that differ, text in an unsure character set, bytes discarded while they come, damage."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.blobs import Blobs
from hounsfield.archive.store.examine import charset_of
from hounsfield.archive.store.rows import Rows
from hounsfield.errors import ArchiveError
from tests.archive.mutants import mutants
from tests.archive.samples import ct_dataset, element, encode, part10
from tests.archive.store.killing import Audit, audit_agreement, object_of

REPOSITORY = Path(__file__).resolve().parents[3]
STUDY, SERIES = "1.2.826.1.1", "1.2.826.1.1.1"


def ct(number: int, **changes: object) -> bytes:
    return encode(ct_dataset(SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number, **changes))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


def agreement(folder):
    audit = Audit()
    audit_agreement(folder, audit)
    return audit.acknowledged_lost, audit.orphan_rows, audit.orphan_files, audit.duplicate_results


# ---- patients


@pytest.mark.parametrize(
    ("first", "second", "outcome", "code"),
    [
        ("A", "A", Outcome.STORED, ""),
        ("A", "B", Outcome.QUARANTINED, "E188"),
        ("A", "a", Outcome.QUARANTINED, "E188"),
        ("A", "", Outcome.STORED, ""),
        ("", "B", Outcome.STORED, ""),
        ("A ", "A", Outcome.STORED, ""),
        ("王1", "王2", Outcome.QUARANTINED, "E188"),
    ],
)
@pytest.mark.parametrize("is_together", [False, True], ids=["one by one", "one request"])
def test_no_study_is_shown_under_another_patient(store, first, second, outcome, code, is_together):
    contents = [ct(1, PatientID=first, SpecificCharacterSet="ISO_IR 192")]
    contents.append(ct(2, PatientID=second, SpecificCharacterSet="ISO_IR 192"))
    if is_together:
        receipts = list(store.receive_many([content] for content in contents))
    else:
        receipts = [store.receive([content]) for content in contents]
    assert [(each.outcome, each.code) for each in receipts] == [(Outcome.STORED, ""), (outcome, code)]
    study = store.view().retrieve_study(STUDY)
    assert study.patient_id == first.strip()
    assert len(study.series[0].instances) == (2 if outcome is Outcome.STORED else 1)
    assert [entry.error.code for entry in store.quarantine().entries()] == ([code] if code else [])


def test_an_object_of_another_patient_goes_into_another_project(store):
    store.receive([ct(1, PatientID="A")])
    store.receive([ct(2, PatientID="B")])
    quarantine = store.quarantine(["default", "other"])
    (entry,) = quarantine.entries()
    assert quarantine.release(entry.entry).code == "E188"
    assert [each.state for each in quarantine.entries("")] == ["held"]
    assert quarantine.release(entry.entry, "other").outcome is Outcome.STORED
    assert store.view(["other"]).retrieve_study(STUDY).patient_id == "B"
    assert store.view().retrieve_study(STUDY).patient_id == "A"


# ---- character sets: the right name, or a flag


def named(name: bytes, declared: str) -> bytes:
    """Return an object with a patient's name as bytes, and the character set it declares."""
    charset = element(8, 5, "CS", declared.encode().ljust(len(declared) + len(declared) % 2)) if declared else b""
    head = element(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.11.1") + element(8, 0x18, "UI", b"1.4\0")
    person = element(0x10, 0x10, "PN", name + b" " * (len(name) % 2))
    uids = element(0x20, 0xD, "UI", b"1.2\0") + element(0x20, 0xE, "UI", b"1.3\0")
    return part10(charset + head + person + uids)


READ = [
    ("ISO_IR 192", "utf_8", "王小明"),
    ("ISO_IR 192", "utf_8", "Müller^Jörg"),
    ("GB18030", "gb18030", "王小明^镕"),
    ("GB18030", "gb18030", "𠮷野"),
    ("GBK", "gbk", "朱镕基"),
    ("ISO_IR 100", "latin_1", "Müller^Jörg"),
    ("ISO_IR 101", "iso8859_2", "Dvořák"),
    ("ISO_IR 109", "iso8859_3", "Ĝoĝo"),
    ("ISO_IR 110", "iso8859_4", "Āboliņš"),
    ("ISO_IR 126", "iso8859_7", "Διονυσιος"),
    ("ISO_IR 127", "iso8859_6", "قباني"),
    ("ISO_IR 138", "iso8859_8", "שרון"),
    ("ISO_IR 144", "iso8859_5", "Люкceмбypг"),
    ("ISO_IR 148", "iso8859_9", "Çavuşoğlu"),
    ("ISO_IR 166", "iso8859_11", "นามสกุล"),
    ("ISO_IR 203", "iso8859_15", "Œuf"),
    ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
]
UNDECLARED = [("gb18030", "GB18030", "王小明"), ("gbk", "GBK", "李雷"), ("utf_8", "ISO_IR 192", "王小明")]
UNSURE = [
    ("", "王小明".encode("gb18030")),
    ("", "Müller".encode("latin_1")),
    ("", "王小明".encode()),
    ("ISO_IR 100", "王小明".encode("gbk")),
    ("ISO_IR 192", b"\xff\xfe\xfd"),
    ("ISO_IR 192", "王小明".encode("gb18030")),
    ("GB18030", b"\xff\xff"),
    ("NO_SUCH_SET", "é".encode("latin_1")),
]


def shown(store):
    return json.loads(store.view().metadata("1.3")[0])["00100010"].get("Value")


@pytest.mark.parametrize(("declared", "codec", "name"), READ)
def test_a_declared_name_is_read_and_not_flagged(store, declared, codec, name):
    receipt = store.receive([named(name.encode(codec), declared)])
    assert (receipt.outcome, "Q115" in receipt.remarks) == (Outcome.STORED, False)
    assert shown(store) == [{"Alphabetic": name}]


@pytest.mark.parametrize(("codec", "fallback", "name"), UNDECLARED)
def test_a_source_that_declares_nothing_has_a_character_set_of_its_own(tmp_path, codec, fallback, name):
    content = named(name.encode(codec), "")
    with open_store(tmp_path, fallback_charsets={"dimse:": "ISO_IR 101", "dimse:OLD": fallback}) as store:
        store.receive([content], source="dimse:OLDCT")
        assert shown(store) == [{"Alphabetic": name}]
        assert store.view().open_instance("1.4").read_bytes() == content
        store.receive([named("Dvořák".encode("iso8859_2"), "")], "other", "dimse:NEW")
        (document,) = store.view(["other"]).metadata("1.3")
        assert json.loads(document)["00100010"]["Value"] == [{"Alphabetic": "Dvořák"}]


def test_a_declared_character_set_goes_before_that_of_the_source(tmp_path):
    with open_store(tmp_path, fallback_charsets={"": "GB18030"}) as store:
        store.receive([named("Müller".encode("latin_1"), "ISO_IR 100")])
        assert shown(store) == [{"Alphabetic": "Müller"}]


def test_a_recovery_reads_by_the_character_set_of_the_source_too(tmp_path, monkeypatch):
    sets = {"dimse:OLD": "GB18030"}
    with monkeypatch.context() as patch, open_store(tmp_path, fallback_charsets=sets) as store:
        patch.setattr(Rows, "add_all", lambda self, found: (_ for _ in ()).throw(ArchiveError("E184", found="planted")))
        with pytest.raises(ArchiveError):
            store.receive([named("王小明".encode("gb18030"), "")], source="dimse:OLD")
    with open_store(tmp_path, fallback_charsets=sets) as store:
        assert store.recovered.reindexed == 1
        assert shown(store) == [{"Alphabetic": "王小明"}]


@pytest.mark.parametrize(("declared", "raw"), UNSURE)
def test_a_name_that_cannot_be_read_for_sure_is_flagged_and_its_bytes_are_kept(store, declared, raw):
    content = named(raw, declared)
    receipt = store.receive([content])
    assert (receipt.outcome, receipt.remarks) == (Outcome.STORED, ("Q115",))
    assert raw in store.view().open_instance("1.4").read_bytes()


@pytest.mark.parametrize(
    ("source", "found"), [("stow:a", ""), ("dimse:X", "A"), ("dimse:OLD1", "B"), ("dimse:OL", "A"), ("", "")]
)
def test_the_longest_start_of_a_source_counts(source, found):
    assert charset_of(source, {"dimse:OLD": "B", "dimse:": "A"}) == found


# ---- discarding


def test_bytes_that_are_discarded_while_they_come_again_are_not_acknowledged(store, monkeypatch):
    """The discard is between the file's place and its row: the row must not be written."""
    store.receive([b"rubbish"])
    (entry,) = store.quarantine().entries()
    place = Blobs.place

    def placed_then_discarded(self, incoming):
        path = place(self, incoming)
        store.quarantine().discard(entry.entry)
        return path

    with monkeypatch.context() as patch:
        patch.setattr(Blobs, "place", placed_then_discarded)
        with pytest.raises(ArchiveError) as error:
            store.receive([b"rubbish"])
    assert error.value.code == "E187"
    assert agreement(store.folder)[1] == 0
    assert store.receive([b"rubbish"]).outcome is Outcome.QUARANTINED
    assert agreement(store.folder) == (0, 0, 0, 0)


@pytest.mark.parametrize("instant", ["before the row", "before the bytes"])
def test_a_crash_while_discarding_never_leaves_a_row_without_bytes(tmp_path, instant):
    with open_store(tmp_path) as store:
        store.receive([object_of(1)])
        store.receive([b"rubbish"])
    target = "Rows.settle" if instant == "before the row" else "Rows.needs"
    program = f"""
import os
from pathlib import Path
from hounsfield.archive.store import open_store
from hounsfield.archive.store.rows import Rows
{target} = lambda self, *arguments: os.kill(os.getpid(), 9)
store = open_store(Path({str(tmp_path)!r}))
store.quarantine().discard(store.quarantine().entries()[0].entry)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == -9
    with open_store(tmp_path) as store:
        assert agreement(tmp_path) == (0, 0, 0, 0)
        assert len(store.view().metadata(SERIES)) == 1
        assert len(store.quarantine().entries()) == 1  # it was discarded, or not; its bytes are never lost by a crash


# ---- damage


def test_damaged_files_are_stored_or_kept_apart_and_nothing_else(store, tmp_path):
    """Mutated DICOM (catalogue B1): no crash, no byte outside the store, a reason for each that is not taken."""
    outside = {path for path in tmp_path.rglob("*") if store.folder not in path.parents and path != store.folder}
    contents = [content for _, content in mutants(154, seed=7)]
    receipts = store.receive_many([content] for content in contents)
    assert {receipt.outcome for receipt in receipts} <= set(Outcome)
    assert all(receipt.code for receipt in receipts if not receipt.is_kept)
    assert sum(receipt.outcome is Outcome.QUARANTINED for receipt in receipts) > 20
    kept = {receipt.sha256 for receipt in receipts}
    assert len(kept) == len(set(contents))
    for study in store.view().search_for_studies():
        for series in study.series:
            for document in store.view().metadata(series.series_instance_uid):
                json.loads(document, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert {
        path for path in tmp_path.rglob("*") if store.folder not in path.parents and path != store.folder
    } == outside
    assert agreement(store.folder) == (0, 0, 0, 0)


TEXTS = ["' OR 1=1 --", "\0", "%", "_", "a" * 64, "\u202eevil", "<script>", "=cmd|' /C calc'!A0", "\\", "\ud7ff"]


@pytest.mark.parametrize("text", TEXTS)
def test_text_of_an_object_is_data_and_nothing_else(store, text):
    content = ct(1, PatientID=text, SpecificCharacterSet="ISO_IR 192", StudyDescription=text)
    assert store.receive([content]).outcome is Outcome.STORED
    with closing(sqlite3.connect(store.folder / "index.db")) as connection:
        assert connection.execute("SELECT count(*) FROM studies").fetchone() == (1,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert store.view().search_for_studies()[0].study_instance_uid == STUDY
    names = {path.name for path in store.folder.rglob("*")}
    assert not any("script" in name or "evil" in name for name in names)


def test_no_file_of_a_store_has_a_name_of_the_sender_s_making(store):
    store.receive([ct(1, SOPClassUID="1.2", PatientID="../../etc")], source="../../etc/passwd")
    allowed = {"blobs", "incoming", "intents", "lock", "index.db", "index.db-wal", "index.db-shm"}
    for path in store.folder.rglob("*"):
        parts = path.relative_to(store.folder).parts
        assert parts[0] in allowed
        assert os.path.commonpath([path.resolve(), store.folder.resolve()]) == str(store.folder.resolve())

"""A store takes objects in, keeps every byte, says what became of each, and shows them to whom they belong."""

import hashlib
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy

from hounsfield.archive.limits import Limits
from hounsfield.archive.protocol import StudyQuery
from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.examine import STORE_LIMITS
from hounsfield.archive.store.folder import require_local
from hounsfield.errors import ArchiveError, NotFound, Refused
from tests.archive.samples import ct_dataset, element, encode, part10, uid

SERIES, STUDY = "1.2.826.1.1.1", "1.2.826.1.1"


def ct(number: int = 1, **changes: object) -> bytes:
    return encode(ct_dataset(SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number, **changes))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


def files_of(store) -> set[str]:
    return {path.name for path in (store.folder / "blobs").rglob("*") if path.is_file()}


# ---- taking in


def test_an_object_is_stored_under_its_digest_byte_for_byte(store):
    content = ct()
    receipt = store.receive([content[:100], content[100:]], source="test")
    sha256 = hashlib.sha256(content).hexdigest()
    assert (receipt.outcome, receipt.sha256, receipt.size_bytes) == (Outcome.STORED, sha256, len(content))
    assert (receipt.sop_instance_uid, receipt.series_instance_uid) == ("1.2.3.1", SERIES)
    assert (receipt.study_instance_uid, receipt.sop_class_uid) == (STUDY, "1.2.840.10008.5.1.4.1.1.2")
    path = store.view().open_instance("1.2.3.1")
    assert path == store.folder / "blobs" / sha256[:2] / sha256[2:4] / sha256
    assert path.read_bytes() == content
    assert list((store.folder / "incoming").iterdir()) == []


def test_nothing_of_the_store_can_be_executed_or_read_by_others(store):
    store.receive([ct()])
    for path in [store.folder, *store.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & (0o077 if path.is_dir() else 0o177) == 0, path


def test_the_same_bytes_again_are_held_and_kept_once(store):
    store.receive([ct()])
    assert store.receive([ct()]).outcome is Outcome.HELD
    assert len(files_of(store)) == 1
    assert len(store.view().metadata(SERIES)) == 1


def test_other_bytes_of_one_uid_are_both_kept_and_shown(store):
    first, second = ct(), ct(PatientID="P2")
    store.receive([first])
    receipts = [store.receive([second]), store.receive([second])]
    assert [(each.outcome, each.code) for each in receipts] == [(Outcome.CONFLICT, "E164")] * 2
    assert store.view().open_instance("1.2.3.1").read_bytes() == first
    (entry,) = store.quarantine().entries()
    assert (entry.error.code, entry.sop_instance_uid) == ("E164", "1.2.3.1")
    assert store.quarantine().open(entry.entry).read_bytes() == second


def test_a_conflict_within_one_request_is_found(store):
    outcomes = [each.outcome for each in store.receive_many([[ct()], [ct(PatientID="P2")], [ct()]])]
    assert outcomes == [Outcome.STORED, Outcome.CONFLICT, Outcome.HELD]


UNFIT = {
    "nothing": (b"", "E104"),
    "text": (b"hello, world\n", "E108"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "E168"),
    "a cut object": (ct()[:-9], "E111"),
    "fewer pixels than declared": (ct(Rows=900), "E118"),
    "a program": (b"MZ" + ct()[2:], "E122"),
    "an ELF program": (b"\x7fELF" + ct()[4:], "E122"),
    "a Mach-O program": (b"\xcf\xfa\xed\xfe" + ct()[4:], "E122"),
    "a script": (b"#!/bin/sh\n" + ct()[10:], "E122"),
    "a zip archive": (b"PK\x03\x04" + ct()[4:], "E174"),
    "a PDF": (b"%PDF-1.7" + ct()[8:], "E174"),
    "a Java class": (b"\xca\xfe\xba\xbe" + ct()[4:], "E174"),
    "no study": (ct(StudyInstanceUID=None), "E173"),
    "a path for a UID": (ct(SeriesInstanceUID="../../etc/passwd"), "E173"),
    "a UID of 65 characters": (ct(StudyInstanceUID="1." + "2" * 63), "E173"),
    "a header alone": (ct(PixelData=None), "Q109"),
    "a DICOMDIR": (part10(element(4, 0x1130, "CS", b"A "), sop_class="1.2.840.10008.1.3.10"), "E168"),
    "an element beyond its file": (
        part10(element(8, 0x18, "UI", uid("1.2")) + element(0x10, 0x20, "LO", b"P1", length=4000)),
        "E111",
    ),
}


@pytest.mark.parametrize(("content", "code"), UNFIT.values(), ids=UNFIT.keys())
def test_what_is_unfit_is_kept_in_quarantine_with_its_reason(store, content, code):
    receipt = store.receive([content], source="test")
    assert (receipt.outcome, receipt.code) == (Outcome.QUARANTINED, code)
    assert store.view().search_for_studies() == ()
    (entry,) = store.quarantine().entries()
    assert (entry.error.code, entry.source, entry.state) == (code, "test", "held")
    assert entry.error.text("en") != entry.error.text("zh")
    assert store.quarantine().open(entry.entry).read_bytes() == content


def test_an_object_above_the_limit_is_refused_and_leaves_nothing(store):
    limits = Limits(max_file_bytes=100)
    with pytest.raises(Refused, match="E110"):
        store.receive([bytes(60), bytes(60)], limits=limits)
    assert files_of(store) == set()
    assert list((store.folder / "incoming").iterdir()) == []


def test_a_stream_that_breaks_leaves_only_what_came_whole(store):
    def broken():
        yield ct(3)[:200]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.receive_many([[ct(1)], [ct(2)], broken()])
    assert len(store.view().metadata(SERIES)) == 2
    assert len(files_of(store)) == 2
    assert list((store.folder / "incoming").iterdir()) == []


def test_one_request_is_one_transaction(store):
    commits = []
    original = store._writer._commit
    store._writer._commit = lambda pending: (commits.append(len(pending)), original(pending))[1]
    receipts = store.receive_many([ct(number)] for number in range(20))
    assert commits == [20]
    assert [each.sop_instance_uid for each in receipts] == [f"1.2.3.{number}" for number in range(20)]


def test_senders_that_wait_share_a_transaction(store):
    """While one commit is under way, what the other senders bring waits, and is written together."""
    gate, entered, commits = threading.Event(), threading.Event(), []
    original = store._writer._commit

    def slow(pending):
        entered.set()
        gate.wait(10)
        commits.append(len(pending))
        return original(pending)

    store._writer._commit = slow
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(store.receive, [ct(0)])
        entered.wait(10)
        others = [pool.submit(store.receive, [ct(number)]) for number in range(1, 6)]
        while store._writer._queue.qsize() < 5:
            threading.Event().wait(0.01)
        gate.set()
        outcomes = {each.result().outcome for each in [first, *others]}
    assert commits == [1, 5]
    assert outcomes == {Outcome.STORED}


def test_many_threads_lose_nothing_and_count_right(store):
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: store.receive([ct(number % 20)]).outcome, range(60)))
    assert outcomes.count(Outcome.STORED) == 20
    assert outcomes.count(Outcome.HELD) == 40
    assert len(store.view().metadata(SERIES)) == 20


def test_a_closed_store_takes_nothing_in(tmp_path):
    store = open_store(tmp_path)
    store.close()
    with pytest.raises(ArchiveError, match="E177"):
        store.receive([ct()])


# ---- projects


def test_a_view_sees_its_own_projects_alone(store):
    store.receive([ct()], project="a")
    store.receive([ct(PatientID="P2")], project="b")
    assert store.view(["a"]).retrieve_study(STUDY).patient_id == "P1"
    assert store.view(["b"]).retrieve_study(STUDY).patient_id == "P2"
    assert store.view(["b", "a"]).retrieve_study(STUDY).patient_id == "P2"
    for projects in ([], ["c"], ["%"], ["a' OR 1=1"]):
        other = store.view(projects)
        assert other.search_for_studies() == ()
        assert other.search_for_series(STUDY) == ()
        for ask, uid_of in (
            (other.retrieve_study, STUDY),
            (other.retrieve_series, SERIES),
            (other.retrieve_instance, "1.2.3.1"),
            (other.open_instance, "1.2.3.1"),
            (other.metadata, SERIES),
            (other.instance_metadata, "1.2.3.1"),
        ):
            with pytest.raises(NotFound, match="E161"):
                ask(uid_of)


def test_two_projects_with_the_same_bytes_share_one_file_and_nothing_else(store):
    assert [store.receive([ct()], project=name).outcome for name in "ab"] == [Outcome.STORED] * 2
    assert len(files_of(store)) == 1
    assert store.view(["a"]).metadata(SERIES) == store.view(["b"]).metadata(SERIES)


def test_a_view_answers_as_an_archive(store):
    store.receive_many([[ct(2)], [ct(1)], [ct(3, SeriesInstanceUID="1.2.9", Modality="MR", SeriesNumber=1)]])
    view = store.view()
    study = view.retrieve_study(STUDY)
    assert [series.series_instance_uid for series in study.series] == ["1.2.9", SERIES]
    assert [each.sop_instance_uid for each in study.series[1].instances] == ["1.2.3.1", "1.2.3.2"]
    assert view.search_for_studies(StudyQuery(modality="MR")) == (study,)
    assert view.search_for_studies(StudyQuery(modality="US")) == ()
    assert view.search_for_studies(StudyQuery(patient_id="P1", study_instance_uid=STUDY)) == (study,)
    assert view.search_for_studies(StudyQuery(accession_number="X")) == ()
    assert view.search_for_series("") == ()


def test_the_metadata_of_a_series_come_in_order_and_from_the_index_alone(store):
    store.receive_many([[ct(2)], [ct(10)], [ct(1)]])
    for path in (store.folder / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    documents = [json.loads(each) for each in store.view().metadata(SERIES)]
    assert [each["00200013"]["Value"] for each in documents] == [[1], [2], [10]]
    assert json.loads(store.view().instance_metadata("1.2.3.10")) == documents[2]
    with pytest.raises(NotFound, match="E178"):
        store.view().open_instance("1.2.3.1")


# ---- quarantine


def test_a_conflict_is_released_into_another_project(store):
    store.receive([ct()], project="a")
    store.receive([ct(PatientID="P2")], project="a")
    quarantine = store.quarantine(["a", "b"])
    (entry,) = quarantine.entries()
    assert quarantine.release(entry.entry).outcome is Outcome.CONFLICT
    assert len(quarantine.entries()) == 1
    assert quarantine.release(entry.entry, "b").outcome is Outcome.STORED
    assert store.view(["b"]).retrieve_study(STUDY).patient_id == "P2"
    assert quarantine.entries() == ()
    assert [each.state for each in quarantine.entries("")] == ["released"]


def test_discarding_takes_the_bytes_away_only_where_nobody_needs_them(store):
    store.receive([ct()], project="a")
    store.receive([ct(PatientID="P2")], project="a")
    store.receive([ct(PatientID="P2")], project="b")
    store.receive([b"text of no use"], project="a")
    quarantine = store.quarantine(["a"])
    conflict, text = quarantine.entries()
    assert quarantine.discard(conflict.entry) is False
    assert store.view(["b"]).open_instance("1.2.3.1").is_file()
    assert quarantine.discard(text.entry) is True
    assert text.sha256 not in files_of(store)
    with pytest.raises(NotFound, match="E180"):
        quarantine.open(text.entry)


@pytest.mark.parametrize("ask", ["open", "release", "discard"])
def test_a_quarantine_of_another_project_is_not_there(store, ask):
    store.receive([b"text of no use"], project="a")
    (entry,) = store.quarantine(["a"]).entries()
    with pytest.raises(NotFound, match="E180"):
        getattr(store.quarantine(["b"]), ask)(entry.entry)
    with pytest.raises(NotFound, match="E180"):
        store.quarantine(["a"]).release(entry.entry, "b")
    assert len(store.quarantine(["a"]).entries()) == 1


# ---- opening


def crash(store) -> None:
    """Leave a store as a crash does: nothing is closed in order."""
    store._has_failed = True
    store.close()


def test_what_broke_off_is_gone_and_what_had_its_place_is_taken_in(tmp_path):
    store = open_store(tmp_path)
    store.receive([ct(1)], project="a")
    store._writer.write = lambda pending: 1 / 0
    with pytest.raises(ZeroDivisionError):
        store.receive([ct(2)], project="a")
    (tmp_path / "incoming" / "half").write_bytes(ct(3)[:100])
    crash(store)
    with open_store(tmp_path) as again:
        assert (again.recovered.broken_off, again.recovered.reindexed, again.recovered.missing) == (1, 1, 0)
        assert len(again.view(["a"]).metadata(SERIES)) == 2
        assert list((tmp_path / "incoming").iterdir()) == []
    with open_store(tmp_path) as third:
        assert third.recovered.reindexed == 0


def test_bytes_of_nobody_known_go_to_quarantine_and_damaged_ones_too(tmp_path):
    open_store(tmp_path).close()
    (tmp_path / "clean").unlink()
    sound = hashlib.sha256(ct(1)).hexdigest()
    false = hashlib.sha256(ct(2)).hexdigest()
    for name, content in ((sound, ct(1)), (false, ct(2)[:-1])):
        path = tmp_path / "blobs" / name[:2] / name[2:4] / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    with open_store(tmp_path) as store:
        codes = {each.sha256: each.error.code for each in store.quarantine().entries()}
        assert codes == {sound: "E179", false: "E178"}
        entry = next(each.entry for each in store.quarantine().entries() if each.sha256 == sound)
        assert store.quarantine().release(entry).outcome is Outcome.STORED


def test_a_second_holder_does_not_recover_under_the_first(tmp_path):
    with open_store(tmp_path) as first:
        (tmp_path / "incoming" / "coming").write_bytes(b"half")
        with open_store(tmp_path) as second:
            assert second.recovered.broken_off == 0
            assert second.receive([ct()]).outcome is Outcome.STORED
            assert first.receive([ct()]).outcome is Outcome.HELD
        assert (tmp_path / "incoming" / "coming").exists()


def test_a_store_of_another_version_is_refused(tmp_path):
    with open_store(tmp_path) as store, store._database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE about SET value = '99'")
    with pytest.raises(ArchiveError, match="E171"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("kind", "is_refused"), [("nfs4", True), ("cifs", True), ("ext4", False), ("fuse.sshfs", True)]
)
def test_network_file_systems_are_refused(tmp_path, kind, is_refused):
    table = tmp_path / "mounts"
    place = os.path.realpath(tmp_path).replace(" ", "\\040")
    table.write_text(f"/dev/root / ext4 rw 0 0\nserver:/x {place} {kind} rw 0 0\n", encoding="utf-8")
    if is_refused:
        with pytest.raises(ArchiveError, match="E170"):
            require_local(tmp_path / "store", table)
    require_local(tmp_path.parent, table)
    if not is_refused:
        require_local(tmp_path / "store", table)


def test_limits_of_a_store_are_wider_than_those_of_an_analysis():
    assert STORE_LIMITS.max_file_bytes > Limits().max_file_bytes
    assert STORE_LIMITS.max_sequence_depth == Limits().max_sequence_depth


# ---- how many questions are asked


def questions(store, ask) -> list[str]:
    """Return the statements that a question to a view makes."""
    asked: list[str] = []

    def note(connection, cursor, statement, *_):
        if statement.startswith("SELECT"):
            asked.append(statement)

    engine = store._database.reader
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        ask(store.view())
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    return asked


def test_questions_do_not_grow_with_what_is_found(store):
    """A list of studies once asked again for each series, and one frame for its whole study."""
    counts = []
    for study in range(1, 4):
        for series in range(1, 4):
            place = {"StudyInstanceUID": f"1.9.{study}", "SeriesInstanceUID": f"1.9.{study}.{series}"}
            store.receive_many([ct(100 * study + 10 * series + number, **place)] for number in (1, 2))
        found = questions(store, lambda view: view.search_for_studies())
        counts.append((len(found), len(questions(store, lambda view: view.retrieve_study("1.9.1")))))
    assert len(set(counts)) == 1
    studies = store.view().search_for_studies()
    assert [[len(series.instances) for series in study.series] for study in studies] == [[2, 2, 2]] * 3
    one = questions(store, lambda view: view.retrieve_instances("1.9.1", "1.9.1.1", "1.2.3.111"))
    assert len(one) == 2


def test_instances_of_a_place_are_those_of_its_study_series_by_series(store):
    for number, series in ((4, "1.9.2"), (3, "1.9.1"), (2, "1.9.2"), (1, "1.9.1")):
        store.receive([ct(number, StudyInstanceUID="1.9", SeriesInstanceUID=series, SeriesNumber=int(series[-1]))])
    view = store.view()

    def of(*place: str) -> list[str]:
        return [ref.sop_instance_uid for ref in view.retrieve_instances(*place)]

    whole = [ref.sop_instance_uid for series in view.retrieve_study("1.9").series for ref in series.instances]
    assert of("1.9") == whole == ["1.2.3.1", "1.2.3.3", "1.2.3.2", "1.2.3.4"]
    assert of("1.9", "1.9.2") == ["1.2.3.2", "1.2.3.4"]
    assert of("1.9", "1.9.2", "1.2.3.4") == ["1.2.3.4"]
    for place in (("1.8",), ("1.9", "1.9.3"), ("1.9", "1.9.1", "1.2.3.4"), ("",)):
        with pytest.raises(NotFound) as caught:
            of(*place)
        assert (caught.value.code, caught.value.uid) == ("E161", place[-1])
    with pytest.raises(NotFound):
        store.view(["other"]).retrieve_instances("1.9")

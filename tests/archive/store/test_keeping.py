"""Verify finds what is planted, repair takes nothing away, and a backup taken during receipt is a whole store."""

import json
import sqlite3
import threading

import pytest

from hounsfield.archive.query.attributes import Level
from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.backup import LIST_NAME, backup, restore
from hounsfield.archive.store.verify import ASIDE, FaultKind
from hounsfield.cli import main
from hounsfield.errors import ArchiveError
from tests.archive.samples import ct_dataset, encode

COUNT = 5


def ct(number: int) -> bytes:
    return encode(ct_dataset(SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        opened.receive_many([ct(number)] for number in range(COUNT))
        opened.receive([b"text of no use"])
        yield opened


def blob(store, number: int):
    return store.view().open_instance(f"1.2.3.{number}")


def contents(folder) -> dict[str, bytes]:
    """Return every file below a store but its index and lock, by name."""
    others = {"index.db", "index.db-wal", "index.db-shm", "lock"}
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in others)
    return {path.name: path.read_bytes() for path in found if path.parent.name != "intents"}


def kinds(verdict) -> list[tuple[str, str]]:
    return [(fault.kind.value, fault.sop_instance_uid) for fault in verdict.faults]


# ---- planted faults


def flip(store):
    path = blob(store, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return [("changed", "1.2.3.1")]


def cut(store):
    path = blob(store, 1)
    path.write_bytes(path.read_bytes()[:-1])
    return [("changed", "1.2.3.1")]


def delete(store):
    blob(store, 2).unlink()
    return [("missing", "1.2.3.2")]


def swap(store):
    first, second = blob(store, 3), blob(store, 4)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    return [("changed", "1.2.3.3"), ("changed", "1.2.3.4")]


def add(store):
    incoming = store._blobs.take_in([ct(77)], 1 << 20)
    store._blobs.place(incoming)
    return [("unknown", "")]


def litter(store):
    (store.folder / "blobs" / "note.txt").write_bytes(b"somebody was here")
    return [("foreign", "")]


def misplace(store):
    path = blob(store, 1)
    path.rename(path.parent.parent / path.name)
    return [("missing", "1.2.3.1"), ("foreign", "")]


def link(store):
    (store.folder / "blobs" / ("a" * 64)).symlink_to("/etc/hostname")
    return [("foreign", "")]


def forget(store):
    path = blob(store, 2)
    with store._database.writer.begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        connection.exec_driver_sql(
            "DELETE FROM documents WHERE instance_key IN (SELECT id FROM instances WHERE sop_instance_uid='1.2.3.2')"
        )
        connection.exec_driver_sql("DELETE FROM instances WHERE sop_instance_uid='1.2.3.2'")
    assert path.is_file()
    return [("unknown", "")]


def lose_quarantined(store):
    (entry,) = store.quarantine().entries()
    store.quarantine().open(entry.entry).unlink()
    return [("missing", "")]


PLANTED = [flip, cut, delete, swap, add, litter, misplace, link, forget, lose_quarantined]


def test_a_sound_store_has_no_fault_and_progress_ends_at_the_end(store):
    seen = []
    verdict = store.verify(lambda done, total: seen.append((done, total)))
    assert (verdict.blobs, verdict.rows, verdict.faults, verdict.is_whole) == (COUNT + 1, COUNT + 1, (), True)
    assert seen == [(done, COUNT + 1) for done in range(1, COUNT + 2)]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_and_nothing_else(store, plant):
    expected = plant(store)
    verdict = store.verify()
    assert sorted(kinds(verdict)) == sorted(expected)
    assert not verdict.is_whole


def test_all_planted_faults_are_found_together(store):
    planted = [*flip(store), *delete(store), *add(store), *litter(store)]
    assert sorted(kinds(store.verify())) == sorted(planted)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_repair_takes_no_byte_away(store, plant):
    plant(store)
    before = contents(store.folder)
    store.verify(repair=True)
    after = contents(store.folder)
    assert set(before.values()) <= set(after.values())


def test_repair_takes_in_what_has_no_row_and_sets_aside_what_is_foreign(store):
    add(store)
    litter(store)
    verdict = store.verify(repair=True)
    assert all(fault.is_mended for fault in verdict.faults)
    assert verdict.is_whole
    assert store.verify().faults == ()
    assert (store.folder / ASIDE / "note.txt").read_bytes() == b"somebody was here"
    assert "E179" in [entry.error.code for entry in store.quarantine().entries()]


def test_two_foreign_files_of_one_name_are_both_kept(store):
    for _ in range(2):
        litter(store)
        store.verify(repair=True)
    assert sorted(path.name for path in (store.folder / ASIDE).iterdir()) == ["note.txt", "note.txt.1"]


def test_missing_bytes_are_mended_by_sending_them_again(store):
    delete(store)
    verdict = store.verify(repair=True)
    assert kinds(verdict) == [("missing", "1.2.3.2")]
    assert not verdict.is_whole
    assert store.receive([ct(2)]).outcome is Outcome.HELD
    assert store.verify().is_whole


def test_what_was_discarded_is_not_missed(store):
    (entry,) = store.quarantine().entries()
    assert store.quarantine().discard(entry.entry)
    assert store.verify().faults == ()


def test_kinds_of_faults_have_labels_in_both_languages():
    from hounsfield.messages import label

    for kind in FaultKind:
        assert label(f"store-{kind.value}", "en") != label(f"store-{kind.value}", "zh")


# ---- backup and restore


def drill(folder) -> dict[str, bytes]:
    """Open a restored store and return what its view shows."""
    with open_store(folder) as opened:
        assert opened.verify().is_whole
        view = opened.view()
        uids = view.search(Level.INSTANCE, [], 0, 1000).values("SOPInstanceUID")
        return {str(uid): view.open_instance(str(uid)).read_bytes() for uid in uids}


def test_a_restored_backup_shows_the_same_bytes_quarantine_too(store, tmp_path):
    copied = store.backup(tmp_path / "copy")
    assert (copied.blobs, copied.missing) == (COUNT + 1, ())
    assert restore(tmp_path / "copy", tmp_path / "new").blobs == COUNT + 1
    assert drill(tmp_path / "new") == {f"1.2.3.{number}": ct(number) for number in range(COUNT)}
    with open_store(tmp_path / "new") as again:
        assert [entry.error.code for entry in again.quarantine().entries()] == ["E108"]
        assert again.receive([ct(0)]).outcome is Outcome.HELD


def test_a_backup_during_receipt_holds_all_that_was_acknowledged_before_it(store, tmp_path):
    halt, sent = threading.Event(), []

    def send() -> None:
        for number in range(100, 10_000):
            if halt.is_set():
                return
            sent.append(store.receive([ct(number)]).sop_instance_uid)

    sender = threading.Thread(target=send)
    sender.start()
    while len(sent) < 3:
        threading.Event().wait(0.005)
    before = set(sent)
    copied = store.backup(tmp_path / "copy")
    halt.set()
    sender.join()
    assert copied.missing == ()
    restore(tmp_path / "copy", tmp_path / "new")
    assert before <= drill(tmp_path / "new").keys() <= {*sent, *(f"1.2.3.{number}" for number in range(COUNT))}


def test_a_damaged_object_is_told_and_not_copied(store, tmp_path):
    flip(store)
    copied = store.backup(tmp_path / "copy")
    assert (copied.blobs, len(copied.missing)) == (COUNT, 1)
    assert restore(tmp_path / "copy", tmp_path / "new").missing == ()


def spoil_list(copy):
    (copy / LIST_NAME).unlink()


def spoil_list_text(copy):
    (copy / LIST_NAME).write_text("{", encoding="utf-8")


def spoil_index(copy):
    with sqlite3.connect(copy / "index.db") as connection:
        connection.execute("UPDATE studies SET patient_id = 'P9'")
    connection.close()


def spoil_blob(copy):
    path = next(path for path in (copy / "blobs").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def lose_blob(copy):
    next(path for path in (copy / "blobs").rglob("*") if path.is_file()).unlink()


@pytest.mark.parametrize("spoil", [spoil_list, spoil_list_text, spoil_index, spoil_blob, lose_blob])
def test_a_backup_that_is_not_whole_is_refused(store, tmp_path, spoil):
    store.backup(tmp_path / "copy")
    spoil(tmp_path / "copy")
    with pytest.raises(ArchiveError, match="E183"):
        restore(tmp_path / "copy", tmp_path / "new")


def test_a_folder_that_holds_something_is_never_written_over(store, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("years of work", encoding="utf-8")
    store.backup(tmp_path / "copy")
    for act in (lambda: store.backup(tmp_path / "used"), lambda: restore(tmp_path / "copy", tmp_path / "used")):
        with pytest.raises(ArchiveError, match="E182"):
            act()
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["thesis.txt"]
    with pytest.raises(ArchiveError, match="E171"):
        backup(tmp_path / "used", tmp_path / "other")


# ---- the verbs


def answered(capfd, *words: str) -> tuple[int, dict]:
    code = main([*words, "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_the_verbs_of_a_store_from_fault_to_drill(store, tmp_path, capfd):
    place = ["--store", str(store.folder)]
    code, data = answered(capfd, "verify", *place)
    assert (code, data["whole"], data["blobs"]) == (0, True, COUNT + 1)
    code, data = answered(capfd, "backup", str(tmp_path / "copy"), *place)
    assert (code, data["blobs"], data["missing"]) == (0, COUNT + 1, [])
    code, data = answered(capfd, "restore", str(tmp_path / "copy"), "--store", str(tmp_path / "new"))
    assert (code, data["folder"]) == (0, str(tmp_path / "new"))
    flip(store)
    litter(store)
    code, data = answered(capfd, "verify", *place, "--repair")
    assert (code, data["whole"]) == (3, False)
    assert [(fault["kind"], fault["mended"]) for fault in data["faults"]] == [("changed", False), ("foreign", True)]
    code, data = answered(capfd, "backup", str(tmp_path / "second"), *place)
    assert (code, len(data["missing"])) == (4, 1)


@pytest.mark.parametrize(("language", "word"), [("en", "quarantine"), ("zh", "隔离区")])
def test_the_quarantine_is_shown_in_both_languages(store, capfd, language, word):
    assert main(["quarantine", "--store", str(store.folder), "--language", language]) == 0
    output = capfd.readouterr().out
    assert word in output
    assert "E108" in output


def test_the_quarantine_is_emptied_by_verb(store, capfd):
    place = ["--store", str(store.folder)]
    code, data = answered(capfd, "quarantine", "list", *place)
    (row,) = data["entries"]
    assert (code, row["code"], row["size_bytes"]) == (0, "E108", 14)
    number = str(row["entry"])
    code, data = answered(capfd, "quarantine", "release", number, *place)
    assert (code, data["outcome"]) == (3, "quarantined")
    code, data = answered(capfd, "quarantine", "discard", number, *place)
    assert (code, data["removed"]) == (0, True)
    assert answered(capfd, "quarantine", *place)[1]["entries"] == []
    assert main(["quarantine", "discard", number, *place]) == 3
    assert "E180" in capfd.readouterr().err
    assert main(["quarantine", "burn", *place]) == 2


def test_looking_at_a_store_that_is_not_there_makes_none(tmp_path, capfd):
    for words in (["verify"], ["quarantine"]):
        assert main([*words, "--store", str(tmp_path / "none")]) == 3
        assert "E100" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()

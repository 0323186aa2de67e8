"""A process that receives is killed at random instants a hundred times: nothing acknowledged is lost (catalogue F1)."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hounsfield.archive.store import open_store
from tests.archive.store.killing import Audit, audit_agreement, blob, contents, digest_of, object_of

REPOSITORY = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("HOUNSFIELD_KILLS", "100"))


def test_a_hundred_kills_lose_nothing(tmp_path):
    command = [sys.executable, "-m", "tests.archive.store.killing", str(KILLS), str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["kills"] == KILLS
    assert found["acknowledged"] > KILLS
    assert found["broken_off"] + found["reindexed"] > 0, "no kill hit a receive on its way"
    wrong = ("acknowledged_lost", "orphan_rows", "orphan_files", "duplicate_results")
    assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert found["recovery_seconds"] > 0


# ---- the audit itself finds what is planted


@pytest.fixture
def folder(tmp_path):
    with open_store(tmp_path) as store:
        store.receive_many([[object_of(1)], [object_of(2)], [b"rubbish"]], "ward", "test")
    return tmp_path


def agreement(folder):
    audit = Audit()
    audit_agreement(folder, audit)
    return audit.acknowledged_lost, audit.orphan_rows, audit.orphan_files, audit.duplicate_results


def test_the_audit_finds_nothing_in_a_whole_store(folder):
    assert agreement(folder) == (0, 0, 0, 0)


def test_the_audit_finds_a_row_without_its_file(folder):
    blob(folder, hashlib.sha256(object_of(1)).hexdigest()).unlink()
    assert agreement(folder) == (0, 1, 0, 0)


def test_the_audit_finds_a_file_without_a_row(folder):
    stray = blob(folder, "ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"stray")
    (folder / "incoming" / "left").write_bytes(b"")
    assert agreement(folder) == (0, 0, 2, 0)


def test_senders_mix_new_old_other_and_unfit_objects():
    sent = [content for index, together in zip(range(300), contents(7, 0), strict=False) for content in together]
    objects = [content for content in sent if content[128:132] == b"DICM"]
    assert len(set(sent)) < len(sent)
    assert 200 < len(objects) < len(sent)
    assert any(b"PAT00000" not in content for content in objects)
    again = [content for index, together in zip(range(300), contents(7, 0), strict=False) for content in together]
    assert again == sent


def test_digests_of_files_that_are_gone_are_empty(tmp_path):
    assert digest_of(tmp_path / "nothing") == ""

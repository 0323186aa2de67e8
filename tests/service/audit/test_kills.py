"""A writer that is killed at any instant: what it was told is durable is there, and the chain is whole."""

import subprocess
import sys
import time

import pytest

from hounsfield.service.audit.keys import open_signer
from hounsfield.service.audit.log import Query, open_log
from hounsfield.service.audit.record import Entry
from hounsfield.service.audit.verify import verify

WRITER = """
import sys
from pathlib import Path
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import open_log
from hounsfield.service.audit.record import Entry
from hounsfield.service.audit.scribe import Scribe
scribe, number = Scribe(open_log(Path(sys.argv[1]))), 0
while True:
    scribe.write(Entry(Event.STUDY_READ, actor=f"user{number}"))
    print(number, flush=True)
    number += 1
"""
KILLS = 5


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Writers of one log, each killed after some records; returns what each said was written."""
    folder = tmp_path_factory.mktemp("kills")
    told = []
    for round_ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = [process.stdout.readline() for _ in range(3 + 7 * round_)]
        time.sleep(0.003 * round_)
        process.kill()
        rest, _ = process.communicate()
        lines = "".join(said) + rest
        told.append([int(line) for line in lines.splitlines(keepends=True) if line.endswith("\n")])
    return folder, told


def test_the_chain_is_whole_after_every_kill(killed):
    folder, _ = killed
    assert verify(folder / "audit.db", open_signer(folder / "audit.key").verifier()).faults == ()


def test_no_acknowledged_record_is_lost_or_doubled(killed):
    folder, told = killed
    log = open_log(folder)
    actors = [record.entry.actor for record in reversed(log.read(Query(limit=100_000)))]
    log.close()
    runs: list[list[int]] = []
    for actor in actors:
        number = int(actor.removeprefix("user"))
        if number == 0:
            runs.append([])
        runs[-1].append(number)
    assert len(runs) == KILLS
    for run, said in zip(runs, told, strict=True):
        assert run == list(range(len(run)))
        assert run[: len(said)] == said
        assert len(run) <= len(said) + 1


def test_the_next_writer_goes_on_where_it_stopped(killed):
    folder, _ = killed
    log = open_log(folder)
    before = log.read(Query(limit=1))[0].sequence
    assert log.append([Entry(log.read(Query(limit=1))[0].entry.event)]) == before + 1
    log.close()

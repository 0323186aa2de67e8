"""A store whose process is killed at random instants, opened again, and audited: what was acknowledged must be there.

``python -m tests.archive.store.killing KILLS FOLDER SENDER`` prints one JSON object. It is a process of its own that
has everything loaded and no threads, so a victim is a fork of it: a hundred kills take seconds.
"""

import hashlib
import json
import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from hounsfield.archive.store import Outcome, open_store
from tests.archive.samples import ct_dataset, encode

THREADS = 4
KILLS_OF_A_FOLDER = 25
"""Then a new store begins, so that the audit stays short."""
LONGEST_LIFE_SECONDS = 0.05
PROJECT = "ward"

Acknowledge = Callable[[str, bytes, str], None]
"""Told of each answer: outcome, content, SOP Instance UID."""
Sender = Callable[[Path, int, Acknowledge], None]
"""Opens a store and sends to it until it is killed; other doors (STOW, C-STORE) join ``SENDERS``."""

_MARK = b"1.2.826.0.1.3680043.10.1.100000000000"
_TEMPLATE = encode(ct_dataset(SOPInstanceUID=_MARK.decode(), PatientID="PAT00000"))


def contents(seed: int, thread: int) -> Iterator[list[bytes]]:
    """Yield what a sender sends together: new objects, old ones again, other bytes of an old UID, and rubbish."""
    chance = random.Random(seed * 1000 + thread)
    sent: list[bytes] = []
    for number in range(1, 1_000_000):
        kind = chance.random()
        if kind < 0.15 and sent:
            yield [chance.choice(sent)]
        elif kind < 0.25 and sent:
            yield [chance.choice(sent).replace(b"PAT00000", b"PAT%05d" % chance.randrange(1, 99999))]
        elif kind < 0.32:
            yield [b"no object %d %d %d" % (seed, thread, number)]
        else:
            count = chance.choice((1, 1, 3))
            made = [object_of((seed * 10 + thread) * 100_000 + number * 10 + each) for each in range(count)]
            sent.extend(made)
            yield made


def object_of(number: int) -> bytes:
    """Return a small CT image of its own UID."""
    return _TEMPLATE.replace(_MARK, _MARK[:-12] + b"%012d" % (100_000_000_000 + number))


def send_by_receive(folder: Path, seed: int, acknowledge: Acknowledge) -> None:
    """Send from several threads of the process that holds the store."""
    store = open_store(folder)

    def send(thread: int) -> None:
        for together in contents(seed, thread):
            receipts = store.receive_many(([each[:300], each[300:]] for each in together), PROJECT, "soak")
            for content, receipt in zip(together, receipts, strict=True):
                acknowledge(receipt.outcome, content, receipt.sop_instance_uid)

    threads = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


SENDERS: dict[str, Sender] = {"receive": send_by_receive}


@dataclass
class Audit:
    """What was found wrong over all kills, in the words of ``benchmarks/results/soak.json``."""

    kills: int = 0
    acknowledged: int = 0
    acknowledged_lost: int = 0
    orphan_rows: int = 0
    orphan_files: int = 0
    duplicate_results: int = 0
    reindexed: int = 0
    broken_off: int = 0
    seconds: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the figures; ``recovery_seconds`` is the longest opening after a kill."""
        said = {name: value for name, value in vars(self).items() if name != "seconds"}
        longest, middle = max(self.seconds, default=0.0), median(self.seconds or [0.0])
        return {**said, "recovery_seconds": round(longest, 4), "recovery_seconds_median": round(middle, 4)}


def kill_once(folder: Path, seed: int, sender: Sender, audit: Audit) -> None:
    """Let a process send, kill it, open the store again, and audit all that was acknowledged."""
    life = random.Random(seed).uniform(0.0, LONGEST_LIFE_SECONDS)
    answers = _victim(folder, seed, sender, life)
    audit.kills += 1
    audit.acknowledged += len(answers)
    begun = time.perf_counter()
    store = open_store(folder)
    audit.seconds.append(time.perf_counter() - begun)
    audit.reindexed += store.recovered.reindexed
    audit.broken_off += store.recovered.broken_off
    with store:
        view = store.view([PROJECT])
        held = {entry.sha256 for entry in store.quarantine([PROJECT]).entries()}
        for outcome, sha256, uid in answers:
            if outcome in (Outcome.STORED, Outcome.HELD):
                audit.acknowledged_lost += not _is_there(view.open_instance, uid, sha256)
            else:
                audit.acknowledged_lost += sha256 not in held or digest_of(blob(folder, sha256)) != sha256
    audit_agreement(folder, audit)


def _is_there(open_instance: Callable[[str], Path], uid: str, sha256: str) -> bool:
    try:
        return digest_of(open_instance(uid)) == sha256
    except Exception:  # noqa: BLE001 -- whatever is raised, it is not there
        return False


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def blob(folder: Path, sha256: str) -> Path:
    """Return where a store keeps the bytes of a digest, found without its code."""
    return folder / "blobs" / sha256[:2] / sha256[2:4] / sha256


def audit_agreement(folder: Path, audit: Audit) -> None:
    """Compare files and rows, by SQLite and the file system alone."""
    with closing(sqlite3.connect(folder / "index.db")) as connection:
        run = connection.execute
        named = {row[0] for row in run("SELECT sha256 FROM instances")}
        named |= {row[0] for row in run("SELECT sha256 FROM quarantine WHERE state != 'discarded'")}
        twice = "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1)"
        audit.duplicate_results += run(twice.format("instances", "project, sop_instance_uid")).fetchone()[0]
        audit.duplicate_results += run(twice.format("quarantine", "project, sha256, code, state")).fetchone()[0]
        if run("PRAGMA integrity_check").fetchone()[0] != "ok":
            audit.acknowledged_lost += 1
    placed = {name for _, _, names in os.walk(folder / "blobs") for name in names}
    audit.orphan_rows += len(named - placed)
    audit.orphan_files += len(placed - named) + len(list((folder / "incoming").iterdir()))


def _victim(folder: Path, seed: int, sender: Sender, life_seconds: float) -> list[tuple[str, str, str]]:
    """Fork a sender, kill it some time after its first answer (or sooner), and return the answers that it was given."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            sender(folder, seed, _acknowledging(writing))
        finally:
            os._exit(code)
    os.close(writing)
    try:
        wait = None if seed % 4 else life_seconds  # a quarter dies while it opens the store, or before its first answer
        select.select([reading], [], [], 30.0 if wait is None else wait)
        time.sleep(life_seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [_answer(line) for line in _read_all(reading).split(b"\n")[:-1]]
    finally:
        os.close(reading)


def _acknowledging(writing: int) -> Acknowledge:
    def acknowledge(outcome: str, content: bytes, uid: str) -> None:
        line = f"{outcome} {hashlib.sha256(content).hexdigest()} {uid}\n"
        os.write(writing, line.encode())  # one write of less than PIPE_BUF: lines of threads do not mix

    return acknowledge


def _answer(line: bytes) -> tuple[str, str, str]:
    outcome, sha256, uid = line.decode().split(" ")
    return outcome, sha256, uid


def _read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def soak(kills: int, folder: Path, sender: str = "receive", first_seed: int = 1) -> dict[str, object]:
    """Kill a sender many times and return what was found."""
    audit = Audit()
    for number in range(kills):
        inside = folder / f"store-{number // KILLS_OF_A_FOLDER}"
        kill_once(inside, first_seed + number, SENDERS[sender], audit)
    return audit.as_json()


def main() -> None:
    kills, sender = int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else "receive"
    if len(sys.argv) > 2:
        print(json.dumps(soak(kills, Path(sys.argv[2]), sender)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(soak(kills, Path(folder), sender)))


if __name__ == "__main__":
    main()

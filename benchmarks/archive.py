"""The store at size: receive while empty and at 100,000 instances, searches by 1, 8 and 32 clients, a series' metadata.

``python -m benchmarks.archive [INSTANCES]`` prints a table and writes benchmarks/results/archive.json. Clients are
processes, as the service has several. Rows are planted by the store's own writer, with bytes for none but those that
are received: what searching costs depends on rows alone.
"""

import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hounsfield.archive.query.attributes import Level
from hounsfield.archive.query.matching import name_key
from hounsfield.archive.query.search import Filter
from hounsfield.archive.store import Store, open_store
from hounsfield.archive.store.blobs import Incoming
from hounsfield.archive.store.examine import Arrival, examine
from hounsfield.archive.store.intents import Intent
from hounsfield.archive.store.rows import Pending, Rows
from tests.archive.store.killing import object_of

RESULT = Path(__file__).parent / "results" / "archive.json"
OF_A_STUDY = 200
RECEIVED = 500
TOGETHER = 50
CLIENTS = (1, 8, 32)
SEARCHES = 40


def plant(store: Store, count: int, example: Arrival) -> None:
    """Write the rows of many instances, 200 a study of two series."""
    for start in range(0, count, 5000):
        with store._database.writer.begin() as connection:
            Rows(connection).add_all([_pending(example, number) for number in range(start, min(start + 5000, count))])


def _pending(example: Arrival, number: int) -> Pending:
    study, inside = divmod(number, OF_A_STUDY)
    uids = (example.uids[0], f"1.2.9.{number}", f"1.2.7.{study}.{inside % 2}", f"1.2.8.{study}")
    about = {"study_instance_uid": uids[3], "patient_id": f"P{study // 2:05d}", "accession_number": f"A{study:06d}"}
    about |= {
        "study_date": f"20{study % 25:02d}{study % 12 + 1:02d}15",
        "patient_name": (name := f"Name{study % 997}^Given"),
    }
    arrival = replace(
        example,
        incoming=Incoming(example.incoming.path, f"{number:064x}", 700),
        uids=uids,
        study={**example.study, **about, "patient_name_key": name_key(name)},
        series={**example.series, "series_instance_uid": uids[2], "modality": ("CT", "MR")[inside % 2]},
        instance={**example.instance, "sop_instance_uid": uids[1], "instance_number": inside},
    )
    return Pending(arrival, Intent("default", "benchmark"))


def receive_rate(store: Store, first: int) -> float:
    """Return instances a second of requests of 50, durable."""
    contents = [[object_of(number)] for number in range(first, first + RECEIVED)]
    begun = time.perf_counter()
    for start in range(0, RECEIVED, TOGETHER):
        store.receive_many(contents[start : start + TOGETHER])
    return RECEIVED / (time.perf_counter() - begun)


def _asked(number: int, studies: int) -> tuple[Level, list[Filter]]:
    study = number * 7919 % studies
    return (
        (Level.STUDY, [Filter("PatientID", f"P{study // 2:05d}")]),
        (Level.STUDY, [Filter("StudyDate", f"20{study % 25:02d}0101-20{study % 25:02d}1231")]),
        (Level.STUDY, [Filter("PatientName", f"name{study % 997}*")]),
        (Level.STUDY, [Filter("ModalitiesInStudy", "MR"), Filter("AccessionNumber", f"A{study:06d}")]),
        (Level.SERIES, [Filter("StudyInstanceUID", f"1.2.8.{study}")]),
        (Level.INSTANCE, [Filter("SeriesInstanceUID", f"1.2.7.{study}.1")]),
    )[number % 6]


def _client(folder: Path, studies: int, seed: int, answers: Any) -> None:
    with open_store(folder) as store:
        view, seconds = store.view(), []
        for number in range(seed * SEARCHES, (seed + 1) * SEARCHES):
            level, filters = _asked(number, studies)
            begun = time.perf_counter()
            is_found = view.search(level, filters).total > 0
            seconds.append(time.perf_counter() - begun if is_found else float("inf"))
    answers.put(seconds)


def search_p95_ms(folder: Path, studies: int, clients: int) -> float:
    """Return the time that 95 of 100 searches stay below, in milliseconds, of clients that search side by side."""
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()
    processes = [context.Process(target=_client, args=(folder, studies, seed, answers)) for seed in range(clients)]
    for process in processes:
        process.start()
    seconds = sorted(each for _ in processes for each in answers.get())
    for process in processes:
        process.join()
    return 1000 * seconds[int(0.95 * len(seconds))]


def _best_ms(work: Callable[[], object]) -> float:
    def once() -> float:
        begun = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - begun)

    return min(once() for _ in range(5))


def measures(instances: int, folder: Path) -> Iterator[tuple[str, float]]:
    """Yield what is measured, by name."""
    with open_store(folder) as store:
        yield "receive_empty_per_second", receive_rate(store, 1)
        incoming = store._blobs.take_in([object_of(0)], 1 << 20)
        begun = time.perf_counter()
        plant(store, instances, examine(incoming))
        yield "rows_per_second", instances / (time.perf_counter() - begun)
        incoming.path.unlink()
        yield "receive_full_per_second", receive_rate(store, 100_000)
        yield "series_metadata_100_ms", _best_ms(lambda: store.view().metadata("1.2.7.0.1"))
    for clients in CLIENTS:
        yield f"search_p95_ms_{clients}", search_p95_ms(folder, instances // OF_A_STUDY, clients)


def main() -> None:
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, float] = {"instances": instances}
        for name, value in measures(instances, Path(folder)):
            found[name] = round(value, 2)
            print(f"{name:<28} {found[name]:>12}", flush=True)
    found["receive_full_of_empty"] = round(found["receive_full_per_second"] / found["receive_empty_per_second"], 3)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

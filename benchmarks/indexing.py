"""Headers of 10,000 files into a SQLite table: beside pydicom and dicomsdl, which fill the same table."""

import io
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.datadict import keyword_for_tag

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.archive.index import index_tree
from hounsfield.archive.index_columns import COLUMNS
from hounsfield.header_walk import walk_headers

FILES, WARMING, MOST_ROUNDS = 10_000, 100, 3
TITLE = f"Headers of {FILES} CT files into a SQLite table of {len(COLUMNS)} attributes [headers]"


def write_files(folder: Path, count: int = FILES) -> None:
    """Write small CT files in series of 100, which differ as those of a scanner do."""
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1000000000"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2000000000"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber, dataset.ImagePositionPatient = 111111, [-100, -100, 222222]
    target = io.BytesIO()
    dataset.save_as(target)
    for index in range(count):
        marks = {
            b"1000000000": 1000000000 + index,
            b"2000000000": 2000000000 + index // 100,
            b"111111": 100000 + index % 100,
            b"222222": 200000 + index,
        }
        raw = target.getvalue()
        for mark, number in marks.items():
            raw = raw.replace(mark, str(number).encode())
        (folder / f"{index:06d}.dcm").write_bytes(raw)


def _fill(database: Path, rows: Iterator[tuple[object, ...]]) -> int:
    """Write rows as our index does: one transaction, one ``executemany``, three indexes."""
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    names = ["path TEXT PRIMARY KEY", *(f"{column.name} {column.sql_type}" for column in COLUMNS)]
    connection.execute(f"CREATE TABLE files ({', '.join(names)})")
    connection.executemany(f"INSERT INTO files VALUES ({', '.join('?' * len(names))})", rows)
    for name in ("study_instance_uid", "series_instance_uid", "sop_instance_uid"):
        connection.execute(f"CREATE INDEX by_{name} ON files ({name})")
    connection.commit()
    count = int(connection.execute("SELECT count(*) FROM files").fetchone()[0])
    connection.close()
    return count


def _plain(value: object) -> object:
    if isinstance(value, str | int | float) or value is None:
        return value
    return "\\".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _by_pydicom(folder: Path) -> Iterator[tuple[object, ...]]:
    tags = [column.tag for column in COLUMNS]
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
        values = (dataset.get(keyword_for_tag(tag)) for tag in tags)
        yield path.name, *(_listed(value) for value in values)


def _listed(value: object) -> object:
    return _plain(list(value)) if isinstance(value, pydicom.multival.MultiValue) else _plain(value)


def _by_dicomsdl(folder: Path) -> Iterator[tuple[object, ...]]:
    import dicomsdl

    keywords = [keyword_for_tag(column.tag) for column in COLUMNS]
    for path in sorted(folder.iterdir()):
        dataset = dicomsdl.open(str(path))
        yield path.name, *(_plain(getattr(dataset, keyword)) for keyword in keywords)


def measure_indexing(rounds: int) -> dict[str, list[Row]]:
    """Measure the whole way from a folder to a table that can be asked, ours first.

    pydicom takes half a minute a round: it warms up on a few files, and three rounds must do.
    """
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        folder = base / "files"
        folder.mkdir()
        write_files(folder)
        few = base / "few"
        few.mkdir()
        write_files(few, WARMING)

        def ours() -> int:
            (base / "ours.sqlite").unlink(missing_ok=True)
            return index_tree(folder, base / "ours.sqlite").files

        def walk_alone() -> int:
            return int((walk_headers([str(path) for path in folder.iterdir()], [0x00080018]).status == 0).sum())

        peers: list[tuple[str, Callable[[Path], Iterator[tuple[object, ...]]]]] = [("pydicom", _by_pydicom)]
        try:
            import dicomsdl  # noqa: F401
        except ImportError:
            pass
        else:
            peers.append(("dicomsdl", _by_dicomsdl))
        subjects = [
            Subject("hounsfield", ours),
            *(
                Subject(
                    who,
                    lambda read=read: _fill(base / "peer.sqlite", read(folder)),
                    warm_up=lambda read=read: _fill(base / "peer.sqlite", read(few)),
                )
                for who, read in peers
            ),
            Subject("hounsfield, walk without table", walk_alone),
        ]
        return {TITLE: measure(subjects, min(rounds, MOST_ROUNDS))}

"""Which values change from file to file, against a comparison of the bytes themselves; and what that saves nobody."""

import random
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.header_walk import HeaderStatus, Walked, walk_headers
from hounsfield.header_walk_kernels import mark_changes
from tests.image.helpers import PYDICOM_FILES

TAGS = (0x00080018, 0x00080060, 0x00100010, 0x00100020, 0x00200013, 0x00280010, 0x00081111, 0x00091010)
ABSENT = (-1, 0, 0)
SEQUENCE = ord("S") << 8 | ord("Q")
TEXT = ord("L") << 8 | ord("O")


def by_hand(walked: Walked, row: int, column: int) -> bytes:
    """Return a value by its definition, without what the walk keeps."""
    is_there = walked.status[row] == HeaderStatus.PLAIN and walked.positions[row, column] >= 0
    return walked.value(row, column) if is_there else b""


def write(path: Path, **values: object) -> Path:
    dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small.dcm")
    for keyword, value in values.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def test_values_are_those_of_each_row_whatever_the_order(tmp_path: Path):
    plain = write(tmp_path / "a", PatientID="one")
    files = [
        plain,
        write(tmp_path / "b", PatientID="two"),
        write(tmp_path / "c", PatientID="three and longer"),
        write(tmp_path / "d", PatientName=None),
        write(tmp_path / "e", InstanceNumber=7),
        PYDICOM_FILES / "MR_small_bigendian.dcm",
        PYDICOM_FILES / "CT_small.dcm",
    ]
    chance = random.Random(5)
    for _ in range(20):
        chosen = [chance.choice(files) for _ in range(chance.randint(1, 12))]
        walked = walk_headers(chosen, TAGS)
        for column in range(len(TAGS)):
            expected = [by_hand(walked, row, column) for row in range(len(chosen))]
            assert walked.values(column) == expected
            values, places = walked.runs(column)
            assert [values[place] for place in places] == expected
            assert places == sorted(places)


def test_of_a_series_only_what_moves_is_taken_from_every_file(tmp_path: Path):
    files = [write(tmp_path / str(number), InstanceNumber=number) for number in range(30)]
    walked = walk_headers(files, TAGS)
    taken = {tag: len(walked.runs(column)[0]) for column, tag in enumerate(TAGS)}
    assert taken[0x00200013] == 30
    assert all(count == 1 for tag, count in taken.items() if tag != 0x00200013)
    assert [walked.is_constant(column) for column in range(len(TAGS))] == [tag != 0x00200013 for tag in TAGS]


def test_constancy_is_the_same_by_runs_and_by_values(tmp_path: Path):
    one, other = write(tmp_path / "one"), write(tmp_path / "other", PatientID="other")
    broken = PYDICOM_FILES / "MR_small_bigendian.dcm"
    for files in ([one, one, other], [one, one, one], [one, other, one], [one]):
        alone = walk_headers(files, TAGS)
        beside = walk_headers([*files, broken], TAGS)
        for column in range(len(TAGS)):
            expected = len({by_hand(alone, row, column) for row in range(len(files))}) == 1
            assert alone.is_constant(column) == expected
            assert beside.is_constant(column) == expected


def test_what_is_in_some_files_alone_is_not_constant(tmp_path: Path):
    files = [write(tmp_path / "with"), write(tmp_path / "without", PatientName=None)]
    column = TAGS.index(0x00100010)
    assert not walk_headers(files, TAGS).is_constant(column)
    assert not walk_headers([*files, PYDICOM_FILES / "MR_small_bigendian.dcm"], TAGS).is_constant(column)
    assert walk_headers(files[1:] * 2, TAGS).is_constant(column)


def test_of_sequences_only_their_being_counts(tmp_path: Path):
    column = TAGS.index(0x00081111)
    item, longer = pydicom.Dataset(), pydicom.Dataset()
    item.ReferencedSOPInstanceUID = "1.2"
    longer.ReferencedSOPInstanceUID = "1.2.3.4.5.6"
    files = [
        write(tmp_path / "a", ReferencedPerformedProcedureStepSequence=[item]),
        write(tmp_path / "b", ReferencedPerformedProcedureStepSequence=[longer, item]),
    ]
    walked = walk_headers(files, TAGS)
    assert walked.is_constant(column)
    assert walked.values(column) == [b"", b""]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 4, TEXT), (0, 4, TEXT), False),
        ((0, 4, TEXT), (4, 4, TEXT), False),  # the same bytes elsewhere
        ((0, 4, TEXT), (1, 4, TEXT), True),
        ((0, 4, TEXT), (0, 3, TEXT), True),
        ((0, 0, TEXT), (9, 0, TEXT), False),
        (ABSENT, ABSENT, False),
        (ABSENT, (0, 4, TEXT), True),
        ((0, 4, TEXT), ABSENT, True),
        ((0, 4, SEQUENCE), (0, 4, TEXT), True),
        ((0, -1, SEQUENCE), (3, 900, SEQUENCE), False),
        ((14, 4, TEXT), (14, 4, TEXT), True),  # beyond the bytes that are there: nobody can tell
    ],
)
def test_a_pair_of_rows(one: tuple[int, int, int], other: tuple[int, int, int], expected: bool):
    rows = np.frombuffer(b"abcdabcdabcdabcd" * 2, dtype=np.uint8).reshape(2, 16)
    found = np.array([[one], [other]], dtype=np.int64)
    changes = mark_changes(rows, np.array([True, True]), found)
    assert changes.tolist() == [[True], [expected]]
    assert mark_changes(rows, np.array([True, False]), found)[1, 0]
    assert mark_changes(rows, np.array([False, True]), found)[1, 0]


def test_no_rows():
    walked = walk_headers([], TAGS)
    assert walked.runs(0) == ([], [])
    assert walked.values(0) == []
    assert len(walked) == 0


def test_walking_again_from_memory_gives_what_walking_the_files_gives(tmp_path: Path) -> None:
    paths = [write(tmp_path / str(index), PatientID=f"patient {index}", InstanceNumber=index) for index in range(5)]
    first, wanted = walk_headers(paths, [0x00080018]), [0x00100020, 0x00280010, 0x00200032]
    for rows in (range(len(paths)), [3, 1]):
        again, fresh = first.again(rows, wanted), walk_headers([paths[row] for row in rows], wanted)
        assert again is not None
        assert np.array_equal(again.positions, fresh.positions)
        assert [again.values(column) for column in range(3)] == [fresh.values(column) for column in range(3)]
        assert np.array_equal(again.pixel_offset, fresh.pixel_offset)
    (tmp_path / "junk").write_bytes(b"no DICOM at all")
    assert walk_headers([*paths, tmp_path / "junk"], [0x00080018]).again([0, len(paths)], wanted) is None

"""Wherever the compiled walk calls a header plain, it found what the careful walk of the archive finds."""

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.archive.encoding import read_start
from hounsfield.archive.header import WANTED
from hounsfield.archive.kinds import identify
from hounsfield.archive.limits import Limits
from hounsfield.archive.scan import Scan, Wanted
from hounsfield.archive.walker import Walker
from hounsfield.archive.window import FileWindow
from hounsfield.errors import HounsfieldError
from hounsfield.header_walk import MAX_SEQUENCE_DEPTH, SYNTAXES, HeaderStatus, Walked, walk_headers
from tests.image.helpers import PYDICOM_FILES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "dicom"
TAGS = tuple(sorted(WANTED.top | {0x00280010, 0x00200032, 0x00185100, 0x00081111}))
NESTED = tuple(sorted(WANTED.nested))
LIMITS = Limits()


def careful(path: Path) -> tuple[Scan, str]:
    raw = path.open("rb")
    window = FileWindow(raw.fileno(), path.stat().st_size)
    start = read_start(window, identify(window).dicom_offset, LIMITS)
    wanted = Wanted(frozenset(TAGS), frozenset(NESTED))
    return Walker(start.window, start.encoding, wanted, LIMITS).walk(start.offset), start.transfer_syntax_uid


def assert_agrees(path: Path, walked: Walked, row: int) -> None:
    try:
        scan, syntax = careful(path)
    except HounsfieldError:
        if walked.pixel_length[row] == -1:
            return  # fragments are not for this walk
        raise
    assert walked.transfer_syntax_uid(row) == syntax
    assert not set(scan.oddities) - {"trailing bytes"}
    for column, tag in enumerate(TAGS):
        if tag in scan.values:
            assert walked.value(row, column) == scan.values[tag], hex(tag)
        elif walked.has(row, column):
            assert walked.value(row, column) == b"", hex(tag)
    for index, pair in enumerate(NESTED):
        assert walked.value(row, len(TAGS) + index) == scan.nested.get(pair, b"")
    if scan.pixels is None:
        assert walked.pixel_tag[row] == 0
    else:
        assert walked.pixel_tag[row] == scan.pixels.tag
        is_native = scan.pixels.fragments is None
        assert walked.pixel_length[row] == (scan.pixels.length if is_native else -1)


def sample_files() -> list[Path]:
    shared = [path for path in sorted(SHARED.rglob("*")) if path.is_file() and path.stat().st_size < 4 << 20]
    return [*sorted(PYDICOM_FILES.glob("*.dcm")), *shared]


def test_plain_files_are_those_that_the_careful_walk_reads():
    files = sample_files()
    walked = walk_headers(files, TAGS, NESTED)
    plain = np.flatnonzero(walked.status == HeaderStatus.PLAIN)
    assert len(plain) > 40
    for row in plain:
        assert_agrees(files[row], walked, int(row))


def test_most_of_the_sample_files_are_plain_or_say_why():
    files = sorted(PYDICOM_FILES.glob("*.dcm"))
    walked = walk_headers(files, TAGS, NESTED)
    assert set(walked.status.tolist()) <= {int(status) for status in HeaderStatus}
    named = {path.name: HeaderStatus(int(status)) for path, status in zip(files, walked.status, strict=True)}
    assert named["CT_small.dcm"] is HeaderStatus.PLAIN  # trailing padding follows its pixels
    assert named["MR_small.dcm"] is HeaderStatus.PLAIN
    assert named["MR_small_bigendian.dcm"] is HeaderStatus.SYNTAX
    assert named["image_dfl.dcm"] is HeaderStatus.SYNTAX
    assert named["no_meta.dcm"] is HeaderStatus.NO_DICOM
    assert named["MR_truncated.dcm"] is HeaderStatus.CUT


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_damaged_is_not_called_plain_unless_the_careful_walk_agrees(tmp_path: Path, seed: int):
    chance = np.random.default_rng(seed)
    sources = [path for path in sorted(PYDICOM_FILES.glob("*.dcm")) if path.stat().st_size < 60_000]
    files = []
    for number in range(120):
        raw = bytearray(sources[int(chance.integers(len(sources)))].read_bytes())
        for _ in range(int(chance.integers(1, 6))):
            position = int(chance.integers(0, min(len(raw), 3000)))
            raw[position] = int(chance.choice([0, 1, 0x7F, 0xFF, chance.integers(256)]))
        if chance.random() < 0.2:
            del raw[int(chance.integers(len(raw))) :]
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(bytes(raw))
    walked = walk_headers(files, TAGS, NESTED)
    plain = np.flatnonzero(walked.status == HeaderStatus.PLAIN)
    assert len(plain) > 10
    for row in plain:
        try:
            assert_agrees(files[row], walked, int(row))
        except HounsfieldError as error:
            pytest.fail(f"{files[row].name}: called plain, and {error.code} says it is not")


def test_a_long_header_is_read_as_far_as_it_goes(tmp_path: Path):
    raw = (PYDICOM_FILES / "MR_small.dcm").read_bytes()
    at = raw.index(struct.pack("<HH", 0x0028, 0x0002))
    filler = b"".join(struct.pack("<HH2sHL", 0x0021, 0x1001 + n, b"OB", 0, 30_000) + bytes(30_000) for n in range(3))
    path = tmp_path / "long.dcm"
    path.write_bytes(raw[:at] + filler + raw[at:])
    walked = walk_headers([path, PYDICOM_FILES / "MR_small.dcm"], TAGS, NESTED)
    assert walked.status.tolist() == [HeaderStatus.PLAIN, HeaderStatus.PLAIN]
    assert [walked.value(0, column) for column in range(len(TAGS))] == [
        walked.value(1, column) for column in range(len(TAGS))
    ]
    assert walked.values(3) == [walked.value(0, 3), walked.value(1, 3)]
    assert walked.pixel_offset[0] - walked.pixel_offset[1] == len(filler)


def test_a_header_without_end_is_given_up(tmp_path: Path):
    raw = (PYDICOM_FILES / "MR_small.dcm").read_bytes()
    at = raw.index(struct.pack("<HH", 0x0028, 0x0002))
    path = tmp_path / "endless.dcm"
    path.write_bytes(raw[:at] + struct.pack("<HH2sHL", 0x0021, 0x1001, b"SQ", 0, 0xFFFFFFFF) + bytes(3 << 20))
    assert walk_headers([path], TAGS).status[0] != HeaderStatus.PLAIN


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_implicit.dcm"])
def test_what_follows_the_pixels_is_padding_or_not_plain(tmp_path: Path, name: str):
    raw = (PYDICOM_FILES / name).read_bytes()
    raw = raw[: raw.rindex(b"\xfc\xff\xfc\xff")] if b"\xfc\xff\xfc\xff" in raw[-300:] else raw
    is_explicit = "implicit" not in name
    header = struct.pack("<HH", 0xFFFC, 0xFFFC) + (b"OB\0\0" if is_explicit else b"")
    tails = {
        "none": b"",
        "padding": header + struct.pack("<L", 40) + bytes(40),
        "short": header + struct.pack("<L", 40) + bytes(39),
        "long": header + struct.pack("<L", 40) + bytes(42),
        "other": struct.pack("<HH", 0xFFFA, 0xFFFA) + header[4:] + struct.pack("<L", 0),
        "garbage": b"garbage",
    }
    files = []
    for tail, content in tails.items():
        files.append(tmp_path / tail)
        files[-1].write_bytes(raw + content)
    found = dict(zip(tails, walk_headers(files, TAGS).status.tolist(), strict=True))
    assert found == {tail: HeaderStatus.PLAIN if tail in ("none", "padding") else HeaderStatus.TAIL for tail in tails}


def test_deep_nesting_ends(tmp_path: Path):
    raw = (PYDICOM_FILES / "MR_small.dcm").read_bytes()
    at = raw.index(struct.pack("<HH", 0x0028, 0x0002))
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    deep = (struct.pack("<HH2sHL", 0x0021, 0x1001, b"SQ", 0, 0xFFFFFFFF) + item) * (MAX_SEQUENCE_DEPTH + 5)
    path = tmp_path / "deep.dcm"
    path.write_bytes(raw[:at] + deep + raw[at:])
    assert walk_headers([path], TAGS).status[0] == HeaderStatus.DEPTH


def test_what_is_no_file_or_not_there(tmp_path: Path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    walked = walk_headers([tmp_path, tmp_path / "none", empty, Path("/dev/null")], TAGS)
    assert walked.status.tolist() == [
        HeaderStatus.UNREADABLE,
        HeaderStatus.UNREADABLE,
        HeaderStatus.NO_DICOM,
        HeaderStatus.UNREADABLE,
    ]
    assert walk_headers([], TAGS).status.shape == (0,)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(threads: int):
    files = sorted(PYDICOM_FILES.glob("MR*.dcm"))
    one, other = walk_headers(files, TAGS), walk_headers(files, TAGS, threads=threads)
    assert np.array_equal(one.positions, other.positions)
    assert np.array_equal(one.status, other.status)


def test_constancy_is_told_over_plain_rows_alone(tmp_path: Path):
    files = [PYDICOM_FILES / "MR_small.dcm", PYDICOM_FILES / "MR_small.dcm", PYDICOM_FILES / "CT_small.dcm"]
    same = walk_headers(files[:2], TAGS)
    assert all(same.is_constant(column) for column in range(len(TAGS)))
    walked = walk_headers([*files[:2], PYDICOM_FILES / "MR_small_implicit.dcm"], TAGS)
    uid = TAGS.index(0x00080018)
    assert walked.is_constant(uid) is (len(set(walked.values(uid))) == 1)


def test_the_syntaxes_are_those_of_the_standard():
    from pydicom.uid import UID

    assert all(UID(uid).is_transfer_syntax for uid in SYNTAXES)
    assert UID(SYNTAXES[0]).is_implicit_VR
    assert not any(UID(uid).is_implicit_VR for uid in SYNTAXES[1:])


def test_reading_without_the_calls_of_the_system_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    files = [*sample_files(), tmp_path, tmp_path / "none"]
    one = walk_headers(files, TAGS, NESTED)
    monkeypatch.setattr("hounsfield.file_kernels.pack_names", lambda paths: None)
    other = walk_headers(files, TAGS, NESTED)
    plain = one.status == HeaderStatus.PLAIN
    assert np.array_equal(one.status, other.status)
    for name in ("sizes", "syntax", "positions", "lengths", "vrs", "pixel_tag", "pixel_offset", "pixel_length"):
        assert np.array_equal(getattr(one, name)[plain], getattr(other, name)[plain]), name


def test_runs_hold_each_value_once_while_it_stays():
    names = ("MR_small.dcm", "MR_small.dcm", "CT_small.dcm", "MR_small_bigendian.dcm", "CT_small.dcm", "CT_small.dcm")
    walked = walk_headers([PYDICOM_FILES / name for name in names], TAGS)
    column = TAGS.index(0x00080018)
    values, places = walked.runs(column)
    assert places == [0, 0, 1, 2, 3, 3]
    assert [values[place] for place in places] == [
        walked.value(row, column) if walked.status[row] == HeaderStatus.PLAIN else b"" for row in range(len(names))
    ]


def test_headers_longer_than_the_first_read_are_compared_as_others_are(tmp_path: Path):
    long, other = tmp_path / "long.dcm", tmp_path / "other.dcm"
    dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small.dcm")
    dataset.add_new(0x00091010, "OB", bytes(20_000))
    dataset.save_as(long)
    dataset.PatientID = "another"
    dataset.save_as(other)
    walked = walk_headers([long, long, other, other], TAGS)
    assert set(walked.longer) == {0, 1, 2, 3}
    patient, modality = TAGS.index(0x00100020), TAGS.index(0x00080060)
    assert walked.is_constant(modality)
    assert not walked.is_constant(patient)
    assert [value.strip() for value in walked.values(patient)] == [b"4MR1", b"4MR1", b"another", b"another"]


def test_elements_out_of_order_are_found(tmp_path: Path):
    path = tmp_path / "order.dcm"
    raw = (PYDICOM_FILES / "MR_small.dcm").read_bytes()
    at = raw.index(b"\x08\x00\x60\x00CS\x02\x00MR")
    element = raw[at : at + 10]
    patient = raw.index(b"\x10\x00\x20\x00LO")
    path.write_bytes(raw[:at] + raw[at + 10 : patient] + element + raw[patient:])
    walked = walk_headers([path], TAGS, NESTED)
    assert walked.status[0] == HeaderStatus.PLAIN
    assert walked.value(0, TAGS.index(0x00080060)) == b"MR"
    assert_agrees(path, walked, 0)

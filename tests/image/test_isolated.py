"""A decoder that crashes, hangs or eats memory costs one object; what it decodes is what the program itself decodes."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from hounsfield.archive.limits import Limits
from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef
from hounsfield.errors import HounsfieldError, Undecodable
from hounsfield.image import isolated, worker_pool
from hounsfield.image import isolated_wire as wire
from hounsfield.image.assemble import assemble
from hounsfield.image.isolated import decode_codestream, decode_object, is_isolated
from hounsfield.image.layout import PixelLayout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.worker_pool import WorkerPool
from hounsfield.opening import read_volumes
from tests.image.broken_codecs import PROGRAM, mark
from tests.image.helpers import PYDICOM_FILES, series_of
from tests.image.test_fast_fill import layout_of, write_series

ISOLATED = PixelLimits(isolated=True)
HASTY = PixelLimits(isolated=True, decoding_seconds=1.0)

OUTCOMES = [
    ("segfault", "E390", "SIGSEGV", ISOLATED),
    ("kill", "E390", "SIGKILL", ISOLATED),
    ("abort", "E390", "SIGABRT", ISOLATED),
    ("exit", "E390", "exit 7", ISOLATED),
    ("hang", "E391", None, HASTY),
    ("spin", "E391", None, HASTY),
    ("memory", "E392", None, ISOLATED),
]


@pytest.fixture(scope="module")
def broken_pool():
    """Return decoding processes with broken codecs."""
    pool = WorkerPool(PROGRAM)
    yield pool
    pool.close()


@pytest.fixture
def broken(broken_pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> WorkerPool:
    """Let the program use them."""
    monkeypatch.setattr(worker_pool, "POOL", broken_pool)
    return broken_pool


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_series(tmp_path_factory.mktemp("slices"), JPEG2000Lossless, 12, False, 0)


def codestream_of(path: Path) -> bytes:
    return next(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1))


def put_mark(path: Path, name: str, frame_index: int = 0, target: Path | None = None) -> Path:
    """Write a mark behind a frame of a file."""
    dataset = pydicom.dcmread(path)
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
    frames[frame_index] += mark(name) + b"\0" * (len(mark(name)) % 2)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(target or path)
    return target or path


def several_frames(source: list[Path], target: Path) -> Path:
    """Write the slices as one object of several frames."""
    dataset = pydicom.dcmread(source[0])
    dataset.NumberOfFrames = len(source)
    dataset.PixelData = encapsulate([codestream_of(path) for path in source])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(target)
    return target


def reference(path: Path) -> InstanceRef:
    return InstanceRef("1.2.3", "", path, DICOM_MEDIA_TYPE, "", str(JPEG2000Lossless))


@pytest.mark.parametrize(("name", "code", "found", "limits"), OUTCOMES)
def test_a_frame_that_breaks_the_decoder_is_named_and_the_next_one_decodes(broken, slices, name, code, found, limits):
    layout = layout_of(slices[0])
    good = codestream_of(slices[0])
    cells = np.zeros(layout.rows * layout.columns, np.uint16)
    with pytest.raises(Undecodable) as caught:
        decode_codestream(good + mark(name), layout, cells, "1.2.3.4", limits)
    assert (caught.value.code, caught.value.uid) == (code, "1.2.3.4")
    if found:
        assert caught.value.facts["found"] == found
    decode_codestream(good, layout, cells, "1.2.3", ISOLATED)
    assert np.array_equal(cells.reshape(layout.rows, -1), pydicom.dcmread(slices[0]).pixel_array)


@pytest.mark.parametrize(("name", "code", "found", "limits"), OUTCOMES[::3])
def test_a_frame_inside_an_object_that_breaks_the_decoder(broken, slices, tmp_path, name, code, found, limits):
    path = several_frames(slices, tmp_path / "many.dcm")
    layout = layout_of(path)
    marked = put_mark(path, name, 2, tmp_path / "marked.dcm")
    with pytest.raises(Undecodable) as caught:
        list(decode_object(reference(marked), layout, len(slices), limits))
    assert (caught.value.code, caught.value.uid) == (code, "1.2.3")
    assert found is None or caught.value.facts["found"] == found
    whole = list(decode_object(reference(path), layout, len(slices), ISOLATED))
    assert np.array_equal(whole, [pydicom.dcmread(path).pixel_array for path in slices])


def test_one_bad_instance_names_itself_and_other_series_of_the_folder_are_read(broken, slices, tmp_path):
    for series in "ab":
        (tmp_path / series).mkdir()
        for path in slices:
            dataset = pydicom.dcmread(path)
            dataset.SeriesInstanceUID += f".{ord(series)}"
            dataset.SOPInstanceUID += f".{ord(series)}"
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(tmp_path / series / path.name)
    bad = put_mark(tmp_path / "b" / slices[3].name, "segfault")
    opened = read_volumes(tmp_path, limits=Limits(isolated=True))
    assert np.array_equal(opened.volumes[0].array, assemble(series_of(slices)).volumes[0].array)
    assert len(opened.volumes) == 1
    issue = next(issue for issue in opened.issues if issue.code == "E390")
    assert issue.uid == str(pydicom.dcmread(bad).SOPInstanceUID)


def test_what_a_library_prints_is_not_taken_for_an_answer(broken, slices):
    layout, good = layout_of(slices[0]), codestream_of(slices[0])
    cells = np.zeros(layout.rows * layout.columns, np.uint16)
    decode_codestream(good + mark("print"), layout, cells, "1.2", ISOLATED)
    assert np.array_equal(cells.reshape(layout.rows, -1), pydicom.dcmread(slices[0]).pixel_array)


def test_a_frame_of_another_shape_is_refused_by_the_process_itself(broken, slices, tmp_path):
    path = put_mark(several_frames(slices, tmp_path / "many.dcm"), "shape")
    with pytest.raises(Undecodable, match="E313"):
        list(decode_object(reference(path), layout_of(path), 1, ISOLATED))


def test_a_process_that_was_killed_while_it_waited_is_replaced(broken, slices):
    layout, good = layout_of(slices[0]), codestream_of(slices[0])
    cells = np.zeros(layout.rows * layout.columns, np.uint16)
    decode_codestream(good, layout, cells, "1.2", ISOLATED)
    waiting = list(broken._idle)
    for worker in waiting:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    decode_codestream(good, layout, cells, "1.2", ISOLATED)
    assert len(broken._idle) == 1
    assert broken._idle[0] not in waiting


def test_frames_that_are_not_fetched_do_not_reach_the_next_object(broken, slices, tmp_path):
    path = several_frames(slices, tmp_path / "many.dcm")
    layout = layout_of(path)
    frames = decode_object(reference(path), layout, len(slices), ISOLATED)
    next(frames)
    frames.close()
    first = next(decode_object(reference(path), layout, 1, ISOLATED))
    assert np.array_equal(first, pydicom.dcmread(slices[0]).pixel_array)


def test_processor_time_is_bounded_where_nobody_watches_the_clock(broken, slices):
    layout = layout_of(slices[0])
    terms = {**isolated._terms(layout, 1000, 1, ISOLATED), "seconds": 0.01}
    with broken.borrowed() as worker:
        content = wire.request(wire.FRAME, terms, codestream_of(slices[0]) + mark("spin"))
        worker.send(content, time.monotonic() + 60)
        assert worker.process.wait(timeout=60) == -signal.SIGXCPU


LIES = {
    "nothing": b"",
    "noise": b"\x7f" * 200,
    "other magic": wire.REPLY.pack(b"EVIL", wire.SAMPLES, 2, 0, 48, 60, 48 * 60 * 2),
    "other size": wire.REPLY.pack(wire.MAGIC, wire.SAMPLES, 2, 0, 48, 61, 48 * 61 * 2) + bytes(48 * 61 * 2),
    "too many bytes": wire.REPLY.pack(wire.MAGIC, wire.SAMPLES, 2, 0, 48, 60, 1 << 60),
    "unknown type": wire.REPLY.pack(wire.MAGIC, wire.SAMPLES, 99, 0, 48, 60, 48 * 60 * 2) + bytes(48 * 60 * 2),
    "channels": wire.REPLY.pack(wire.MAGIC, wire.SAMPLES, 2, 3, 48, 60, 48 * 60 * 6) + bytes(48 * 60 * 6),
    "long refusal": wire.REPLY.pack(wire.MAGIC, wire.REFUSAL, 0, 0, 0, 0, 1 << 40),
    "refusal that is no JSON": wire.REPLY.pack(wire.MAGIC, wire.REFUSAL, 0, 0, 0, 0, 4) + b"boom",
    "refusal with a code of others": wire.refusal("E701", {}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_process_says_is_checked_before_it_is_believed(monkeypatch, slices, lie):
    ready = wire.REPLY.pack(wire.MAGIC, wire.READY, 0, 0, 0, 0, 0)
    program = f"os.write(1, {ready!r}); sys.stdin.buffer.read(100); os.write(1, {LIES[lie]!r}); os._exit(0)"
    pool = WorkerPool(program)
    monkeypatch.setattr(worker_pool, "POOL", pool)
    layout = layout_of(slices[0])
    for decode in (
        lambda: decode_codestream(codestream_of(slices[0]), layout, np.zeros(48 * 60, np.uint16), "1.2", ISOLATED),
        lambda: list(decode_object(reference(slices[0]), layout, 1, ISOLATED)),
    ):
        with pytest.raises(Undecodable) as caught:
            decode()
        assert caught.value.code in ("E390", "E394")
        assert caught.value.uid == "1.2" or caught.value.uid == "1.2.3"
    assert pool._idle == []


@pytest.mark.parametrize("program", ["os._exit(3)", "raise SystemExit", "os.write(1, b'hello' * 20)", "import nothing"])
def test_a_process_that_cannot_be_started_says_so(monkeypatch, slices, program):
    monkeypatch.setattr(worker_pool, "POOL", WorkerPool(program))
    with pytest.raises(Undecodable) as caught:
        list(decode_object(reference(slices[0]), layout_of(slices[0]), 1, ISOLATED))
    assert caught.value.code == "E393"


# ---- the same pixels, to the bit


def is_compressed(path: Path) -> bool:
    meta = pydicom.dcmread(path, stop_before_pixels=True, force=True).file_meta
    syntax = meta.get("TransferSyntaxUID")
    return syntax is not None and not syntax.is_private and syntax.is_encapsulated


COMPRESSED = [path for path in sorted(PYDICOM_FILES.glob("*.dcm")) if is_compressed(path)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", COMPRESSED, ids=lambda path: path.name)
def test_each_compressed_file_reads_the_same_in_both_ways(path: Path):
    outcomes = []
    for limits in (PixelLimits(), ISOLATED):
        try:
            volumes = assemble(series_of([path]), limits).volumes
            outcomes.append([(str(volume.array.dtype), volume.array.tobytes()) for volume in volumes])
        except HounsfieldError as error:
            outcomes.append((error.code, error.uid, error.text("en"), error.text("zh")))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize(("bits", "is_signed"), [(16, True), (12, False)])
@pytest.mark.parametrize("as_float", [False, True])
def test_series_read_the_same_in_both_ways(tmp_path: Path, syntax: str, bits: int, is_signed: bool, as_float: bool):
    series = series_of(write_series(tmp_path, syntax, bits, is_signed, -1000))
    here = assemble(series, PixelLimits(), as_float).volumes[0].array
    there = assemble(series, ISOLATED, as_float).volumes[0].array
    assert here.dtype == there.dtype
    assert np.array_equal(here, there)


def test_native_samples_and_run_lengths_stay_in_the_program(slices):
    layout = layout_of(slices[0])
    wanted = {JPEG2000Lossless: True, JPEGLSLossless: True, RLELossless: False, ExplicitVRLittleEndian: False}
    for syntax, expected in wanted.items():
        other = PixelLayout(**{**vars(layout), "transfer_syntax_uid": str(syntax)})
        assert is_isolated(other, ISOLATED) is expected
        assert is_isolated(other, PixelLimits()) is False


def test_requests_and_replies_of_the_wire():
    read, write = os.pipe()
    os.write(write, wire.request(wire.FRAME, {"seconds": 1}, b"stream"))
    assert wire.read_request(read) == (wire.FRAME, {"seconds": 1}, b"stream")
    os.write(write, wire.request(wire.OBJECT, {})[:-1])
    os.close(write)
    assert wire.read_request(read) is None
    os.close(read)
    header, cells = wire.frame_reply(np.arange(6, dtype=">i2").reshape(2, 3))
    assert wire.REPLY.unpack(header) == (wire.MAGIC, wire.SAMPLES, wire.DTYPES.index("<i2"), 0, 2, 3, 12)
    assert bytes(cells) == struct.pack("<6h", *range(6))
    with pytest.raises(ValueError, match="not in"):
        wire.frame_reply(np.zeros((2, 2), np.complex64))


ORPHAN = """
import os, sys
import numpy as np
from hounsfield.image import worker_pool
with worker_pool.POOL.borrowed() as worker:
    pass
print(worker.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_no_process_outlives_a_program_that_is_killed():
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    # Its input ends with the program; it is gone when nobody holds the number any more.
    for _ in range(600):
        if not is_running(pid):
            return
        time.sleep(0.1)
    pytest.fail("the decoding process still runs")


def is_running(pid: int) -> bool:
    """Tell whether a process is there and is no zombie that waits for its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

"""Pictures and videos read in a process of their own are what the program itself reads, and cost it nothing else."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from hounsfield.archive.limits import Limits
from hounsfield.errors import HounsfieldError, Undecodable
from hounsfield.image import isolated_wire as wire
from hounsfield.image import worker_pool
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.isolated_files import about_volumes
from hounsfield.image.limits import PixelLimits
from hounsfield.image.worker_pool import WorkerPool
from hounsfield.opening import read_volumes
from tests.image.broken_codecs import PROGRAM, mark
from tests.image.helpers import file_series

ISOLATED = PixelLimits(isolated=True)
CHANCE = np.random.default_rng(11)
GREY = CHANCE.integers(0, 256, (30, 40), dtype=np.uint8)
DEEP = CHANCE.integers(0, 65536, (30, 40), dtype=np.uint16)
COLOUR = CHANCE.integers(0, 256, (30, 40, 3), dtype=np.uint8)
KINDS = {"png": "image/png", "jpg": "image/jpeg", "tiff": "image/tiff", "avi": "video/avi"}


def write_all(folder: Path) -> list[Path]:
    """Write pictures of each kind that is read, a video, and files that are none."""
    Image.fromarray(GREY).save(folder / "grey.png")
    Image.fromarray(DEEP).save(folder / "deep.png")
    Image.fromarray(COLOUR).save(folder / "colour.png")
    Image.fromarray(np.dstack([COLOUR, GREY])).save(folder / "transparent.png")
    Image.fromarray(COLOUR).save(folder / "colour.jpg")
    Image.fromarray(DEEP).save(folder / "deep.tiff")
    pages = [Image.fromarray(np.roll(GREY, page, axis=0)) for page in range(3)]
    pages[0].save(folder / "pages.tiff", save_all=True, append_images=pages[1:])
    pages[0].save(folder / "sizes.tiff", save_all=True, append_images=[pages[1].crop((0, 0, 20, 20))])
    Image.fromarray(CHANCE.normal(0, 1, (9, 8)).astype(np.float32)).save(folder / "float.tiff")
    with av.open(str(folder / "video.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(4):
            pixels = np.full((48, 64, 3), 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    (folder / "cut.png").write_bytes((folder / "grey.png").read_bytes()[:200])
    (folder / "noise.jpg").write_bytes(CHANCE.bytes(500))
    (folder / "noise.avi").write_bytes(CHANCE.bytes(500))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("files"))


def read(path: Path, limits: PixelLimits) -> Assembly:
    return assemble(file_series(path, KINDS[path.suffix[1:]]), limits)


def outcome(path: Path, limits: PixelLimits) -> object:
    """Return all that a file gives, or all that is said of it."""
    try:
        found = read(path, limits)
    except HounsfieldError as error:
        return error.code, error.uid, error.text("en"), error.text("zh")
    volumes = [
        (
            str(volume.array.dtype),
            volume.array.tobytes(),
            volume.geometry,
            volume.quantity,
            volume.instances,
            volume.frame_indices,
            volume.slice_axis,
            volume.frame_times_seconds,
        )
        for volume in found.volumes
    ]
    return volumes, found.issues


def test_each_file_reads_the_same_in_both_ways(files: list[Path]) -> None:
    outcomes = {path.name: outcome(path, PixelLimits()) for path in files}
    assert {path.name: outcome(path, ISOLATED) for path in files} == outcomes
    refused = {name for name, found in outcomes.items() if isinstance(found[0], str)}
    assert refused == {"cut.png", "noise.jpg", "noise.avi"}


def test_limits_hold_there_as_here(files: list[Path]) -> None:
    path = next(path for path in files if path.name == "pages.tiff")
    for limits in (PixelLimits(max_pixel_bytes=1000), PixelLimits(max_pixel_bytes=1000, isolated=True)):
        with pytest.raises(Undecodable, match="E303"):
            read(path, limits)


@pytest.fixture(scope="module")
def broken_pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(PROGRAM)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("name", "code"), [("segfault", "E390"), ("abort", "E390"), ("hang", "E391"), ("memory", "E392")]
)
def test_a_picture_that_breaks_its_reader_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_pool: WorkerPool, name: str, code: str
) -> None:
    monkeypatch.setattr(worker_pool, "POOL", broken_pool)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray(GREY).save(tmp_path / "b.png")
    with (tmp_path / "a.png").open("ab") as file:
        file.write(mark(name))
    seconds = 1.0 if name == "hang" else 60.0
    small = PixelLimits(isolated=True, decoding_seconds=seconds, max_pixel_bytes=64 << 20)
    with pytest.raises(Undecodable) as caught:
        read(tmp_path / "a.png", small)
    assert (caught.value.code, caught.value.uid) == (
        code,
        file_series(tmp_path / "a.png", "").instances[0].sop_instance_uid,
    )
    assert np.array_equal(read(tmp_path / "b.png", ISOLATED).volumes[0].array[0], GREY)


def test_the_other_files_of_a_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_pool: WorkerPool
) -> None:
    monkeypatch.setattr(worker_pool, "POOL", broken_pool)
    for number in range(3):
        Image.fromarray(np.roll(GREY, number)).save(tmp_path / f"{number}.png")
    with (tmp_path / "1.png").open("ab") as file:
        file.write(mark("kill"))
    opened = read_volumes(tmp_path, limits=Limits(isolated=True))
    assert [volume.array[0, 0, 0] for volume in opened.volumes] == [GREY[0, 0], np.roll(GREY, 2)[0, 0]]
    assert [issue.code for issue in opened.issues if issue.code.startswith("E")] == ["E390"]


def about(**changes: object) -> bytes:
    """Return what a process says of one grey picture, but for what is changed."""
    one = {"shape": [1, 3, 4], "dtype": 0, "quantity": "DISPLAY", "slice_axis": "single"}
    one |= {"frame_indices": [], "times": []}
    return wire.volumes_reply({"volumes": [{**one, **changes}], "issues": []}) + bytes(12)


LIES = {
    "text": wire.REPLY.pack(wire.MAGIC, wire.VOLUMES, 0, 0, 0, 0, 4) + b"boom",
    "list": wire.REPLY.pack(wire.MAGIC, wire.VOLUMES, 0, 0, 0, 0, 2) + b"[]",
    "nothing": wire.volumes_reply({}),
    "long": wire.REPLY.pack(wire.MAGIC, wire.VOLUMES, 0, 0, 0, 0, 1 << 40),
    "samples": wire.REPLY.pack(wire.MAGIC, wire.SAMPLES, 0, 0, 3, 4, 12) + bytes(12),
    "two axes": about(shape=[3, 4]),
    "four channels": about(shape=[4, 1, 3, 4]),
    "type": about(dtype=99),
    "quantity": about(quantity="MONEY"),
    "axis": about(slice_axis="sideways"),
    "issue": wire.volumes_reply({"volumes": [], "issues": [["Q310", "shrug", {}]]}),
    "size": about(shape=[1, 100_000, 100_000]),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_process_says_is_checked(monkeypatch: pytest.MonkeyPatch, files: list[Path], lie: str) -> None:
    ready = wire.REPLY.pack(wire.MAGIC, wire.READY, 0, 0, 0, 0, 0)
    program = f"os.write(1, {ready!r}); sys.stdin.buffer.read(100); os.write(1, {LIES[lie]!r}); os._exit(0)"
    monkeypatch.setattr(worker_pool, "POOL", WorkerPool(program))
    with pytest.raises(Undecodable) as caught:
        read(next(path for path in files if path.name == "grey.png"), ISOLATED)
    assert caught.value.code in (("E303",) if lie == "size" else ("E390", "E394"))


def test_what_is_said_of_volumes_is_plain(files: list[Path]) -> None:
    found = read(next(path for path in files if path.name == "pages.tiff"), PixelLimits())
    said = json.loads(json.dumps(about_volumes(found.volumes, found.issues)))
    assert said["volumes"][0]["shape"] == [3, 30, 40]
    assert said["issues"] == [["Q310", "note", {}]]

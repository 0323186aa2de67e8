"""The same image in every transfer syntax that DCMTK, pydicom and SimpleITK write is the same volume."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from hounsfield.core.quality import Severity
from hounsfield.errors import Undecodable
from hounsfield.image.phantoms import (
    BodyPhantom,
    HeadPhantom,
    HeartPhantom,
    Pose,
    pose_geometry,
    write_ct,
    write_enhanced_ct,
    write_head,
    write_heart,
    write_pet,
    write_secondary_capture,
)
from tests.image.helpers import assemble_files, change, codes, digest, only_volume

Tool = Callable[[str, str], Path]
BODY = BodyPhantom(pose_geometry((3, 37, 41), (20.0, 4.1, 3.7), Pose("axial", (9.0, -4.0, 13.0))))

LOSSLESS: dict[str, list[str]] = {
    "implicit": ["dcmconv", "+ti"],
    "explicit big endian": ["dcmconv", "+tb"],
    "deflated": ["dcmconv", "+td"],
    "undefined lengths": ["dcmconv", "-e", "+te"],
    "group lengths": ["dcmconv", "+g", "+te"],
    "trailing padding": ["dcmconv", "+p", "2048", "64", "+te"],
    "RLE": ["dcmcrle"],
    "RLE without offsets": ["dcmcrle", "-ot"],
    "RLE in fragments": ["dcmcrle", "+fs", "1"],
    "JPEG lossless SV1": ["dcmcjpeg", "+e1"],
    "JPEG lossless, predictor 4": ["dcmcjpeg", "+el", "+sv", "4"],
    "JPEG lossless, predictor 7, fragments": ["dcmcjpeg", "+el", "+sv", "7", "+fs", "1"],
    "JPEG-LS": ["dcmcjpls", "+el"],
    "JPEG-LS cooked": ["dcmcjpls", "+el", "+pc"],
    "JPEG-LS without offsets": ["dcmcjpls", "+el", "-ot"],
}


def _convert(tool: Tool, paths: list[Path], command: list[str], folder: Path) -> list[Path]:
    """Run one of DCMTK's converters on every file."""
    folder.mkdir()
    for path in paths:
        subprocess.run([tool(command[0], "dcmtk"), *command[1:], path, folder / path.name], check=True)
    return [folder / path.name for path in paths]


def _syntaxes(paths: list[Path]) -> set[str]:
    return {str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID) for path in paths}


@pytest.mark.parametrize("name", LOSSLESS)
def test_unsigned_series_has_one_digest(tmp_path: Path, debian_tool: Tool, name: str) -> None:
    paths = list(write_ct(tmp_path / "plain", BODY))
    converted = _convert(debian_tool, paths, LOSSLESS[name], tmp_path / "converted")
    plain, other = assemble_files(paths), assemble_files(converted)
    assert digest(other.volumes[0]) == digest(plain.volumes[0])
    assert other.volumes[0].presentation == plain.volumes[0].presentation
    assert other.issues == plain.issues == ()


@pytest.mark.parametrize(
    "name", ["implicit", "explicit big endian", "RLE", "JPEG lossless SV1", "JPEG lossless, predictor 4", "JPEG-LS"]
)
def test_signed_sixteen_bits_with_a_slope_have_one_digest(tmp_path: Path, debian_tool: Tool, name: str) -> None:
    paths = list(write_pet(tmp_path / "plain"))[:3]
    for path in paths:
        change(path, _negated)
    converted = _convert(debian_tool, paths, LOSSLESS[name], tmp_path / "converted")
    volume = only_volume(paths)
    assert volume.array.min() < 0 < volume.array.max()
    assert digest(only_volume(converted)) == digest(volume)


def _negated(dataset: Dataset) -> None:
    """Give every other column a negative sign, so that a lost sign shows."""
    pixels = np.frombuffer(dataset.PixelData, "<i2").reshape(dataset.Rows, dataset.Columns).copy()
    pixels[:, ::2] *= -1
    dataset.PixelData = pixels.tobytes()


@pytest.mark.parametrize(
    "name", ["implicit", "explicit big endian", "deflated", "RLE", "JPEG lossless SV1", "JPEG-LS", "JPEG-LS cooked"]
)
def test_colour_capture_has_one_digest(tmp_path: Path, debian_tool: Tool, name: str) -> None:
    """An odd number of bytes asks for the padding byte of every encoding."""
    pixels = np.random.default_rng(25).integers(0, 256, (25, 33, 3), dtype=np.uint8)
    path = write_secondary_capture(tmp_path / "plain", pixels)
    converted = _convert(debian_tool, [path], LOSSLESS[name], tmp_path / "converted")
    array = only_volume(converted).array
    np.testing.assert_array_equal(array[:, 0], pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("interleave", ["+il", "+is", "+in"])
def test_interleaving_of_jpeg_ls_does_not_matter(tmp_path: Path, debian_tool: Tool, interleave: str) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    path = write_secondary_capture(tmp_path / "plain", pixels)
    converted = _convert(debian_tool, [path], ["dcmcjpls", "+el", interleave], tmp_path / "converted")
    np.testing.assert_array_equal(only_volume(converted).array[:, 0], pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["explicit big endian", "RLE without offsets", "RLE in fragments"])
@pytest.mark.parametrize("kind", ["cine", "enhanced"])
def test_frames_of_one_object_stay_in_order(tmp_path: Path, debian_tool: Tool, name: str, kind: str) -> None:
    if kind == "cine":
        path = write_heart(tmp_path / "plain", HeartPhantom(frames=5, rows=33))
    else:
        path = write_enhanced_ct(tmp_path / "plain", BODY)
    converted = _convert(debian_tool, [path], LOSSLESS[name], tmp_path / "converted")
    volume, other = only_volume([path]), only_volume(converted)
    assert digest(other) == digest(volume)
    assert other.frame_indices == volume.frame_indices
    assert other.frame_times_seconds == volume.frame_times_seconds


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_encoders_of_pydicom_lose_nothing(tmp_path: Path, syntax: str) -> None:
    paths = list(write_ct(tmp_path, BODY))
    before = digest(only_volume(paths))
    for path in paths:
        change(path, lambda dataset: dataset.compress(syntax, generate_instance_uid=False))
    assert _syntaxes(paths) == {syntax}
    assert digest(only_volume(paths)) == before


@pytest.mark.parametrize("back", [["dcmdjpeg"], ["dcmdjpeg", "+tb"], ["dcmdjpeg", "+ti"]])
def test_there_and_back(tmp_path: Path, debian_tool: Tool, back: list[str]) -> None:
    paths = list(write_ct(tmp_path / "plain", BODY))
    there = _convert(debian_tool, paths, ["dcmcjpeg", "+e1"], tmp_path / "there")
    again = _convert(debian_tool, there, back, tmp_path / "again")
    assert digest(only_volume(there)) == digest(only_volume(again)) == digest(only_volume(paths))


@pytest.mark.parametrize("deviation", [1, 3, 9])
def test_near_lossless_stays_within_its_bound(tmp_path: Path, debian_tool: Tool, deviation: int) -> None:
    """NEAR bounds the error of every sample (ITU-T T.87 section 3): the slope is 1, so it is in Hounsfield units."""
    phantom = HeadPhantom(pose_geometry((2, 44, 40), (60.0, 5.0, 5.0)))
    paths = list(write_head(tmp_path / "plain", phantom))
    command = ["dcmcjpls", "+en", "+md", str(deviation), "+un"]
    near = _convert(debian_tool, paths, command, tmp_path / "near")
    plain, assembly = only_volume(paths), assemble_files(near)
    worst = np.abs(assembly.volumes[0].array.astype(int) - plain.array).max()
    assert worst == deviation
    assert codes(assembly.issues) == {"Q316": Severity.NOTE}


@pytest.mark.parametrize("command", [["+eb"], ["+ee", "+be"], ["+ee", "+bt"]], ids=" ".join)
def test_lossy_jpeg_is_what_dcmtk_decodes(tmp_path: Path, debian_tool: Tool, command: list[str]) -> None:
    phantom = HeadPhantom(pose_geometry((2, 44, 40), (60.0, 5.0, 5.0)), noise=0.0)
    paths = list(write_head(tmp_path / "plain", phantom))
    lossy = _convert(debian_tool, paths, ["dcmcjpeg", *command, "+q", "95"], tmp_path / "lossy")
    back = _convert(debian_tool, lossy, ["dcmdjpeg"], tmp_path / "back")
    assembly = assemble_files(lossy)
    expected = {str(pydicom.dcmread(path).SOPInstanceUID): pydicom.dcmread(path) for path in back}
    volume = assembly.volumes[0]
    assert codes(assembly.issues) == {"Q316": Severity.NOTE}
    for index, instance in enumerate(volume.instances):
        dataset = expected[instance.sop_instance_uid]
        values = dataset.pixel_array * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
        # Two inverse cosine transforms may round one step apart.
        step = float(dataset.get("RescaleSlope", 1))
        np.testing.assert_allclose(volume.array[index], values, atol=1.01 * step)


@pytest.mark.parametrize("sampling", [["+s2"], ["+s4"], ["+n2"], ["+n1"], ["+cr"]], ids=" ".join)
def test_lossy_colour_is_what_dcmtk_decodes(tmp_path: Path, debian_tool: Tool, sampling: list[str]) -> None:
    row, column = np.mgrid[0:48, 0:64]
    smooth = np.stack([row * 5, column * 3, 255 - row * 4], axis=-1).astype(np.uint8)
    path = write_secondary_capture(tmp_path / "plain", smooth)
    lossy = _convert(debian_tool, [path], ["dcmcjpeg", "+eb", "+q", "98", *sampling], tmp_path / "lossy")
    conversion = [] if sampling == ["+cr"] else ["+ca"]
    (back,) = _convert(debian_tool, lossy, ["dcmdjpeg", *conversion], tmp_path / "back")
    dataset = pydicom.dcmread(back)
    assert dataset.PhotometricInterpretation == "RGB"
    found = assemble_files(lossy).volumes[0].array[:, 0].transpose(1, 2, 0).astype(int)
    np.testing.assert_allclose(found, dataset.pixel_array.astype(int), atol=4)
    np.testing.assert_allclose(found, smooth.astype(int), atol=16)


def test_lossy_jpeg_is_named_even_when_the_header_keeps_silent(tmp_path: Path, debian_tool: Tool) -> None:
    """JPEG Baseline cannot be lossless, whatever Lossy Image Compression says."""
    paths = list(write_head(tmp_path / "plain", HeadPhantom(pose_geometry((2, 44, 40), (60.0, 5.0, 5.0)))))
    lossy = _convert(debian_tool, paths, ["dcmcjpeg", "+eb", "+un"], tmp_path / "lossy")
    for path in lossy:
        change(path, lambda dataset: delattr(dataset, "LossyImageCompression"))
        change(path, lambda dataset: delattr(dataset, "LossyImageCompressionMethod"))
    assembly = assemble_files(lossy)
    assert codes(assembly.issues) == {"Q316": Severity.NOTE}
    assert "JPEG Baseline" in str(assembly.issues[0].facts["method"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("flags", [["+ti"], ["+te"], ["+tb"]], ids=["implicit", "explicit", "big endian"])
def test_data_set_without_a_file_header(tmp_path: Path, debian_tool: Tool, flags: list[str]) -> None:
    """Old archives hand out bare data sets; their encoding has to be guessed."""
    paths = list(write_ct(tmp_path / "plain", BODY))
    bare = _convert(debian_tool, paths, ["dcmconv", "-F", *flags], tmp_path / "bare")
    assert all(path.read_bytes()[128:132] != b"DICM" for path in bare)
    assert digest(only_volume(bare)) == digest(only_volume(paths))


@pytest.mark.parametrize("compressed", [False, True])
def test_series_written_by_simpleitk(tmp_path: Path, compressed: bool) -> None:
    """Slices that GDCM wrote, with JPEG lossless when compressed."""
    volume = only_volume(write_ct(tmp_path / "plain", BODY))
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetUseCompression(compressed)
    cosines = np.asarray(volume.geometry.direction)
    paths = []
    for index in range(3):
        image = SimpleITK.GetImageFromArray(volume.array[index])
        position = volume.geometry.to_patient([[index, 0, 0]])[0]
        values = {
            "0008|0060": "CT",
            "0008|0008": "ORIGINAL\\PRIMARY\\AXIAL",
            "0020|000d": "1.2.3.4",
            "0020|000e": "1.2.3.4.5",
            "0020|0052": "1.2.3.4.6",
            "0008|0018": f"1.2.3.4.5.{9 - index}",
            "0020|0032": "\\".join(f"{value:.8f}" for value in position),
            "0020|0037": "\\".join(f"{value:.10f}" for value in (*cosines[:, 2], *cosines[:, 1])),
            "0028|1052": "-1024",
            "0028|1053": "1",
        }
        image.SetSpacing([volume.geometry.column_spacing_mm, volume.geometry.row_spacing_mm])
        for key, value in values.items():
            image.SetMetaData(key, value)
        paths.append(tmp_path / f"{index}.dcm")
        writer.SetFileName(str(paths[-1]))
        writer.Execute(image)
    found = only_volume(paths)
    np.testing.assert_allclose(found.geometry.index_to_patient, volume.geometry.index_to_patient, atol=1e-4)
    np.testing.assert_array_equal(found.array, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(_ordered(found))))
    np.testing.assert_array_equal(found.array, volume.array)


def _ordered(volume: object) -> list[str]:
    return [str(instance.path) for instance in volume.instances]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["jpeg", "bmp"])
def test_pictures_wrapped_by_img2dcm(tmp_path: Path, debian_tool: Tool, kind: str) -> None:
    row, column = np.mgrid[0:40, 0:56]
    pixels = np.stack([row * 6, column * 4, 240 - row * 3], axis=-1).astype(np.uint8)
    path = tmp_path / ("a.bmp" if kind == "bmp" else "a.jpg")
    options = {} if kind == "bmp" else {"quality": 92}
    Image.fromarray(pixels).save(path, **options)
    target = tmp_path / "a.dcm"
    source = ["-i", "BMP"] if kind == "bmp" else []
    subprocess.run([debian_tool("img2dcm", "dcmtk"), *source, path, target], check=True)
    volume = only_volume([target])
    expected = np.asarray(Image.open(path)).astype(int)
    found = volume.array[:, 0].transpose(1, 2, 0).astype(int)
    np.testing.assert_allclose(found, expected, atol=0 if kind == "bmp" else 2)


def test_retired_progressive_jpeg_is_refused_by_name(tmp_path: Path, debian_tool: Tool) -> None:
    path, target = tmp_path / "a.jpg", tmp_path / "a.dcm"
    Image.fromarray(np.full((40, 56, 3), 90, np.uint8)).save(path, progressive=True)
    subprocess.run([debian_tool("img2dcm", "dcmtk"), path, target], check=True)
    with pytest.raises(Undecodable) as caught:
        assemble_files([target])
    assert caught.value.code == "E304"
    assert "Full Progression" in str(caught.value)

"""Files that are not DICOM: NIfTI, NRRD, pictures, npz and cine, against the libraries that wrote them."""

import gzip
import struct
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from hounsfield.core.geometry import Calibration
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import HounsfieldError, InconsistentSeries, Undecodable, UnsupportedModality
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.limits import PixelLimits
from hounsfield.image.nifti import to_nifti_affine
from hounsfield.image.phantoms import BodyPhantom, Pose, pose_geometry
from hounsfield.image.readers import media_types
from tests.image.helpers import codes, file_series

NIFTI = "application/x-nifti"
POSES = [
    Pose(),
    Pose("coronal"),
    Pose("sagittal"),
    Pose("axial", (10.0, -15.0, 25.0)),
    Pose("sagittal", (5.0, 6.0, -12.0)),
]


def read(path: Path, media_type: str, limits: PixelLimits = PixelLimits()) -> Assembly:  # noqa: B008 (frozen)
    return assemble(file_series(path, media_type), limits)


def refusal(path: Path, media_type: str, limits: PixelLimits = PixelLimits()) -> str:  # noqa: B008 (frozen)
    with pytest.raises(HounsfieldError) as caught:
        read(path, media_type, limits)
    return caught.value.code


def assert_same_points(volume: Volume, array: np.ndarray, affine_ras: np.ndarray) -> None:
    """Every sample lies at the patient point that the other file gives it."""
    generator = np.random.default_rng(4)
    for ijk in generator.integers(0, array.shape[:3], (40, 3)):
        point = (affine_ras @ [*ijk, 1])[:3] * [-1, -1, 1]
        index = volume.geometry.to_index([point])[0]
        np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
        assert volume.array[tuple(np.rint(index).astype(int))] == pytest.approx(array[tuple(ijk)])


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, -1)])
def test_nifti_keeps_every_sample_in_its_place(tmp_path: Path, pose: Pose, flips: tuple[int, int, int]) -> None:
    phantom = BodyPhantom(pose_geometry((9, 14, 12), (6.0, 5.0, 4.0), pose))
    stored = phantom.hounsfield().transpose(2, 1, 0)
    affine = to_nifti_affine(phantom.geometry)
    for axis, flip in enumerate(flips):
        if flip < 0:
            turn = np.eye(4)
            turn[axis, axis], turn[axis, 3] = -1, stored.shape[axis] - 1
            stored, affine = np.flip(stored, axis), affine @ turn
    path = tmp_path / "a.nii.gz"
    nib.save(nib.Nifti1Image(stored, affine), path)
    volume = read(path, NIFTI).volumes[0]
    assert_same_points(volume, nib.load(path).get_fdata(), nib.load(path).affine)
    np.testing.assert_allclose(volume.geometry.index_to_patient, phantom.geometry.index_to_patient, atol=1e-3)
    np.testing.assert_array_equal(volume.array, phantom.hounsfield())


def test_nifti_is_what_simpleitk_reads(tmp_path: Path) -> None:
    phantom = BodyPhantom(pose_geometry((9, 14, 12), (6.0, 5.0, 4.0), POSES[3]))
    image = SimpleITK.GetImageFromArray(phantom.hounsfield())
    geometry = phantom.geometry
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(np.asarray(geometry.direction)[:, ::-1].ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "a.nii"))
    volume = read(tmp_path / "a.nii", NIFTI).volumes[0]
    np.testing.assert_allclose(volume.geometry.index_to_patient, geometry.index_to_patient, atol=1e-3)
    np.testing.assert_array_equal(volume.array, phantom.hounsfield())
    assert volume.array.dtype == np.int16


def test_nifti_goes_by_content_not_by_name(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(np.arange(60.0, dtype=np.float32).reshape(3, 4, 5), np.eye(4)), tmp_path / "a.nii")
    bare = tmp_path / "0123456789abcdef"
    bare.write_bytes((tmp_path / "a.nii").read_bytes())
    assert read(bare, NIFTI).volumes[0].array.shape == (5, 4, 3)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(bare.read_bytes()))
    np.testing.assert_array_equal(read(packed, NIFTI).volumes[0].array, read(bare, NIFTI).volumes[0].array)


def test_nifti_scale_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([2, 2, 2, 1]))
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, tmp_path / "a.nii")
    expected = nib.load(tmp_path / "a.nii").get_fdata()
    volume = read(tmp_path / "a.nii", NIFTI).volumes[0]
    assert volume.array.dtype == np.float32
    assert_same_points(volume, expected, np.diag([2, 2, 2, 1]))


def test_nifti_of_four_axes(tmp_path: Path) -> None:
    array = np.arange(3 * 4 * 5 * 2, dtype=np.int16).reshape(3, 4, 5, 2)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii")
    volumes = read(tmp_path / "a.nii", NIFTI).volumes
    assert len(volumes) == 2
    for time, volume in enumerate(volumes):
        assert_same_points(volume, array[..., time], np.eye(4))
    cine = nib.Nifti1Image(array[:, :, :1], np.eye(4))
    cine.header.set_xyzt_units("mm", "msec")
    cine.header["pixdim"][4] = 40
    nib.save(cine, tmp_path / "b.nii")
    (volume,) = read(tmp_path / "b.nii", NIFTI).volumes
    assert volume.slice_axis is SliceAxis.TIME
    assert volume.frame_times_seconds == (0.0, 0.04)


def test_nifti_orientations_that_disagree(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4))
    image.set_sform(np.diag([1, 1, 1, 1]), 1)
    image.set_qform(np.diag([2, 2, 2, 1]), 1)
    nib.save(image, tmp_path / "a.nii")
    assert codes(read(tmp_path / "a.nii", NIFTI).issues) == {"Q330": Severity.WARN}
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "b.nii")
    assembly = read(tmp_path / "b.nii", NIFTI)
    assert codes(assembly.issues) == {"Q331": Severity.WARN}
    assert assembly.volumes[0].geometry.calibration is Calibration.NONE


def test_sheared_nifti_is_refused(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 2] = 0.3
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), affine), tmp_path / "a.nii")
    with pytest.raises(InconsistentSeries) as caught:
        read(tmp_path / "a.nii", NIFTI)
    assert caught.value.code == "E311"


def test_small_nifti_that_declares_gigabytes(tmp_path: Path) -> None:
    """377 bytes that made a C library allocate 18 GB (T5 of the threat table)."""
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4)), tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[40:56] = struct.pack("<8h", 3, 30000, 30000, 10, 1, 1, 1, 1)
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    assert refusal(tmp_path / "a.nii", NIFTI) == "E303"
    raw[40:56] = struct.pack("<8h", 3, 300, 300, 100, 1, 1, 1, 1)
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    assert refusal(tmp_path / "a.nii", NIFTI) == "E302"


def test_rubbish_is_refused_by_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "rubbish"
    path.write_bytes(b"no image at all" * 40)
    for media_type in media_types():
        assert refusal(path, media_type).startswith("E3")
    with pytest.raises(UnsupportedModality) as caught:
        read(path, "text/plain")
    assert caught.value.code == "E314"


@pytest.mark.parametrize("pose", POSES)
def test_nrrd_keeps_every_sample_in_its_place(tmp_path: Path, pose: Pose) -> None:
    phantom = BodyPhantom(pose_geometry((9, 14, 12), (6.0, 5.0, 4.0), pose))
    image = SimpleITK.GetImageFromArray(phantom.hounsfield())
    geometry = phantom.geometry
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(np.asarray(geometry.direction)[:, ::-1].ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"), useCompression=True)
    volume = read(tmp_path / "a.nrrd", "application/x-nrrd").volumes[0]
    np.testing.assert_allclose(volume.geometry.index_to_patient, geometry.index_to_patient, atol=1e-4)
    np.testing.assert_array_equal(volume.array, phantom.hounsfield())


def test_nrrd_in_other_spaces(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    header = {"space": "right-anterior-superior", "space directions": np.diag([2.0, 3, 4]), "space origin": [1, 2, 3]}
    nrrd.write(str(tmp_path / "a.nrrd"), array, header)
    volume = read(tmp_path / "a.nrrd", "application/x-nrrd").volumes[0]
    affine = np.diag([2.0, 3, 4, 1])
    affine[:3, 3] = [1, 2, 3]
    assert_same_points(volume, array, affine)
    nrrd.write(str(tmp_path / "b.nrrd"), array, {"spacings": [2.0, 3.0, 4.0]})
    assembly = read(tmp_path / "b.nrrd", "application/x-nrrd")
    assert codes(assembly.issues) == {"Q331": Severity.WARN}
    assert assembly.volumes[0].geometry.spacing_mm == (4.0, 3.0, 2.0)


def test_nrrd_with_other_files_or_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\ndata file: /etc/passwd\n\n")
    assert refusal(path, "application/x-nrrd") == "E317"
    path.write_bytes(b"NRRD0004\ntype: short\ndimension: 3\nsizes: 90000 90000 9\nendian: little\nencoding: raw\n\n12")
    assert refusal(path, "application/x-nrrd") == "E303"
    path.write_bytes(b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nendian: little\nencoding: raw\n\n12")
    assert refusal(path, "application/x-nrrd") == "E317"


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_keep_their_bits(tmp_path: Path, kind: str, dtype: type) -> None:
    pixels = np.random.default_rng(6).integers(0, np.iinfo(dtype).max, (40, 50)).astype(dtype)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(pixels).save(path)
    assembly = read(path, f"image/{kind}")
    volume = assembly.volumes[0]
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert volume.array.dtype == dtype
    assert volume.quantity is Quantity.DISPLAY
    assert volume.geometry.calibration is Calibration.NONE
    assert codes(assembly.issues) == {"Q310": Severity.NOTE}


def test_colour_palette_alpha_and_grey_in_colour(tmp_path: Path) -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(
        read(tmp_path / "rgb.png", "image/png").volumes[0].array[:, 0], rgb.transpose(2, 0, 1)
    )
    rgba = np.dstack([rgb, np.full((30, 40), 128, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    assembly = read(tmp_path / "rgba.png", "image/png")
    assert set(codes(assembly.issues)) == {"Q310", "Q327"}
    np.testing.assert_array_equal(assembly.volumes[0].array[:, 0], rgb.transpose(2, 0, 1))
    palette = Image.fromarray(rgb).quantize(16)
    palette.save(tmp_path / "palette.png")
    expected = np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(tmp_path / "palette.png", "image/png").volumes[0].array[:, 0], expected)
    grey = np.repeat(rgb[..., :1], 3, axis=2)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    volume = read(tmp_path / "grey.png", "image/png").volumes[0]
    assert not volume.is_colour
    np.testing.assert_array_equal(volume.array[0], rgb[..., 0])


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[:10, :10] = 250
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assembly = read(tmp_path / "a.jpg", "image/jpeg")
    array = assembly.volumes[0].array
    assert array.shape == (1, 60, 40)
    assert array[0, :8, -8:].min() > 200
    assert array[0, :8, :8].max() < 60
    assert set(codes(assembly.issues)) == {"Q310", "Q316"}


def test_pages_of_a_tiff(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((20, 30), value, np.uint8)) for value in (10, 20, 30)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    volume = read(tmp_path / "a.tiff", "image/tiff").volumes[0]
    assert volume.array.shape == (3, 20, 30)
    assert [int(page.max()) for page in volume.array] == [10, 20, 30]
    other = Image.fromarray(np.full((25, 30), 40, np.uint8))
    pages[0].save(tmp_path / "b.tiff", save_all=True, append_images=[other])
    volumes = read(tmp_path / "b.tiff", "image/tiff").volumes
    assert [volume.array.shape for volume in volumes] == [(1, 20, 30), (1, 25, 30)]


def test_pictures_are_bounded_and_complete(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(8).integers(0, 255, (200, 200), dtype=np.uint8)).save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png", "image/png", PixelLimits(max_pixel_bytes=100_000)) == "E303"
    raw = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(raw[: len(raw) // 2])
    assert refusal(tmp_path / "b.png", "image/png") == "E318"


def test_arrays_of_npz(tmp_path: Path) -> None:
    grey = np.arange(600, dtype=np.int16).reshape(2, 15, 20)
    colour = np.random.default_rng(9).integers(0, 255, (15, 20, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", image=grey, label=np.zeros(3))
    np.savez_compressed(tmp_path / "b.npz", colour)
    volume = read(tmp_path / "a.npz", "application/x-npz").volumes[0]
    np.testing.assert_array_equal(volume.array, grey)
    assert volume.quantity is Quantity.ARBITRARY
    volume = read(tmp_path / "b.npz", "application/x-npz").volumes[0]
    np.testing.assert_array_equal(volume.array[:, 0], colour.transpose(2, 0, 1))
    assert volume.quantity is Quantity.DISPLAY


def test_npz_without_an_image_or_with_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_images=np.zeros(3), train_labels=np.zeros(3))
    assert refusal(tmp_path / "a.npz", "application/x-npz") == "E319"
    np.savez(tmp_path / "b.npz", image=np.array([{"a": 1}], dtype=object))
    assert refusal(tmp_path / "b.npz", "application/x-npz") == "E320"
    np.savez(tmp_path / "c.npz", image=np.zeros((2, 3, 4, 5)))
    assert refusal(tmp_path / "c.npz", "application/x-npz") == "E320"


def test_npz_that_declares_gigabytes(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (90000, 90000), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("image.npy", member)
    assert refusal(tmp_path / "a.npz", "application/x-npz") == "E303"


@pytest.mark.parametrize(
    ("name", "codec", "media_type"), [("a.mp4", "mpeg4", "video/mp4"), ("a.avi", "mjpeg", "video/avi")]
)
def test_cine(tmp_path: Path, name: str, codec: str, media_type: str) -> None:
    levels = [40, 90, 140, 190]
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for level in levels:
            pixels = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    bare = tmp_path / "bare"
    bare.write_bytes((tmp_path / name).read_bytes())
    assembly = read(bare, media_type)
    volume = assembly.volumes[0]
    assert volume.array.shape == (4, 48, 64)
    np.testing.assert_allclose(volume.array.mean(axis=(1, 2)), levels, atol=4)
    np.testing.assert_allclose(volume.frame_times_seconds, np.arange(4) / 25, atol=1e-3)
    assert volume.slice_axis is SliceAxis.TIME
    assert set(codes(assembly.issues)) == {"Q310", "Q316"}
    assert refusal(bare, media_type, PixelLimits(max_pixel_bytes=20_000)) == "E303"


def test_shared_pictures_are_read(shared_data: Path) -> None:
    for folder in ("chest_xray_pneumonia", "brain_mri", "fracture_xray"):
        names = sorted(path for path in (shared_data / folder).rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
        for path in names[:3]:
            media_type = "image/png" if path.suffix == ".png" else "image/jpeg"
            volume = read(path, media_type).volumes[0]
            with Image.open(path) as picture:
                assert volume.geometry.shape[1:] == (picture.height, picture.width)


def test_limits_count_in_python_integers() -> None:
    limits = PixelLimits(max_pixel_bytes=100)
    limits.require_samples((5, 10), 2)
    with pytest.raises(Undecodable, match="E303"):
        limits.require_samples((5, 10), 3)
    with pytest.raises(Undecodable, match="E303"):
        PixelLimits().require_samples((2**31, 2**31, 2**31), 8)
    with pytest.raises(Undecodable, match="E309"):
        limits.require_samples((5, 0), 3)

"""NIfTI and NRRD of other people's making: orientations, units, scales, types and byte orders."""

import bz2
import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK

from hounsfield.core.geometry import Calibration
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import HounsfieldError
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.checks import check_volume
from hounsfield.image.display import to_display
from hounsfield.image.limits import PixelLimits
from hounsfield.image.nifti import to_dicom_order, to_nifti_affine
from hounsfield.image.nifti_writer import write_nifti
from tests.image.helpers import PYDICOM_FILES, codes, file_series, only_volume

NIFTI, NRRD = "application/x-nifti", "application/x-nrrd"
LPS = np.diag([-1.0, -1.0, 1.0])
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def read(path: Path, media_type: str = NIFTI, limits: PixelLimits = PixelLimits()) -> Assembly:  # noqa: B008 (frozen)
    return assemble(file_series(path, media_type), limits)


def refusal(path: Path, media_type: str = NIFTI, limits: PixelLimits = PixelLimits()) -> str:  # noqa: B008 (frozen)
    with pytest.raises(HounsfieldError) as caught:
        read(path, media_type, limits)
    return caught.value.code


def assert_at_points(volume: Volume, array: np.ndarray, affine_lps: np.ndarray) -> None:
    """Every corner and some samples between lie where the affine (i, j, k to LPS) of the writer puts them."""
    generator = np.random.default_rng(5)
    corners = [[i, j, k] for i in (0, -1) for j in (0, -1) for k in (0, -1)]
    inner = generator.integers(0, array.shape[:3], (40, 3)).tolist()
    for ijk in [*corners, *inner]:
        place = [index % length for index, length in zip(ijk, array.shape[:3], strict=True)]
        index = volume.geometry.to_index([affine_lps[:3, :3] @ place + affine_lps[:3, 3]])[0]
        np.testing.assert_allclose(index, np.rint(index), atol=2e-3)
        assert volume.array[tuple(np.rint(index).astype(int))] == pytest.approx(array[tuple(place)], rel=1e-6)


def _array(dtype: Any = np.int16, shape: tuple[int, ...] = (5, 6, 7)) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.random.default_rng(1).normal(0, 100, shape).astype(kind)
    low, high = max(np.iinfo(kind).min, -(2**40)), min(np.iinfo(kind).max, 2**40)
    return np.random.default_rng(1).integers(low, high, shape).astype(kind)


AXCODES = ["LPS", "RAS", "LAS", "RPI", "PIR", "ASL", "SAR", "IPL", "SRP", "ALI"]


@pytest.mark.parametrize("axcodes", AXCODES)
def test_axes_in_any_order_lie_where_nibabel_puts_them(tmp_path: Path, axcodes: str) -> None:
    """Voxel axes towards any of the six sides; spacing and origin differ on each."""
    array = _array()
    base = np.array([[2.0, 0, 0, -30], [0, 3.0, 0, 11], [0, 0, 4.5, 7.5], [0, 0, 0, 1]])
    start = nib.Nifti1Image(array, base)
    turn = nib.orientations.ornt_transform(nib.io_orientation(base), nib.orientations.axcodes2ornt(axcodes))
    image = start.as_reoriented(turn)
    assert "".join(nib.aff2axcodes(image.affine)) == axcodes
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read(tmp_path / "a.nii.gz").volumes[0]
    loaded = nib.load(tmp_path / "a.nii.gz")
    assert_at_points(volume, np.asarray(loaded.dataobj), np.diag([-1, -1, 1, 1]) @ loaded.affine)
    # Rows run to the left or back, columns to the back or feet, as DICOM pictures are hung; slices follow the normal.
    direction = np.asarray(volume.geometry.direction)
    assert np.linalg.det(direction[:, ::-1]) == pytest.approx(1.0)
    for axis in (1, 2):
        main = int(np.abs(direction[:, axis]).argmax())
        assert direction[main, axis] == pytest.approx(-1.0 if main == 2 else 1.0)


def test_qform_alone_with_a_left_handed_grid(tmp_path: Path) -> None:
    """A quaternion with qfac -1, as ANALYZE converters write; SimpleITK reads the same points."""
    array = _array()
    affine = nib.affines.from_matvec(np.array([[-2.0, 0, 0], [0, 3, 0], [0, 0, 4]]), [10, -20, 30])
    image = nib.Nifti1Image(array, None)
    image.set_qform(affine, 1)
    image.set_sform(None, 0)
    nib.save(image, tmp_path / "a.nii")
    assembly = read(tmp_path / "a.nii")
    assert assembly.issues == ()
    assert_at_points(assembly.volumes[0], array, np.diag([-1, -1, 1, 1]) @ affine)
    itk = SimpleITK.ReadImage(str(tmp_path / "a.nii"))
    point = itk.TransformIndexToPhysicalPoint([4, 5, 6])
    index = np.rint(assembly.volumes[0].geometry.to_index([point])[0]).astype(int)
    assert assembly.volumes[0].array[tuple(index)] == array[4, 5, 6] == itk[4, 5, 6]


@pytest.mark.parametrize(("apart_mm", "expected"), [(0.0, {}), (0.009, {}), (0.011, {"Q330": Severity.WARN})])
def test_forms_may_differ_by_a_hundredth(tmp_path: Path, apart_mm: float, expected: dict[str, Severity]) -> None:
    image = nib.Nifti1Image(_array(), None)
    image.set_sform(np.diag([2.0, 3, 4, 1]), 1)
    qform = np.diag([2.0, 3, 4, 1])
    qform[0, 3] = apart_mm
    image.set_qform(qform, 1)
    nib.save(image, tmp_path / "a.nii")
    assembly = read(tmp_path / "a.nii")
    assert codes(assembly.issues) == expected
    np.testing.assert_allclose(assembly.volumes[0].geometry.spacing_mm, (4, 3, 2), atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001), (None, 1.0)])
def test_units_of_space(tmp_path: Path, unit: str | None, factor: float) -> None:
    image = nib.Nifti1Image(_array(), np.diag([2.0, 3, 4, 1]))
    if unit:
        image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii").volumes[0]
    np.testing.assert_allclose(volume.geometry.spacing_mm, np.array([4, 3, 2]) * factor, rtol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]
)
def test_types_in_both_byte_orders(tmp_path: Path, dtype: type, order: str) -> None:
    array = _array(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 3, 4, 1]), header, dtype=dtype), tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii").volumes[0]
    expected = np.asarray(nib.load(tmp_path / "a.nii").dataobj)
    assert volume.array.dtype.isnative
    assert volume.array.dtype == (np.float32 if dtype is np.float64 else dtype)
    assert_at_points(volume, expected, np.diag([-2.0, -3, 4, 1]))
    assert np.isfinite(to_display(volume).array).all()


@pytest.mark.parametrize(
    ("slope", "intercept"), [(0.5, -3.0), (1.0, 0.0), (1.0, -1024.0), (0.0, 7.0), (np.nan, np.nan), (1e-6, -2000.0)]
)
@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_scales_are_what_nibabel_applies(tmp_path: Path, slope: float, intercept: float, dtype: type) -> None:
    """A slope of 0 means no scale; large integers cancel against the intercept in double precision."""
    array = _array(dtype)
    if dtype is np.int32 and slope == 1e-6:
        array = (2_000_000_000 + np.arange(210)).astype(np.int32).reshape(5, 6, 7)
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 3, 4, 1])), tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = np.array([slope, intercept], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    expected = nib.load(tmp_path / "a.nii").get_fdata()
    volume = read(tmp_path / "a.nii").volumes[0]
    found = np.sort(volume.array.ravel())
    np.testing.assert_allclose(found, np.sort(expected.ravel()), rtol=1e-6, atol=1e-9)
    is_scaled = np.isfinite(slope) and slope != 0 and (slope, intercept) != (1.0, 0.0)
    assert volume.array.dtype == (np.float32 if is_scaled else dtype)


@pytest.mark.parametrize(
    ("shape", "volumes", "slices"),
    [((5, 6), 1, 1), ((5, 6, 1), 1, 1), ((5, 6, 7, 1), 1, 7), ((5, 6, 7, 3), 3, 7), ((5, 6, 7, 1, 1), 1, 7)],
)
def test_numbers_of_axes(tmp_path: Path, shape: tuple[int, ...], volumes: int, slices: int) -> None:
    array = _array(np.int16, shape)
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 3, 4, 1])), tmp_path / "a.nii")
    found = read(tmp_path / "a.nii").volumes
    assert len(found) == volumes
    padded = array.reshape(*shape[:2], slices, volumes)
    for time, volume in enumerate(found):
        assert volume.geometry.shape == (slices, 6, 5)
        assert volume.slice_axis is (SliceAxis.SPACE if slices > 1 else SliceAxis.SINGLE)
        assert_at_points(volume, padded[..., time], np.diag([-2.0, -3, 4, 1]))


@pytest.mark.parametrize("kind", ["vector", "complex", "line"])
def test_what_is_no_scalar_image_is_refused(tmp_path: Path, kind: str) -> None:
    shapes = {"vector": (5, 6, 7, 1, 3), "complex": (5, 6, 7), "line": (5,)}
    image = nib.Nifti1Image(np.ones(shapes[kind], np.complex64 if kind == "complex" else np.float32), np.eye(4))
    nib.save(image, tmp_path / "a.nii")
    assert refusal(tmp_path / "a.nii") == "E317"


@pytest.mark.parametrize("channels", ["RGB", "RGBA"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("flip", [1, -1])
def test_colour_lies_where_nibabel_puts_it(tmp_path: Path, channels: str, name: str, flip: int) -> None:
    array = np.random.default_rng(3).integers(0, 256, (5, 6, 7, len(channels)), dtype=np.uint8)
    cells = array.view([(channel, "u1") for channel in channels])[..., 0]
    affine = np.diag([2.0 * flip, 3, 4, 1])
    nib.save(nib.Nifti1Image(cells, affine), tmp_path / name)
    if name == "a.nii":
        # Some writers leave a scale there; it has no meaning for colour.
        raw = bytearray((tmp_path / name).read_bytes())
        raw[112:120] = np.array([2.0, 1.0], "<f4").tobytes()
        (tmp_path / name).write_bytes(bytes(raw))
    assembly = read(tmp_path / name)
    (volume,) = assembly.volumes
    assert volume.is_colour
    assert (volume.array.dtype, volume.array.shape) == (np.uint8, (3, 7, 6, 5))
    assert volume.quantity is Quantity.DISPLAY
    for ijk in np.ndindex(5, 6, 7):
        point = (affine @ [*ijk, 1])[:3] * [-1, -1, 1]
        index = tuple(np.rint(volume.geometry.to_index([point])[0]).astype(int))
        assert volume.array[:, *index].tolist() == array[ijk][:3].tolist()
    assert ("Q327" in codes(assembly.issues)) is (channels == "RGBA")


def test_colour_through_time(tmp_path: Path) -> None:
    array = np.random.default_rng(4).integers(0, 256, (5, 6, 1, 3, 3), dtype=np.uint8)
    nib.save(nib.Nifti1Image(array.view(RGB)[..., 0], np.diag([-2.0, -3, 4, 1])), tmp_path / "a.nii")
    (volume,) = read(tmp_path / "a.nii").volumes
    assert volume.slice_axis is SliceAxis.TIME
    np.testing.assert_array_equal(volume.array, array[:, :, 0].transpose(3, 2, 1, 0))


@pytest.mark.parametrize("name", ["SC_rgb_small_odd.dcm", "examples_palette.dcm", "SC_rgb_rle_2frame.dcm"])
def test_colour_that_we_write_is_read_back(tmp_path: Path, name: str) -> None:
    source = only_volume([PYDICOM_FILES / name])
    (volume,) = read(write_nifti(source, tmp_path / "a.nii.gz")).volumes
    np.testing.assert_array_equal(volume.array, source.array)
    assert volume.geometry.shape == source.geometry.shape
    assert volume.quantity is source.quantity


def test_colour_that_is_cut_short_or_of_other_parts_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((20, 20, 7), RGB), np.eye(4)), tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    (tmp_path / "a.nii").write_bytes(raw[:-1000])
    assert refusal(tmp_path / "a.nii") == "E302"
    # Data type 1792 is a pair of doubles, 2048 a pair of long doubles.
    for code in (32, 1792, 2048):
        raw[70:72] = int(code).to_bytes(2, "little")
        (tmp_path / "a.nii").write_bytes(raw)
        assert refusal(tmp_path / "a.nii") == "E317"


def test_background_that_is_not_a_number(tmp_path: Path) -> None:
    """SPM marks what lies outside the brain so; the picture is black there, and the check names it."""
    array = _array(np.float32, (70, 66, 5))
    array[:9] = np.nan
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 3, 4, 1])), tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii").volumes[0]
    (issue,) = check_volume(volume)
    assert (issue.code, issue.facts) == ("Q314", {"count": 9 * 66 * 5})
    shown = to_display(volume).array
    assert not shown[np.isnan(volume.array)].any()
    assert shown[np.isfinite(volume.array)].mean() == pytest.approx(0.5, abs=0.03)


def test_reorienting_is_undone_by_the_affine() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    affine = nib.affines.from_matvec(np.array([[0, -2.0, 0], [0, 0, 3], [1.5, 0, 0]]), [5, 6, 7])
    ordered, lps = to_dicom_order(array, affine)
    assert ordered.shape == (1, 4, 3, 2)
    back = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ affine) @ lps
    for index in np.ndindex(4, 3, 2):
        place = np.rint(back @ [*index, 1])[:3].astype(int)
        assert ordered[0][index] == array[tuple(place)]


HEADERS: dict[str, dict[str, Any]] = {
    "LPS": {"space": "left-posterior-superior", "space directions": np.diag([2.0, 3, 4]), "space origin": [1, 2, 3]},
    "RAS": {"space": "RAS", "space directions": np.diag([2.0, 3, 4]), "space origin": [1, 2, 3]},
    "LAS": {"space": "left-anterior-superior", "space directions": np.diag([2.0, 3, 4]), "space origin": [1, 2, 3]},
    "mirrored": {"space": "LPS", "space directions": np.diag([-2.0, 3, -4]), "space origin": [9, 8, 7]},
    "turned": {
        "space": "LPS",
        "space directions": [[0.0, 2, 0], [0, 0, -3], [4, 0, 0]],
        "space origin": [-5.5, 2.25, 3],
    },
}
SIGNS = {"RAS": [-1, -1, 1], "LAS": [1, -1, 1]}


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("name", HEADERS)
def test_nrrd_lies_where_its_header_puts_it(tmp_path: Path, name: str, encoding: str) -> None:
    array = _array()
    nrrd.write(str(tmp_path / "a.nrrd"), array, {**HEADERS[name], "encoding": encoding})
    assembly = read(tmp_path / "a.nrrd", NRRD)
    assert assembly.issues == ()
    signs = np.diag(SIGNS.get(name, [1, 1, 1])).astype(float)
    affine = np.eye(4)
    affine[:3, :3] = signs @ np.asarray(HEADERS[name]["space directions"]).T
    affine[:3, 3] = signs @ np.asarray(HEADERS[name]["space origin"], dtype=float)
    assert_at_points(assembly.volumes[0], array, affine)
    if encoding == "bzip2":  # ITK has no bzip2
        return
    itk = SimpleITK.ReadImage(str(tmp_path / "a.nrrd"))
    found = assembly.volumes[0].geometry.to_index([itk.TransformIndexToPhysicalPoint([1, 2, 3])])[0]
    assert assembly.volumes[0].array[tuple(np.rint(found).astype(int))] == array[1, 2, 3]


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64]
)
def test_nrrd_types_in_both_byte_orders(tmp_path: Path, dtype: type, order: str) -> None:
    array = _array(dtype)
    stored = array.astype(array.dtype.newbyteorder("<" if order == "little" else ">"))
    nrrd.write(str(tmp_path / "a.nrrd"), stored, {**HEADERS["LPS"], "endian": order})
    volume = read(tmp_path / "a.nrrd", NRRD).volumes[0]
    assert volume.array.dtype.isnative
    np.testing.assert_allclose(np.sort(volume.array.ravel()), np.sort(array.ravel()))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("um", 0.001), ("cm", 10.0), ("m", 1000.0)])
def test_nrrd_units_of_space(tmp_path: Path, unit: str, factor: float) -> None:
    header = {**HEADERS["LPS"], "space units": [unit] * 3}
    nrrd.write(str(tmp_path / "a.nrrd"), _array(), header)
    volume = read(tmp_path / "a.nrrd", NRRD).volumes[0]
    np.testing.assert_allclose(volume.geometry.spacing_mm, np.array([4, 3, 2]) * factor)


@pytest.mark.parametrize(
    "header",
    [
        {"space": "scanner-xyz", "space directions": np.diag([2.0, 3, 4])},
        {"space": "3D-right-handed", "space directions": [[0, 2.0, 0], [3, 0, 0], [0, 0, -4]]},
        {"space dimension": 3, "space directions": np.diag([2.0, 3, 4])},
        {"spacings": [2.0, 3.0, 4.0]},
    ],
    ids=["scanner", "3D", "dimension", "spacings"],
)
def test_nrrd_of_an_unknown_space_keeps_its_spacing(tmp_path: Path, header: dict[str, Any]) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), _array(), header)
    assembly = read(tmp_path / "a.nrrd", NRRD)
    assert codes(assembly.issues) == {"Q331": Severity.WARN}
    geometry = assembly.volumes[0].geometry
    assert geometry.calibration is Calibration.NONE
    np.testing.assert_allclose(geometry.spacing_mm, (4, 3, 2))


def test_nrrd_of_two_axes(tmp_path: Path) -> None:
    array = _array(np.int16, (5, 6))
    nrrd.write(str(tmp_path / "a.nrrd"), array, {"spacings": [0.5, 0.25]})
    volume = read(tmp_path / "a.nrrd", NRRD).volumes[0]
    assert volume.slice_axis is SliceAxis.SINGLE
    np.testing.assert_array_equal(volume.array[0], array.T)
    np.testing.assert_allclose(volume.geometry.spacing_mm[1:], (0.25, 0.5))


@pytest.mark.parametrize("axis", [0, 3], ids=["first", "last"])
def test_nrrd_with_a_list_of_volumes(tmp_path: Path, axis: int) -> None:
    """A diffusion or time series of Slicer: one axis has no direction in space."""
    array = np.moveaxis(_array(np.int16, (5, 6, 7, 2)), 3, axis)
    directions = np.insert(np.diag([2.0, 3, 4]), axis, np.full(3, np.nan), axis=0)
    kinds = ["domain"] * 3
    kinds.insert(axis, "list")
    header = {"space": "LPS", "space directions": directions, "space origin": [1, 2, 3], "kinds": kinds}
    nrrd.write(str(tmp_path / "a.nrrd"), array, header)
    volumes = read(tmp_path / "a.nrrd", NRRD).volumes
    assert len(volumes) == 2
    affine = np.diag([2.0, 3, 4, 1])
    affine[:3, 3] = 1, 2, 3
    for time, volume in enumerate(volumes):
        assert_at_points(volume, np.moveaxis(array, axis, 3)[..., time], affine)


def test_nrrd_of_vectors_or_colours_is_refused(tmp_path: Path) -> None:
    header = {"kinds": ["RGB-color", "domain", "domain", "domain"], "space": "LPS"}
    header["space directions"] = np.insert(np.diag([2.0, 3, 4]), 0, np.full(3, np.nan), axis=0)  # type: ignore[assignment]
    nrrd.write(str(tmp_path / "a.nrrd"), _array(np.uint8, (3, 5, 6, 7)), header)
    assert refusal(tmp_path / "a.nrrd", NRRD) == "E317"
    nrrd.write(str(tmp_path / "b.nrrd"), _array(np.uint8, (2, 3, 5, 6, 7)), {})
    assert refusal(tmp_path / "b.nrrd", NRRD) == "E317"


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_nrrd_that_inflates_beyond_its_header_is_refused(tmp_path: Path, encoding: str) -> None:
    """The header declares 54 bytes; the stream behind it holds 64 MB and would have been inflated whole."""
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 3 3 3\nendian: little\n"
    packed = gzip.compress(bytes(64 << 20)) if encoding == "gzip" else bz2.compress(bytes(64 << 20))
    (tmp_path / "a.nrrd").write_bytes(f"{head}encoding: {encoding}\n\n".encode() + packed)
    tracemalloc.start()
    assert refusal(tmp_path / "a.nrrd", NRRD) == "E317"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_affine_of_a_grid_is_that_of_nibabel(tmp_path: Path) -> None:
    image = nib.Nifti1Image(_array(), nib.affines.from_matvec(LPS @ np.diag([2.0, 3, 4]), [1, 2, 3]))
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(to_nifti_affine(read(tmp_path / "a.nii").volumes[0].geometry), image.affine, atol=1e-6)

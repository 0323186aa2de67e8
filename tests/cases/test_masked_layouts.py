"""One phantom in every layout reads as the same cases; broken files end in typed errors, whatever the layout."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest

from hounsfield.cases.masked import MaskedImage, is_masked, read_masked
from hounsfield.cases.masked_guard import examine_masked
from hounsfield.cases.nnunet_writer import write_nnunet
from hounsfield.errors import HounsfieldError
from tests.cases.masked_examples import noise, save, solid
from tests.cases.test_masked_dicom import ct, seg, structures, two_boxes

SUBJECTS = ("01", "02", "03")


def volume(number: int) -> np.ndarray:
    return noise(number)


def labels(number: int) -> np.ndarray:
    """Return two boxes, each with its own value, that differ from case to case."""
    array = solid(value=1)
    array[4, 2 : 4 + number, 3:9] = 2
    return array


def pairs(root: Path) -> Path:
    for number, subject in enumerate(SUBJECTS):
        save(root / "images" / f"sub-{subject}.nii.gz", volume(number))
        save(root / "masks" / f"sub-{subject}.nii.gz", labels(number))
    return root


def case_folders(root: Path) -> Path:
    for number, subject in enumerate(SUBJECTS):
        save(root / f"sub-{subject}" / "image.nii", volume(number))
        save(root / f"sub-{subject}" / "segmentation.nii", labels(number))
    return root


def beside(root: Path) -> Path:
    for number, subject in enumerate(SUBJECTS):
        save(root / f"sub-{subject}.nii.gz", volume(number))
        save(root / f"sub-{subject}_seg.nii.gz", labels(number))
    return root


def nrrd_pairs(root: Path) -> Path:
    # NIfTI counts x and y from the other end than DICOM, so both directions are turned
    space = {
        "space": "right-anterior-superior",
        "space directions": np.diag([1.0, 2.0, 3.0]),
        "space origin": [0, 0, 0],
    }
    for folder, made in (("images", volume), ("labels", labels)):
        (root / folder).mkdir(parents=True)
        for number, subject in enumerate(SUBJECTS):
            nrrd.write(str(root / folder / f"sub-{subject}.nrrd"), made(number).transpose(2, 1, 0), space)
    return root


def nnunet_2(root: Path) -> Path:
    for number, subject in enumerate(SUBJECTS):
        save(root / "imagesTr" / f"sub-{subject}_0000.nii.gz", volume(number))
        save(root / "labelsTr" / f"sub-{subject}.nii.gz", labels(number))
    declared = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "label 1": 1, "label 2": 2},
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(declared), encoding="utf-8")
    return root


def nnunet_1(root: Path) -> Path:
    nnunet_2(root)
    entries = [{"image": f"./imagesTr/sub-{s}.nii.gz", "label": f"./labelsTr/sub-{s}.nii.gz"} for s in SUBJECTS]
    names = {"0": "background", "1": "label 1", "2": "label 2"}
    (root / "dataset.json").write_text(
        json.dumps({"modality": {"0": "CT"}, "labels": names, "training": entries}), encoding="utf-8"
    )
    return root


def decathlon(root: Path) -> Path:
    nnunet_1(root)
    for path in (root / "imagesTr").iterdir():
        path.rename(path.with_name(path.name.replace("_0000", "")))
    return root


def bids(root: Path) -> Path:
    for number, subject in enumerate(SUBJECTS):
        save(root / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz", volume(number))
        derived = root / "derivatives" / "manual" / f"sub-{subject}" / "anat"
        save(derived / f"sub-{subject}_dseg.nii.gz", labels(number))
    return root


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "pairs": pairs,
    "case-folders": case_folders,
    "beside": beside,
    "nrrd": nrrd_pairs,
    "nnunet-2": nnunet_2,
    "nnunet-1": nnunet_1,
    "decathlon": decathlon,
    "bids": bids,
}


def images(data: Path) -> list[MaskedImage]:
    table = read_masked(data)
    return [table.read(case) for case in table.cases]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_voxels(tmp_path: Path, name: str) -> None:
    data = LAYOUTS[name](tmp_path / "data")
    assert is_masked(data)
    table = read_masked(data)
    assert [case.identifier for case in table.cases] == [f"sub-{subject}" for subject in SUBJECTS]
    assert table.label_names == ("background", "label 1", "label 2")
    assert {(case.patient or "").replace("-", "") for case in table.cases} == {f"sub{s}" for s in SUBJECTS}
    expected = images(pairs(tmp_path / "pairs"))
    for found, known in zip(images(data), expected, strict=True):
        assert (found.mask.array == known.mask.array).all()
        assert (found.volumes[0].array == known.volumes[0].array).all()
        assert np.allclose(found.mask.geometry.index_to_patient, known.mask.geometry.index_to_patient, atol=1e-4)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_becomes_the_same_nnunet_folder(tmp_path: Path, name: str) -> None:
    data = LAYOUTS[name](tmp_path / "data")
    table = read_masked(data)
    write_nnunet(table, tmp_path / "out", examine_masked(table))
    back = images(tmp_path / "out")
    for found, known in zip(back, images(data), strict=True):
        assert (found.mask.array == known.mask.array).all()
        assert (found.volumes[0].array == known.volumes[0].array).all()


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("kept", [0.0, 0.7])
def test_a_cut_mask_is_a_typed_error_of_its_case(tmp_path: Path, name: str, kept: float) -> None:
    data = LAYOUTS[name](tmp_path / "data")
    victim = read_masked(data).cases[1]
    assert victim.mask is not None
    content = victim.mask.read_bytes()
    victim.mask.write_bytes(content[: int(kept * len(content))])
    table = read_masked(data)
    broken = [case for case in table.cases if case.identifier == victim.identifier]
    for case in broken:
        if case.mask is not None:  # what is no image any more is not taken for a mask
            with pytest.raises(HounsfieldError):
                table.read(case)
    good = [case for case in table.cases if case.identifier != victim.identifier]
    assert len(good) == 2
    assert all(table.read(case).mask.array.any() for case in good)


@pytest.mark.parametrize("name", ["segmentation", "structures"])
@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_of_a_mask_object_never_end_in_another_error(tmp_path: Path, name: str, seed: int) -> None:
    slices = ct(tmp_path / "ct")
    path = tmp_path / "mask.dcm"
    if name == "segmentation":
        seg(slices, path, two_boxes())
    else:
        square = np.array([[11.0, -4, 3], [15, -4, 3], [15, -1, 3], [11, -1, 3]])
        structures(slices, path, {"GTV": [square]})
    content = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    for position in generator.integers(400, len(content), 12):
        content[position] = int(generator.integers(0, 256))
    path.write_bytes(bytes(content))
    try:
        table = read_masked(tmp_path)
        found = [table.read(case) for case in table.cases]
    except HounsfieldError:
        return
    assert all(image.mask.array.shape == image.volumes[0].array.shape for image in found)


def test_a_file_that_claims_more_than_the_machine_has_is_refused(tmp_path: Path) -> None:
    pairs(tmp_path)
    header = nib.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 9))
    header.set_data_dtype(np.uint8)
    header["vox_offset"] = 352
    (tmp_path / "masks" / "sub-02.nii.gz").unlink()
    (tmp_path / "masks" / "sub-02.nii").write_bytes(header.binaryblock + bytes(100))
    table = read_masked(tmp_path)
    case = next(case for case in table.cases if case.identifier == "sub-02")
    with pytest.raises(HounsfieldError):
        table.read(case)

"""The nnU-Net folder: valid by the rules of verify_dataset_integrity, read back the same, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from hounsfield.cases.masked import MaskTable, read_masked
from hounsfield.cases.masked_guard import examine_masked
from hounsfield.cases.nnunet_writer import NnunetWritten, write_nnunet
from hounsfield.errors import DatasetError, SettingsError
from tests.cases.examples import picture
from tests.cases.masked_examples import disc, grains, noise, picture_pairs, save, solid
from tests.cases.test_masked_nnunet import nnunet


def written(data: Path, folder: Path) -> tuple[MaskTable, NnunetWritten]:
    table = read_masked(data)
    return table, write_nnunet(table, folder, examine_masked(table))


def samples(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return (channel, slice, row, column) and spacing, origin, direction as nnU-Net's own readers give them."""
    if path.suffix == ".png":
        array = np.asarray(Image.open(path))
        return (np.moveaxis(array, -1, 0)[:, None] if array.ndim == 3 else array[None, None]), (999.0, 1.0, 1.0)
    image = SimpleITK.ReadImage(str(path))
    return SimpleITK.GetArrayFromImage(image)[None], (*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())


def verify(folder: Path) -> None:
    """Ask what nnunetv2.experiment_planning.verify_dataset_integrity asks (version 2.6), written anew."""
    declared = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= set(declared)
    ending, channels = declared["file_ending"], len(declared["channel_names"])
    images = sorted(path.name[: -len(ending)] for path in (folder / "imagesTr").iterdir())
    identifiers = sorted({name[:-5] for name in images})
    labels = sorted(path.name[: -len(ending)] for path in (folder / "labelsTr").iterdir())
    assert identifiers == labels
    assert len(identifiers) == declared["numTraining"]
    expected = list(declared["labels"].values())
    assert expected == list(range(len(expected)))
    for name in identifiers:
        read = [samples(path) for path in sorted((folder / "imagesTr").glob(f"{name}_????{ending}"))]
        label, place = samples(folder / "labelsTr" / f"{name}{ending}")
        assert sum(len(array) for array, _ in read) == channels
        assert set(np.unique(label)) <= set(expected)
        for array, own in read:
            assert array.shape[1:] == label.shape[1:]
            assert np.isfinite(array).all()
            assert np.allclose(own, place)
    splits = folder / "splits_final.json"
    if splits.exists():
        folds = json.loads(splits.read_text(encoding="utf-8"))
        assert sorted(name for fold in folds for name in fold["val"]) == identifiers
        for fold in folds:
            assert sorted(fold["train"] + fold["val"]) == identifiers


def same(one: MaskTable, other: MaskTable, is_turned: bool = False) -> None:
    """Ask whether two tables hold the same cases; without a known place in the patient a volume may be turned."""
    assert one.label_names == other.label_names
    assert [(case.identifier, case.patient, case.split) for case in one.cases] == [
        (case.identifier, case.patient, case.split) for case in other.cases
    ]
    for case, again in zip(one.cases, other.cases, strict=True):
        first, second = one.read(case), other.read(again)
        assert (case.mask is None) == (again.mask is None)
        for volume, back in zip(first.volumes, second.volumes, strict=True):
            assert (np.sort(volume.array, axis=None) == np.sort(back.array, axis=None)).all()
            if not is_turned:
                assert (volume.array == back.array).all()
                assert (first.mask.array == second.mask.array).all()
                assert np.allclose(volume.geometry.index_to_patient, back.geometry.index_to_patient, atol=1e-4)
            for label in np.unique(first.mask.array):
                mine = volume.array[..., first.mask.array == label]
                theirs = back.array[..., second.mask.array == label]
                assert (np.sort(mine, axis=None) == np.sort(theirs, axis=None)).all()


def test_volumes_of_two_channels(tmp_path: Path) -> None:
    table, done = written(nnunet(tmp_path / "in"), tmp_path / "Dataset001_Prostate")
    verify(tmp_path / "Dataset001_Prostate")
    same(table, read_masked(tmp_path / "Dataset001_Prostate"))
    assert done == NnunetWritten("Dataset001_Prostate", 2, 1, (), 2)
    assert {path.name for path in (tmp_path / "Dataset001_Prostate" / "imagesTs").iterdir()} == {
        "p_003_0000.nii.gz",
        "p_003_0001.nii.gz",
    }


def test_pictures_stay_pictures(tmp_path: Path) -> None:
    table, done = written(picture_pairs(tmp_path / "in", 11), tmp_path / "out")
    verify(tmp_path / "out")
    back = read_masked(tmp_path / "out")
    same(table, back)
    assert back.layout == "nnunet"
    assert done.folds == 5


def test_grey_beside_colour_becomes_three_channels_of_one_file(tmp_path: Path) -> None:
    picture_pairs(tmp_path / "in", 4)
    colours = np.stack([picture(7), picture(8), picture(9)], axis=-1)
    save(tmp_path / "in" / "images" / "case01.png", colours)
    written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    back = read_masked(tmp_path / "out")
    assert back.channel_names == ("image",)
    assert (np.moveaxis(back.read(back.cases[1]).volumes[0].array[:, 0], 0, -1) == colours).all()
    assert (np.asarray(back.read(back.cases[2]).volumes[0].array)[..., 0, :, :] == picture(2)).all()


def test_arrays_without_a_place_become_volumes(tmp_path: Path) -> None:
    for number, name in enumerate(("patient001_frame01", "patient001_frame02", "patient002_frame01")):
        (tmp_path / "in").mkdir(exist_ok=True)
        np.savez(tmp_path / "in" / f"{name}.npz", image=noise(number).clip(0).astype(np.uint16), label=solid(value=2))
    table, _ = written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    same(table, read_masked(tmp_path / "out"), is_turned=True)


def test_folds_keep_patients_and_copies_together(tmp_path: Path) -> None:
    for number in range(20):
        name = f"patient{number // 4:02d}_slice{number}"
        save(tmp_path / "in" / "images" / f"{name}.png", picture(0 if number in (0, 19) else number))
        save(tmp_path / "in" / "labels" / f"{name}.png", disc(value=255))
    written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    folds = json.loads((tmp_path / "out" / "splits_final.json").read_text(encoding="utf-8"))
    assert len(folds) == 4
    for fold in folds:
        # patients 00 and 04 share an image, so they share a side
        owners = [{name[:9].replace("patient04", "patient00") for name in fold[side]} for side in ("train", "val")]
        assert not owners[0] & owners[1]


def test_objects_become_one_label(tmp_path: Path) -> None:
    for number, count in enumerate((3, 20, 40)):
        save(tmp_path / "in" / "images" / f"{number}.png", picture(number, 64))
        save(tmp_path / "in" / "labels" / f"{number}.png", grains(count))
    written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    back = read_masked(tmp_path / "out")
    assert not back.is_instances
    assert (back.read(back.cases[1]).mask.array[0] == (grains(20) > 0)).all()


def test_names_become_names_of_files(tmp_path: Path) -> None:
    for folder in ("a b", "a-b", "ä"):
        save(tmp_path / "in" / folder / "image.nii.gz", noise(1))
        save(tmp_path / "in" / folder / "mask.nii.gz", solid())
    written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    assert [case.identifier for case in read_masked(tmp_path / "out").cases] == ["a-b", "a_b", "case"]


def test_unusable_cases_are_left_out_and_named(tmp_path: Path) -> None:
    picture_pairs(tmp_path / "in", 6)
    save(tmp_path / "in" / "labels" / "case04.png", disc(side=30, value=255))
    _, done = written(tmp_path / "in", tmp_path / "out")
    verify(tmp_path / "out")
    assert (done.training, done.left_out) == (5, ("case04",))


@pytest.mark.parametrize("fault", ["channel", "nan", "masks"])
def test_what_nnunet_would_refuse_is_not_written(tmp_path: Path, fault: str) -> None:
    nnunet(tmp_path / "in")
    if fault == "channel":
        (tmp_path / "in" / "imagesTr" / "p_002_0001.nii.gz").unlink()
    elif fault == "nan":
        broken = noise(1).astype(np.float32)
        broken[2, 3, 4] = np.nan
        save(tmp_path / "in" / "imagesTr" / "p_002_0001.nii.gz", broken)
    else:
        for path in (tmp_path / "in" / "labelsTr").iterdir():
            path.unlink()
    with pytest.raises(DatasetError) as caught:
        written(tmp_path / "in", tmp_path / "out")
    assert caught.value.code == "E888"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path) -> None:
    picture_pairs(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        written(tmp_path / "in", tmp_path / "out")
    assert caught.value.code == "E340"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_one_case_has_no_folds(tmp_path: Path) -> None:
    _, done = written(picture_pairs(tmp_path / "in", 1), tmp_path / "out")
    assert done.folds == 0
    assert not (tmp_path / "out" / "splits_final.json").exists()

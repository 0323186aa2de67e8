"""nnU-Net of both versions and the Decathlon: what dataset.json declares, and what is wrong with it."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hounsfield.cases.masked import is_masked, read_masked
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError
from tests.cases.examples import codes
from tests.cases.masked_examples import noise, save, solid

V2 = {
    "channel_names": {"0": "T2", "1": "ADC"},
    "labels": {"background": 0, "PZ": 1, "TZ": 2},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}


def declare(root: Path, content: object) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def nnunet(root: Path, content: object = V2, channels: int = 2) -> Path:
    """Write two training cases and one test case of two channels."""
    for part, names in (("Tr", ("p_001", "p_002")), ("Ts", ("p_003",))):
        for number, name in enumerate(names):
            for channel in range(channels):
                save(root / f"images{part}" / f"{name}_{channel:04d}.nii.gz", noise(10 * number + channel))
    save(root / "labelsTr" / "p_001.nii.gz", solid(value=1))
    save(root / "labelsTr" / "p_002.nii.gz", solid(value=2))
    return declare(root, content)


def test_version_2(tmp_path: Path) -> None:
    table = read_masked(nnunet(tmp_path))
    assert (table.layout, table.label_names, table.channel_names) == (
        "nnunet",
        ("background", "PZ", "TZ"),
        ("T2", "ADC"),
    )
    assert [(case.identifier, case.split, case.mask is None) for case in table.cases] == [
        ("p_001", "training", False),
        ("p_002", "training", False),
        ("p_003", "test", True),
    ]
    image = table.read(table.cases[1])
    inside = image.mask.array == 2
    assert int(inside.sum()) == int((solid() > 0).sum())
    for channel in range(2):
        assert sorted(image.volumes[channel].array[inside]) == sorted(noise(10 + channel)[solid() > 0])
    assert task_of(tmp_path) is LearningTask.SEGMENTATION


def test_version_1_maps_numbers_to_names(tmp_path: Path) -> None:
    content = {
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "tumour"},
        "training": [{"image": f"./imagesTr/p_00{n}.nii.gz", "label": f"./labelsTr/p_00{n}.nii.gz"} for n in (1, 2, 9)],
        "test": ["./imagesTs/p_003.nii.gz"],
    }
    table = read_masked(nnunet(tmp_path, content, channels=1))
    assert (table.layout, table.label_names) == ("nnunet", ("background", "liver", "tumour"))
    missing = next(issue for issue in table.issues if issue.code == "Q805")
    assert missing.facts == {"count": 1, "cases": "p_009"}


def test_decathlon_keeps_channels_in_one_file(tmp_path: Path) -> None:
    stack = np.stack([noise(seed).transpose(2, 1, 0) for seed in range(3)], axis=-1)
    (tmp_path / "imagesTr").mkdir()
    nib.save(nib.Nifti1Image(stack, np.diag([1.0, 2.0, 3.0, 1.0])), tmp_path / "imagesTr" / "BRATS_001.nii.gz")
    (tmp_path / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"litter of a Mac")
    save(tmp_path / "labelsTr" / "BRATS_001.nii.gz", solid())
    content = {
        "modality": {"0": "FLAIR", "1": "T1w", "2": "T2w"},
        "labels": {"0": "background", "1": "edema"},
        "training": [{"image": "./imagesTr/BRATS_001.nii.gz", "label": "./labelsTr/BRATS_001.nii.gz"}],
    }
    table = read_masked(declare(tmp_path, content))
    assert (table.layout, len(table)) == ("decathlon", 1)
    image = table.read(table.cases[0])
    inside = image.mask.array > 0
    for channel in range(3):
        assert sorted(image.volumes[channel].array[inside]) == sorted(noise(channel)[solid() > 0])


def test_a_missing_channel_is_none(tmp_path: Path) -> None:
    nnunet(tmp_path)
    (tmp_path / "imagesTr" / "p_001_0001.nii.gz").unlink()
    table = read_masked(tmp_path)
    image = table.read(table.cases[0])
    assert [volume is None for volume in image.volumes] == [False, True]


def test_channels_on_different_grids_are_refused(tmp_path: Path) -> None:
    nnunet(tmp_path)
    save(tmp_path / "imagesTr" / "p_001_0001.nii.gz", noise(1, (6, 20, 23)))
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert caught.value.code == "E881"


def test_a_value_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    nnunet(tmp_path)
    save(tmp_path / "labelsTr" / "p_001.nii.gz", solid(value=7))
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert (caught.value.code, caught.value.facts["found"]) == ("E885", "7")


def test_regions_and_ignore_are_said(tmp_path: Path) -> None:
    labels = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}
    table = read_masked(nnunet(tmp_path, {**V2, "labels": labels}))
    assert table.label_names == ("background", "label 1", "core", "ignore")
    assert "Q889" in codes(table.issues)


def test_patients_and_parts_of_our_own_writing(tmp_path: Path) -> None:
    content = {**V2, "patients": {"p_001": "x", "p_002": "x"}, "parts": {"p_001": "tuning", "p_002": ""}}
    table = read_masked(nnunet(tmp_path, content))
    assert [case.patient for case in table.cases] == ["x", "x", None]
    assert [case.split for case in table.cases] == ["tuning", None, "test"]


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {**V2, "channel_names": {"1": "T2"}},
        {**V2, "labels": {"background": 0}},
        {**V2, "labels": {"background": 0, "a": -1}},
        {**V2, "labels": {"background": 0, "a": "x"}},
        {**V2, "labels": {"background": 0, "a": [True]}},
        {**V2, "labels": {"0": "a", "1": "a"}},
        {**V2, "channel_names": {"0": "T2"}},
    ],
)
def test_a_wrong_declaration_is_said(tmp_path: Path, content: object) -> None:
    nnunet(tmp_path, content)
    assert is_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        read_masked(tmp_path)
    assert caught.value.code == "E884"


def test_json_that_is_none_is_said(tmp_path: Path) -> None:
    nnunet(tmp_path)
    for text in ("{", "[" * 100_000, "\xff"):
        (tmp_path / "dataset.json").write_text(text, encoding="latin-1")
        with pytest.raises(DatasetError) as caught:
            read_masked(tmp_path)
        assert caught.value.code == "E884"

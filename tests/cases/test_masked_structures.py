"""TotalSegmentator's layout: a mask file a structure, laid over each other by name; nothing is taken for instances."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hounsfield.cases.label_maps import read_label_map
from hounsfield.cases.masked import is_masked, numbers_objects, read_masked
from hounsfield.cases.masked_guard import examine_masked
from hounsfield.cases.masked_structures import has_structures
from hounsfield.cases.nnunet_writer import write_nnunet
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.examples import codes
from tests.cases.masked_examples import noise, save, solid

SHAPE = (6, 20, 24)
BOXES = {
    "aorta": (slice(0, 2), slice(2, 6), slice(2, 6)),
    "liver": (slice(1, 5), slice(8, 18), slice(4, 20)),
    "spleen": (slice(2, 4), slice(2, 7), slice(12, 20)),
}
META = (
    "image_id;age;gender;split\ns0001;61;m;train\ns0002;40;f;train\ns0003;58;f;val\ns0004;77;m;test\ns0009;30;m;train\n"
)


def inside(name: str) -> np.ndarray:
    """Return the mask of a structure, boxes that do not touch."""
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[BOXES[name]] = 1
    return array


def structures(root: Path, count: int = 4, image: str = "ct", names=BOXES) -> Path:
    for number in range(1, count + 1):
        folder = root / f"s{number:04d}"
        save(folder / f"{image}.nii.gz", noise(number))
        for name in names:
            save(folder / "segmentations" / f"{name}.nii.gz", inside(name))
    return root


@pytest.mark.parametrize("image", ["ct", "mri"])
def test_structures_become_labels_in_the_order_of_their_names(tmp_path: Path, image: str) -> None:
    data = structures(tmp_path, image=image)
    assert (is_masked(data), numbers_objects(data), task_of(data)) == (True, False, LearningTask.SEGMENTATION)
    table = read_masked(data)
    assert (table.layout, table.label_names, table.channel_names, table.is_instances) == (
        "structures",
        ("background", *sorted(BOXES)),
        (image,),
        False,
    )
    assert [(case.identifier, case.patient, case.split) for case in table.cases] == [
        (name, name, None) for name in ("s0001", "s0002", "s0003", "s0004")
    ]
    read = table.read(table.cases[0])
    for index, name in enumerate(table.label_names[1:], start=1):
        alone = read_label_map(data / "s0001/segmentations" / f"{name}.nii.gz").array
        assert np.count_nonzero(alone) == np.count_nonzero(inside(name))
        np.testing.assert_array_equal(np.asarray(read.mask.array) == index, alone > 0)
    assert read.issues == table.issues == ()


def test_image_and_mask_are_what_nibabel_reads(tmp_path: Path) -> None:
    table = read_masked(structures(tmp_path, 1))
    read = table.read(table.cases[0])
    stored = np.asarray(nib.load(tmp_path / "s0001/ct.nii.gz").dataobj).transpose(2, 1, 0)
    liver = np.asarray(nib.load(tmp_path / "s0001/segmentations/liver.nii.gz").dataobj).transpose(2, 1, 0)
    # RAS files stand mirrored in LPS: turned alike, image and mask hold the same pairs of values
    image, mask = np.asarray(read.volumes[0].array), np.asarray(read.mask.array) == table.label_names.index("liver")
    assert read.volumes[0].geometry == read.mask.geometry
    assert sorted(image[mask].tolist()) == sorted(stored[liver > 0].tolist())


def test_a_table_gives_parts_and_what_else_is_known(tmp_path: Path) -> None:
    data = structures(tmp_path)
    (data / "meta.csv").write_text(META, encoding="utf-8")
    table = read_masked(data)
    assert [case.split for case in table.cases] == ["training", "training", "tuning", "test"]
    assert table.cases[1].attributes == (("age", "40"), ("gender", "f"))


@pytest.mark.parametrize("meta", ["name;split\ns0001;test\n", "image_id\ns0001\n"], ids=["no subjects", "no parts"])
def test_a_table_of_other_things_declares_no_parts(tmp_path: Path, meta: str) -> None:
    data = structures(tmp_path, 2)
    (data / "meta.csv").write_text(meta, encoding="utf-8")
    assert read_masked(data).declared_parts == ()


def test_where_structures_overlap_the_later_counts_and_is_said(tmp_path: Path) -> None:
    data = structures(tmp_path)
    both = inside("liver")
    both[BOXES["aorta"]] = 1
    save(data / "s0002/segmentations/liver.nii.gz", both)
    table = read_masked(data)
    read = table.read(table.cases[1])
    sizes = np.bincount(np.asarray(read.mask.array).ravel())[1:].tolist()
    covered = np.logical_and(inside("aorta"), both)
    assert sizes == [int(np.sum(inside("aorta") & ~covered)), int(both.sum()), int(inside("spleen").sum())]
    assert [(issue.code, issue.facts["cases"]) for issue in read.issues] == [("Q621", "s0002")]
    found = examine_masked(table)
    assert [dict(issue.facts) for issue in found.issues if issue.code == "Q621"] == [{"count": 1, "cases": "s0002"}]


def test_a_clean_set_has_no_overlap(tmp_path: Path) -> None:
    assert "Q621" not in codes(examine_masked(read_masked(structures(tmp_path))).issues)


def test_a_missing_structure_is_background_and_said(tmp_path: Path) -> None:
    data = structures(tmp_path)
    (data / "s0003/segmentations/spleen.nii.gz").unlink()
    table = read_masked(data)
    assert [dict(issue.facts) for issue in table.issues] == [{"count": 1, "total": 4, "found": "spleen 3"}]
    assert codes(table.issues) == ["Q622"]
    assert not (np.asarray(table.read(table.cases[2]).mask.array) == table.label_names.index("spleen")).any()


def test_a_subject_without_masks_is_kept_and_said(tmp_path: Path) -> None:
    data = structures(tmp_path)
    save(data / "s0005/ct.nii.gz", noise(5))
    table = read_masked(data)
    assert codes(table.issues) == ["Q880"]
    assert table.with_mask == (0, 1, 2, 3)
    assert not np.asarray(table.read(table.cases[4]).mask.array).any()


def test_subjects_of_ct_and_of_mr_lack_each_others_channel(tmp_path: Path) -> None:
    structures(tmp_path, 1)
    save(tmp_path / "s0002/mri.nii.gz", noise(8))
    save(tmp_path / "s0002/segmentations/liver.nii.gz", inside("liver"))
    table = read_masked(tmp_path)
    assert table.channel_names == ("ct", "mri")
    assert [volume is None for volume in table.read(table.cases[1]).volumes] == [True, False]


@pytest.mark.parametrize(
    ("planted", "code"),
    [
        (solid((5, 20, 24)), "E881"),
        (np.full(SHAPE, 0.5, dtype=np.float32), "E882"),
        (np.full(SHAPE, -1, dtype=np.int16), "E882"),
    ],
    ids=["another grid", "fractions", "negative"],
)
def test_a_mask_that_is_none_is_refused(tmp_path: Path, planted: np.ndarray, code: str) -> None:
    data = structures(tmp_path, 2)
    save(data / "s0001/segmentations/spleen.nii.gz", planted)
    table = read_masked(data)
    with pytest.raises(HounsfieldError) as caught:
        table.read(table.cases[0])
    assert caught.value.code == code
    assert np.asarray(table.read(table.cases[1]).mask.array).any()


def test_more_structures_than_labels_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "s0001" / "segmentations"
    save(tmp_path / "s0001/ct.nii.gz", noise(1))
    folder.mkdir()
    for number in range(256):
        (folder / f"structure{number}.nii.gz").write_bytes(b"")
    with pytest.raises(DatasetError) as caught:
        read_masked(tmp_path)
    assert caught.value.code == "E880"


@pytest.mark.parametrize("planted", [".hidden.nii.gz", "notes.txt", "._liver.nii.gz"])
def test_other_files_are_no_structures(tmp_path: Path, planted: str) -> None:
    data = structures(tmp_path, 2)
    (data / "s0001/segmentations" / planted).write_bytes(b"\0\0")
    assert read_masked(data).label_names == ("background", *sorted(BOXES))


def test_other_layouts_are_no_structures(tmp_path: Path) -> None:
    save(tmp_path / "images/a.nii.gz", noise(1))
    save(tmp_path / "segmentations/a.nii.gz", solid())
    assert not has_structures(tmp_path)
    assert is_masked(tmp_path)


def test_structures_are_written_for_nnunet(tmp_path: Path) -> None:
    table = read_masked(structures(tmp_path / "data"))
    write_nnunet(table, tmp_path / "Dataset001_Body", examine_masked(table))
    again = read_masked(tmp_path / "Dataset001_Body")
    assert again.label_names == table.label_names
    first, second = table.read(table.cases[0]), again.read(again.cases[0])
    np.testing.assert_array_equal(np.asarray(first.mask.array), np.asarray(second.mask.array))

"""BIDS: which mask is the reference, which channels are on its grid, which sessions share a patient."""

from pathlib import Path

import pytest

from hounsfield.cases.masked import is_masked, read_masked
from hounsfield.errors import DatasetError
from tests.cases.masked_examples import noise, save, solid


def anat(subject: str, session: str = "") -> Path:
    return Path(f"sub-{subject}") / (f"ses-{session}" if session else ".") / "anat"


def bids(root: Path) -> Path:
    """Write three subjects, one of two sessions, with lesion and brain masks and one FLAIR on another grid."""
    for subject, session in (("01", "a"), ("01", "b"), ("02", "a"), ("03", "a")):
        folder, stem = anat(subject, session), f"sub-{subject}_ses-{session}"
        save(root / folder / f"{stem}_T1w.nii.gz", noise(1))
        save(root / folder / f"{stem}_FLAIR.nii.gz", noise(2, (6, 20, 24) if subject == "01" else (4, 10, 12)))
        derived = root / "derivatives" / "experts" / folder
        save(derived / f"{stem}_desc-brain_mask.nii.gz", solid())
        if subject != "03":
            save(derived / f"{stem}_label-lesion_mask.nii.gz", solid(value=1) * 1)
    return root


def test_sessions_are_cases_of_one_patient(tmp_path: Path) -> None:
    table = read_masked(bids(tmp_path))
    assert (table.layout, table.channel_names, table.label_names) == (
        "bids",
        ("T1w", "FLAIR"),
        ("background", "lesion"),
    )
    assert [(case.identifier, case.patient) for case in table.cases] == [
        ("sub-01_ses-a", "sub-01"),
        ("sub-01_ses-b", "sub-01"),
        ("sub-02_ses-a", "sub-02"),
        ("sub-03_ses-a", "sub-03"),
    ]
    chosen = [case.mask.name for case in table.cases if case.mask]
    assert chosen[0] == "sub-01_ses-a_label-lesion_mask.nii.gz"
    assert chosen[3] == "sub-03_ses-a_desc-brain_mask.nii.gz"
    assert table.cases[0].attributes[0][1].endswith("desc-brain_mask.nii.gz")


def test_a_channel_on_another_grid_counts_as_missing(tmp_path: Path) -> None:
    table = read_masked(bids(tmp_path))
    registered, other = table.read(table.cases[0]), table.read(table.cases[2])
    assert [volume is None for volume in registered.volumes] == [False, False]
    assert [volume is None for volume in other.volumes] == [False, True]
    assert [issue.code for issue in other.issues] == ["Q888"]


def test_a_case_whose_channels_all_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    bids(tmp_path)
    save(tmp_path / anat("02", "a") / "sub-02_ses-a_T1w.nii.gz", noise(1, (5, 20, 24)))
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[2])
    assert caught.value.code == "E881"


def test_a_segmentation_and_its_table_come_first(tmp_path: Path) -> None:
    save(tmp_path / anat("1") / "sub-1_T1w.nii.gz", noise(1))
    derived = tmp_path / "derivatives" / "fs" / anat("1")
    save(derived / "sub-1_desc-aseg_dseg.nii.gz", solid(value=17))
    save(derived / "sub-1_desc-x_mask.nii.gz", solid())
    table = tmp_path / "derivatives" / "fs" / "desc-aseg_dseg.tsv"
    table.write_text("index\tname\n0\tUnknown\n17\tHippocampus\n53\tHippocampus\nx\ty\n", encoding="utf-8")
    found = read_masked(tmp_path)
    assert found.label_names == ("background", "Hippocampus 17", "Hippocampus 53")
    assert set(found.read(found.cases[0]).mask.array.ravel().tolist()) == {0, 1}


def test_images_without_derivatives_are_no_masks(tmp_path: Path) -> None:
    save(tmp_path / anat("1") / "sub-1_T1w.nii.gz", noise(1))
    assert not is_masked(tmp_path)

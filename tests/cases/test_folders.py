"""Class folders in every arrangement that is understood, and those that are refused."""

import shutil

import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.table import check_enough
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.examples import class_folders, codes, picture, save_picture


def refusal(data, **options):
    with pytest.raises(DatasetError) as caught:
        read_cases(data, **options)
    return caught.value


def test_one_folder_a_class(tmp_path):
    table = read_cases(class_folders(tmp_path / "set", {"normal": 3, "tumour": 2}))
    assert table.name == "set"
    assert table.layout == "class-folders"
    assert table.class_names == ("normal", "tumour")
    assert table.labels.tolist() == [0, 0, 0, 1, 1]
    assert table.counts() == {"normal": 3, "tumour": 2}
    assert table.cases[0].identifier == "normal/000.png"
    assert table.cases[0].patient is None
    assert table.declared_parts == ()
    assert codes(table.issues) == ["Q800"]


def test_the_pixels_are_those_of_the_file(tmp_path):
    table = read_cases(class_folders(tmp_path, {"a": 1, "b": 1}))
    volume = table.read_volume(table.cases[1])
    assert isinstance(volume, Volume)
    np.testing.assert_array_equal(volume.array[0], picture(1))


@pytest.mark.parametrize("order", ["{part}/{name}/{file}", "{name}/{part}/{file}"])
def test_parts_above_or_below_the_classes(tmp_path, order):
    seed = 0
    for part, count in (("train", 3), ("Validation", 1), ("TEST", 2)):
        for name in ("NORMAL", "PNEUMONIA"):
            for number in range(count):
                save_picture(tmp_path / order.format(part=part, name=name, file=f"{number}.png"), seed)
                seed += 1
    table = read_cases(tmp_path)
    assert table.class_names == ("NORMAL", "PNEUMONIA")
    assert table.declared_parts == ("training", "tuning", "test")
    assert [case.split for case in table.cases].count("tuning") == 2
    assert all(case.patient is None for case in table.cases)


def test_spellings_of_a_class_in_two_parts_are_one_class(tmp_path):
    for index, folder in enumerate(("train/NORMAL", "train/Pneumonia", "test/normal", "test/pneumonia")):
        save_picture(tmp_path / folder / "0.png", index)
    table = read_cases(tmp_path)
    assert len(table.class_names) == 2
    assert sorted(table.counts().values()) == [2, 2]


def test_a_class_that_a_part_lacks_is_said(tmp_path):
    for index, name in enumerate(("train/a/0.png", "train/b/0.png", "test/a/0.png")):
        save_picture(tmp_path / name, index)
    issues = {issue.code: issue for issue in read_cases(tmp_path).issues}
    assert issues["Q811"].facts == {"part": "test", "count": 1}


def test_folders_under_a_class_are_patients_across_classes(tmp_path):
    for index, name in enumerate(
        ("benign/p1/n1/0.png", "benign/p1/n2/0.png", "malignant/p1/0.png", "malignant/p2/0.png")
    ):
        save_picture(tmp_path / name, index)
    table = read_cases(tmp_path)
    assert [case.patient for case in table.cases] == ["p1", "p1", "p1", "p2"]
    assert codes(table.issues) == []


def test_wanted_names_give_the_order(tmp_path):
    table = read_cases(class_folders(tmp_path, {"normal": 1, "Pneu_monia": 1}), class_names=("pneumonia", "NORMAL"))
    assert table.class_names == ("pneumonia", "NORMAL")
    assert [case.label for case in table.cases if case.identifier.startswith("normal")] == [1]


def test_a_folder_outside_the_wanted_names_is_refused(tmp_path):
    error = refusal(class_folders(tmp_path, {"normal": 1, "covid": 1}), class_names=("normal", "pneumonia"))
    assert error.code == "E806"
    assert "covid" in error.text()
    assert error.next_step()


def test_nothing_there(tmp_path):
    assert refusal(tmp_path / "absent").code == "E800"


def test_no_images(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("x", encoding="utf-8")
    error = refusal(tmp_path)
    assert error.code == "E802"
    assert "a/notes.txt" in error.text()


def test_an_empty_folder(tmp_path):
    assert refusal(tmp_path).code == "E802"


def test_one_class_only(tmp_path):
    error = refusal(class_folders(tmp_path, {"benign": 4}))
    assert error.code == "E803"
    assert "benign" in error.text()
    assert "4" in error.text()
    assert "良" not in error.text("zh")
    assert "benign" in error.text("zh")


def test_images_without_class_folders(tmp_path):
    save_picture(tmp_path / "0.png", 0)
    assert refusal(tmp_path).code == "E801"


def test_images_beside_masks_are_not_two_classes(tmp_path):
    assert refusal(class_folders(tmp_path, {"images": 2, "labels": 2})).code == "E801"


def test_a_loose_picture_beside_class_folders_is_passed_over(tmp_path):
    class_folders(tmp_path, {"a": 2, "b": 2})
    save_picture(tmp_path / "preview.png", 99)
    table = read_cases(tmp_path)
    assert len(table) == 4
    assert "Q813" in codes(table.issues)


def test_other_files_are_named_and_litter_is_ignored(tmp_path):
    class_folders(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    (tmp_path / "a" / "renamed.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "a" / ".DS_Store").write_text("x", encoding="utf-8")
    (tmp_path / "b" / "Thumbs.db").write_text("x", encoding="utf-8")
    issue = next(issue for issue in read_cases(tmp_path).issues if issue.code == "Q806")
    assert issue.facts["count"] == 2
    assert "a/renamed.png" in issue.text()


def test_links_are_not_followed(tmp_path):
    class_folders(tmp_path / "set", {"a": 1, "b": 1})
    outside = save_picture(tmp_path / "outside.png", 50)
    (tmp_path / "set" / "a" / "link.png").symlink_to(outside)
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path)
    table = read_cases(tmp_path / "set")
    assert len(table) == 2
    assert next(issue for issue in table.issues if issue.code == "Q809").facts["count"] == 2


def test_dicom_files_bring_their_patient_as_a_digest(tmp_path):
    for number, name in enumerate(("CT_small.dcm", "MR_small.dcm")):
        folder = tmp_path / f"class{number}"
        folder.mkdir()
        shutil.copy(pydicom.data.get_testdata_file(name), folder / name)
    table = read_cases(tmp_path)
    assert all(case.patient.startswith("patient-") for case in table.cases)
    assert table.cases[0].patient != table.cases[1].patient
    identifier = str(pydicom.dcmread(tmp_path / "class0" / "CT_small.dcm").PatientID)
    assert identifier not in repr(table)
    image = table.read(table.cases[0])
    assert image.series.modality == "CT"
    assert image.volume.array.shape == (1, 128, 128)


def test_a_broken_picture_is_an_error_of_its_own_when_it_is_read(tmp_path):
    class_folders(tmp_path, {"a": 2, "b": 1})
    path = tmp_path / "a" / "001.png"
    path.write_bytes(path.read_bytes()[:60])
    table = read_cases(tmp_path)
    answers = dict(table.read_all(workers=2))
    assert isinstance(answers[1], HounsfieldError)
    assert not isinstance(answers[0], HounsfieldError)
    assert list(answers) == [0, 1, 2]


def test_reading_keeps_the_order_asked_for(tmp_path):
    table = read_cases(class_folders(tmp_path, {"a": 20, "b": 20}))
    wanted = [39, 0, 17, 3, 22]
    assert [index for index, _ in table.read_all(wanted, workers=3)] == wanted


def test_too_few_cases_are_named(tmp_path):
    table = read_cases(class_folders(tmp_path, {"a": 3, "b": 12}))
    with pytest.raises(DatasetError) as caught:
        check_enough(table, 10)
    assert caught.value.code == "E804"
    assert "a 3" in caught.value.text()
    check_enough(table, 3)


def test_jpeg_and_tiff_are_images_whatever_their_name(tmp_path):
    for name, form in (("a/x.bin", "JPEG"), ("b/y", "TIFF")):
        path = tmp_path / name
        path.parent.mkdir()
        Image.fromarray(picture(1)).save(path, form)
    assert len(read_cases(tmp_path)) == 2


@pytest.mark.parametrize(
    ("folder", "counts"),
    [
        ("brain_mri", {"glioma": 400, "meningioma": 400, "notumor": 400, "pituitary": 400}),
        ("breast_ultrasound", {"benign": 259, "malignant": 129, "normal": 73}),
        ("lung_nodule", {"benign": 1584, "malignant": 1408}),
    ],
)
def test_the_real_folders(shared_data, folder, counts):
    table = read_cases(shared_data / folder)
    assert table.counts() == counts
    if folder == "lung_nodule":
        assert len({case.patient for case in table.cases}) == 285


@pytest.mark.parametrize("folder", ["nuclei", "blood_cells", "retina_vessels", "cardiac_mri"])
def test_real_folders_of_other_layouts_are_refused(shared_data, folder):
    assert refusal(shared_data / folder).code in {"E801", "E802"}

"""Names of classes, parts and files: what is one spelling, what is another class, and what can be written down."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.cases.folders import read_class_folders
from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.names import match_names, means_absence, medmnist_names, part_of, plain, readable, summary
from hounsfield.cases.splits import split_cases
from hounsfield.errors import DatasetError
from tests.cases.examples import class_folders, codes, save_picture


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HER2+", "HER2-"),
        ("COVID +", "COVID −"),
        ("ER＋", "ER－"),
        ("+", "-"),
        ("1", "-1"),
        ("<5 mm", ">5 mm"),
        ("≤ 5 mm", "≥ 5 mm"),
        ("1.5 T", "15 T"),
        ("BI-RADS 4", "BI-RADS 5"),
        ("???", "!!!"),
        ("no tumor", "tumor"),
        ("非肺炎", "肺炎"),
        ("良性", "恶性"),
        ("grade I", "grade II"),
    ],
)
def test_names_that_mean_another_class_stay_apart(one, other):
    """Merging the two would make one class of a positive and a negative result, without a word."""
    assert plain(one) != plain(other)
    assert match_names([other, one], [one, other], "x") == {one: 0, other: 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NORMAL", "normal"),
        ("No_Tumor", "no tumour"),
        ("glioma_tumor", "Glioma"),
        ("BI-RADS_4", "birads 4"),
        ("not-fractured", "Not fractured"),
        ("ＮＯＲＭＡＬ", "Normal"),
        ("Ménière", "Ménière"),
        ("COVID −", "covid-"),
        ("STRASSE", "straße"),
        (" pneumonia ", "Pneumonia."),
    ],
)
def test_spellings_of_one_class_are_one(one, other):
    assert plain(one) == plain(other)
    assert match_names([one], ["else", other], "x") == {one: 1}


@settings(deadline=None)
@given(st.text(max_size=30))
def test_comparing_twice_changes_nothing(name):
    assert plain(plain(name)) == plain(name)
    assert plain(name.upper()) == plain(name.upper().lower()) or not name.isascii()


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20))
def test_case_and_separators_never_count(name):
    spaced = "_".join(name)
    assert plain(f" {spaced.swapcase()} ") == plain(name)


def test_no_name_becomes_nothing():
    for name in ("+", "-", "?", "_", "!!", "tumor", "tumors", "...", "（）"):
        assert plain(name), name


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("Train", "training"),
        ("TRAINING_SET", None),
        ("train1", "training"),
        ("validation", "tuning"),
        ("VAL", "tuning"),
        ("dev", "tuning"),
        ("Test-1", "test"),
        ("hold-out", "test"),
        ("pretest", None),
        ("", None),
        ("训练", None),
    ],
)
def test_words_for_parts(word, part):
    assert part_of(word) == part


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("No finding", True),
        ("without fracture", True),
        ("NON-COVID", True),
        ("negative", True),
        ("healthy control", False),
        ("nodule", False),
        ("Normal pressure hydrocephalus", False),
        ("note", False),
        ("anormal", False),
        ("noncancerous", False),
    ],
)
def test_words_for_absence(name, expected):
    assert means_absence(name) is expected


def test_signed_class_folders_are_two_classes(tmp_path):
    table = read_cases(class_folders(tmp_path / "data", {"HER2+": 3, "HER2-": 2}))
    assert sorted(table.counts().items()) == [("HER2+", 3), ("HER2-", 2)]


def test_signed_labels_of_a_table_are_two_classes(tmp_path):
    rows = ["path,label"]
    for index in range(6):
        save_picture(tmp_path / f"{index}.png", index)
        rows.append(f"{index}.png,{'-1' if index % 3 else '1'}")
    (tmp_path / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    table = read_cases(tmp_path / "cases.csv")
    assert table.counts() == {"-1": 4, "1": 2}
    again = read_cases(tmp_path / "cases.csv", ("1", "-1"))
    assert again.counts() == {"1": 2, "-1": 4}


def gbk(text: str) -> bytes:
    return text.encode("gbk")


@pytest.fixture
def foreign(tmp_path) -> Path:
    """Write class folders with file names in GBK, as Chinese archives unpacked on Linux have them."""
    root = tmp_path / "data"
    try:
        for index in range(12):
            folder = os.path.join(os.fsencode(root), b"normal" if index % 2 else gbk("肺炎"))  # noqa: PTH118
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            os.rename(  # noqa: PTH104
                save_picture(tmp_path / "x.png", index),
                os.path.join(folder, gbk("肺") + str(index).encode() + b".png"),  # noqa: PTH118
            )
    except OSError:
        pytest.skip("this file system takes no names but UTF-8")
    return root


def test_file_names_that_are_no_utf8_are_read_split_and_written(foreign):
    table = read_class_folders(foreign)
    examination = examine(table)
    parts = split_cases(table, examination.groups)
    assert set(parts) == {"training", "tuning", "test"}
    assert examination.unreadable == ()
    for text in (*(case.identifier for case in table.cases), *table.class_names):
        assert text.encode("utf-8")
    assert len({case.identifier for case in table.cases}) == 12
    assert table.cases[-1].identifier.startswith("\\xb7\\xce\\xd1\\xd7/\\xb7\\xce")
    assert table.read_volume(table.cases[-1]).array.shape == (1, 48, 48)


@settings(deadline=None)
@given(st.binary(max_size=20).filter(lambda raw: b"\0" not in raw and b"/" not in raw))
def test_every_file_name_becomes_text(raw):
    text = readable(os.fsdecode(raw))
    assert text.encode("utf-8").decode("utf-8") == text
    try:
        assert text == raw.decode("utf-8")
    except UnicodeDecodeError:
        assert "\\x" in text


def test_a_patient_named_like_a_part_keeps_its_name(tmp_path):
    """TR05 and val-3 below a class are people; a folder 'test' there is a part."""
    for place in ("sick/TR05/a.png", "sick/TR06/b.png", "well/val-3/c.png", "well/test/d.png", "sick/test/e.png"):
        save_picture(tmp_path / place, len(place) + ord(place[-5]))
    table = read_class_folders(tmp_path)
    found = {case.identifier: (case.split, case.patient) for case in table.cases}
    assert found == {
        "sick/TR05/a.png": (None, "TR05"),
        "sick/TR06/b.png": (None, "TR06"),
        "well/val-3/c.png": (None, "val-3"),
        "well/test/d.png": ("test", None),
        "sick/test/e.png": ("test", None),
    }


def test_odd_capitals_of_parts_and_classes(tmp_path):
    layout = {"Train/normal": 3, "TRAIN/PNEUMONIA": 3, "tESt/NORMAL": 2, "tESt/Pneumonia": 2}
    for number, (place, count) in enumerate(layout.items()):
        for index in range(count):
            save_picture(tmp_path / place / f"{index}.png", 10 * number + index)
    table = read_cases(tmp_path, ("NORMAL", "PNEUMONIA"))
    assert table.counts() == {"NORMAL": 5, "PNEUMONIA": 5}
    assert [case.split for case in table.cases].count("test") == 4
    assert "Q811" not in codes(table.issues)


def test_the_order_of_wanted_names_is_the_order_of_labels(tmp_path):
    class_folders(tmp_path, {"a": 2, "b": 3, "c": 4})
    table = read_cases(tmp_path, ("C", "A", "B"))
    assert np.bincount(table.labels).tolist() == [4, 2, 3]
    with pytest.raises(DatasetError) as refused:
        read_cases(tmp_path, ("c", "a"))
    assert refused.value.code == "E806"
    assert refused.value.facts["found"] == "b"


def test_published_names_follow_the_file_name_and_the_number_of_classes():
    assert medmnist_names(Path("pneumoniamnist_224.npz"), 2) == ("normal", "pneumonia")
    assert medmnist_names(Path("OCTMNIST.npz"), 4)[-1] == "normal"
    assert medmnist_names(Path("pneumoniamnist.npz"), 3) is None
    assert medmnist_names(Path("mine.npz"), 2) is None


def test_a_long_list_is_cut_and_counted():
    assert summary([]) == ""
    assert summary(["a", "b"], 2) == "a, b"
    assert summary(["a", "b", "c", "d"], 2) == "a, b, … (+2)"

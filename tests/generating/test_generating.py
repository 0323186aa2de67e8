"""Folders of synthetic images: the same bytes, marked everywhere, and training cases to whoever reads them."""

import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.splits import split_cases
from hounsfield.errors import ModelError, OutOfScope, SettingsError
from hounsfield.generating import COLUMNS, MANIFEST_FILE, MOST_IMAGES, generate, pixels_of
from hounsfield.image.synthetic import DISCLAIMER, says_synthetic, synthetic_png
from tests.model import toys
from tests.model.generators import GREYS, SIDE, generator


@pytest.fixture
def package(tmp_path):
    return generator(tmp_path)


def rows_of(folder):
    with (folder / MANIFEST_FILE).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_file_says_what_it_is(package, tmp_path):
    made = generate(package, tmp_path / "out", 3, seed=11)
    files = sorted((tmp_path / "out").rglob("*.png"))
    assert len(files) == 6
    assert made.counts == {"dark": 3, "bright": 3}
    for path in files:
        assert says_synthetic(path.read_bytes())
        assert "synthetic" in path.name
        with Image.open(path) as picture:
            assert picture.mode == "L"
            assert picture.size == (SIDE, SIDE)
            assert picture.text["Disclaimer"] == DISCLAIMER
            assert package.identity.weights_digest in picture.text["Source"]
            assert picture.text["Seed"] == "11"


def test_the_manifest_names_class_part_and_maker_of_each(package, tmp_path):
    generate(package, tmp_path / "out", 4, seed=2)
    rows = rows_of(tmp_path / "out")
    assert tuple(rows[0]) == COLUMNS
    assert {row["synthetic"] for row in rows} == {"yes"}
    assert {row["split"] for row in rows} == {"training"}
    assert {row["generator"] for row in rows} == {"toy"}
    for row in rows:
        with Image.open(tmp_path / "out" / row["path"]) as picture:
            grey = np.asarray(picture).mean() / 255
        assert abs(grey - GREYS[("dark", "bright").index(row["label"])]) < 0.1


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(package, tmp_path):
    def digest(name, **changes):
        folder = generate(package, tmp_path / name, 3, **changes).folder
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]

    assert digest("one", seed=4) == digest("two", seed=4)
    assert digest("three", seed=5) != digest("one-more", seed=4)


def test_training_reads_them_as_training_cases_and_never_holds_one_back(package, tmp_path):
    generate(package, tmp_path / "out", 10)
    table = read_cases(tmp_path / "out")
    assert table.class_names == ("bright", "dark")
    assert {case.split for case in table.cases} == {"training"}
    assert dict(table.cases[0].attributes)["synthetic"] == "yes"
    parts = split_cases(table, range(len(table)), {"training": 0.7, "test": 0.3})
    assert set(parts) == {"training"}


def test_a_class_can_be_asked_for_alone(package, tmp_path):
    made = generate(package, tmp_path / "out", 2, ("bright", "bright"))
    assert made.counts == {"bright": 2}
    assert {row["label"] for row in rows_of(made.folder)} == {"bright"}


def test_what_cannot_be_made_is_refused_and_leaves_nothing(package, tmp_path):
    with pytest.raises(OutOfScope, match="E922"):
        generate(package, tmp_path / "out", 2, ("purple",))
    for count in (0, -1, MOST_IMAGES):
        with pytest.raises(SettingsError, match="E926"):
            generate(package, tmp_path / "out", count)
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "scan.dcm").write_bytes(b"x")
    with pytest.raises(SettingsError, match="E340"):
        generate(package, tmp_path / "full", 2)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["scan.dcm"]


def test_a_classifier_is_refused(tmp_path):
    with pytest.raises(ModelError, match="E921"):
        generate(toys.package(tmp_path), tmp_path / "out", 2)


def test_names_of_any_script_are_files_and_texts(tmp_path):
    names = [{"name": "肺炎 / viral", "is_finding": False}, {"name": "正常", "is_finding": False}]
    made = generate(generator(tmp_path, classes=names), tmp_path / "out", 1)
    assert sorted(path.name for path in made.folder.iterdir()) == ["000-viral", "001-class", MANIFEST_FILE]
    with Image.open(made.folder / "001-class" / "synthetic-000001.png") as picture:
        assert picture.text["Class"] == "正常"


def test_pixels_are_rounded_and_colour_comes_last():
    assert pixels_of(np.array([[[0.0, 0.5, 1.0, 2.0]]], np.float32)).tolist() == [[0, 128, 255, 255]]
    assert pixels_of(np.zeros((3, 4, 5), np.float32)).shape == (4, 5, 3)


def test_an_ordinary_picture_does_not_say_that_it_is_synthetic(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "plain.png")
    assert not says_synthetic((tmp_path / "plain.png").read_bytes())
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    raw = synthetic_png(pixels, {"Class": "x"})
    (tmp_path / "made.png").write_bytes(raw)
    with Image.open(tmp_path / "made.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels)

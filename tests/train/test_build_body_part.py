"""The data set of the gate: patterns that repeat, pictures of the right kind, and a manifest that training reads."""

import csv
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.layouts import read_cases

STARTERS = Path(__file__).resolve().parents[2] / "starters"


def load(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, STARTERS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def patterns() -> Iterator[ModuleType]:
    yield load("patterns")
    sys.modules.pop("patterns", None)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield load("build_body_part")
    for name in ("build_body_part", "patterns"):
        sys.modules.pop(name, None)


def small_data(folder: Path) -> Path:
    """Write a copy of the example data in small: its folders and layouts, with noise for pictures."""
    chance = np.random.default_rng(0)

    def picture(path: str, shape: tuple[int, ...] = (40, 36)) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 255, shape).astype(np.uint8)).save(target)

    for kind in ("AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"):
        picture(f"body_part/{kind}/a.jpeg")
    for kind in ("glioma", "notumor"):
        picture(f"brain_mri/{kind}/b.jpg", (300, 260))
    picture("breast_ultrasound/benign/c.png")
    picture("retina_vessels/Image_01L.jpg", (40, 40, 3))
    picture("blood_cells/JPEGImages/d.jpg", (40, 60, 3))
    picture("nuclei/images/e.png")
    picture("nuclei/labels/e.png")
    (folder / "chest_xray_pneumonia").mkdir()
    np.savez(
        folder / "chest_xray_pneumonia" / "x.npz", train_images=chance.integers(0, 255, (5, 28, 28)).astype(np.uint8)
    )
    return folder


def test_patterns_repeat_and_are_pictures(patterns: ModuleType) -> None:
    for name, (draw, count) in patterns.PATTERNS.items():
        first, second, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, second)
        assert first.dtype == np.float32, name
        assert first.ndim == 2
        assert min(first.shape) >= 64
        assert np.isfinite(first).all()
        assert not np.array_equal(first, other)
        assert count >= 100


def test_blank_patterns_have_next_to_no_contrast(patterns: ModuleType) -> None:
    deviations = [patterns.blanks(np.random.default_rng(seed)).std() for seed in range(20)]
    assert max(deviations) < 0.002


def test_pictures_come_from_their_folders(builder: ModuleType, tmp_path: Path) -> None:
    data = small_data(tmp_path)
    found = [*builder.mednist(data), *builder.brains(data), *builder.other_kinds(data)]
    assert [example.kind for example in found] == [
        *("AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"),
        *("BrainMRI", "BrainMRI", "BreastUS", "Fundus", "Microscopy", "Microscopy"),
    ]
    assert {example.source for example in found} >= {"brain-glioma", "busi", "chase-db1", "bccd", "dsb-2018"}
    fundus = next(example for example in found if example.kind == "Fundus")
    assert fundus.patient == "chase-01"
    for example in found:
        assert example.pixels.ndim == 2
        assert 0 <= example.pixels.min() <= example.pixels.max() <= 1


def test_large_pictures_are_made_small_and_keep_their_mean(builder: ModuleType) -> None:
    large = np.random.default_rng(0).random((400, 300)).astype(np.float32)
    made = builder.small(large)
    assert made.shape == (builder.LONGEST, round(builder.LONGEST * 3 / 4))
    assert float(made.mean()) == pytest.approx(float(large.mean()), abs=0.002)
    tiny = large[:50, :40]
    assert builder.small(tiny) is tiny


def test_slices_of_a_volume_have_square_pixels_in_every_direction(builder: ModuleType, tmp_path: Path) -> None:
    import nibabel as nib

    volume = np.random.default_rng(0).random((30, 40, 20)).astype(np.float32)
    nib.save(nib.Nifti1Image(volume, np.diag([1.0, 1.0, 3.0, 1.0])), tmp_path / "v.nii.gz")
    shapes = {pixels.shape for pixels in builder.slices_of(tmp_path / "v.nii.gz", False, np.random.default_rng(0))}
    # rows first: the last axis is 20 slices of 3 mm, so 60 rows of 1 mm
    assert shapes == {(60, 40), (60, 30), (40, 30)}
    through_windows = list(builder.slices_of(tmp_path / "v.nii.gz", True, np.random.default_rng(0)))
    assert len(through_windows) % len(builder.CT_WINDOWS) == 0


def test_photographs_that_are_installed_are_cropped(builder: ModuleType) -> None:
    found = list(builder.photographs(np.random.default_rng(0)))
    names = {example.patient for example in found}
    assert {"astronaut.png", "china.jpg"} <= names
    assert len(found) == len(names) * builder.CROPS_OF_A_PHOTOGRAPH


def test_manifest_is_read_by_training_with_sources_and_patients(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(tmp_path / "data")
    monkeypatch.setattr(builder, "bodies", lambda data, chance: iter(()))
    monkeypatch.setattr(builder, "photographs", lambda chance: iter(()))
    monkeypatch.setattr(builder, "PATTERNS", {"ramps": (builder.PATTERNS["ramps"][0], 4)})
    monkeypatch.setattr(builder, "CHEST_OF_CHILDREN", 3)
    for name in ("one", "two"):
        builder.main(data, tmp_path / name)
    rows = list(csv.DictReader((tmp_path / "one" / "cases.csv").open(encoding="utf-8")))
    assert len(rows) == 6 + 2 + 3 + 4 + 4
    table = read_cases(tmp_path / "one")
    assert len(table) == len(rows)
    assert dict(table.cases[0].attributes)["source"] == "mednist-AbdomenCT"
    assert {case.patient for case in table.cases} == {None, "chase-01"}
    for path in sorted((tmp_path / "one").rglob("*.png")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_without_folders_it_says_how_it_is_used(builder: ModuleType) -> None:
    assert "python starters/build_body_part.py" in builder.__doc__

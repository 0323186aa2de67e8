"""Habitats from files: a label map on the grid of the image, a row for each, and a picture of them."""

import base64
import csv
import io
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from hounsfield.cli import main
from hounsfield.core.quantities import Quantity
from hounsfield.errors import ImageError
from hounsfield.measuring.feature_table import read_features
from hounsfield.measuring.habitat_picture import habitat_picture
from hounsfield.measuring.habitats import HabitatSettings, deviation_map, habitat_map
from hounsfield.measuring.run import MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import named_settings, settings_from
from hounsfield.report.figures import COLOURS
from tests.measuring.cases import write_case, write_nifti
from tests.radiomics.phantoms import volume_and_mask

FAST = settings_from({"families": ["intensity-statistics", "morphology"], "name": "fast"}, "fast")
QUICK = 'name = "quick"\nfamilies = ["intensity-statistics"]\n'
SHAPE = (8, 20, 54)


def slabs() -> tuple[np.ndarray, np.ndarray]:
    """A box of three slabs of 0, 500 and 1000 along the columns, and which slab a voxel is of."""
    which = np.zeros(SHAPE, np.uint8)
    which[1:7, 4:16, 3:51] = 1 + np.arange(48) // 16
    samples = (which.astype(float) - 1) * 500 * (which > 0) + np.random.default_rng(0).normal(0, 10, SHAPE)
    return samples.round().astype(np.int16), which


def inner(which: np.ndarray) -> np.ndarray:
    """Voxels whose cube lies in one slab."""
    return (ndimage.minimum_filter(which, 3) == which) & (ndimage.maximum_filter(which, 3) == which) & (which > 0)


def test_the_map_lies_on_the_grid_of_the_image() -> None:
    samples, which = slabs()
    volume, mask = volume_and_mask(samples, which > 0, (2.0, 1.0, 1.0), Quantity.ARBITRARY)
    found = habitat_map(volume, mask, 1, named_settings("default"), 3)
    assert found.geometry == volume.geometry
    assert np.array_equal(found.array > 0, which > 0)
    assert np.mean(found.array[inner(which)] == which[inner(which)]) > 0.99


def test_settings_of_another_grid_leave_the_map_where_the_image_is() -> None:
    samples, which = slabs()
    volume, mask = volume_and_mask(samples, which > 0, (2.0, 1.0, 1.0), Quantity.ARBITRARY)
    settings = settings_from({"spacing_mm": [3, 3, 3], "filters": [{"kind": "mean", "dimensions": 3, "size": 3}]}, "x")
    plain = habitat_map(volume, mask, 1, named_settings("default"), 3)
    assert np.array_equal(habitat_map(volume, mask, 1, settings, 3).array, plain.array)


def test_what_re_segmentation_leaves_out_is_in_no_habitat() -> None:
    samples, which = slabs()
    volume, mask = volume_and_mask(samples, which > 0)
    found = habitat_map(volume, mask, 1, settings_from({"range": [250, None]}, "x"), 2)
    assert not found.array[which == 1].any()
    assert found.array[which > 1].all()


def test_a_region_of_one_intensity_has_no_habitats() -> None:
    volume, mask = volume_and_mask(np.full(SHAPE, 7.0), slabs()[1] > 0)
    with pytest.raises(ImageError, match="E985"):
        habitat_map(volume, mask, 1, named_settings("default"), 3)


def test_the_deviation_is_that_of_the_cube_about_each_voxel() -> None:
    samples = np.random.default_rng(1).normal(1e4, 20, (7, 8, 9))
    whole = np.ones(samples.shape, bool)
    expected = ndimage.generic_filter(samples, np.std, 3)
    inside = (slice(1, -1),) * 3
    assert deviation_map(samples, whole)[inside] == pytest.approx(expected[inside], abs=1e-6)
    assert deviation_map(samples, whole)[0, 0, 0] == pytest.approx(samples[:2, :2, :2].std())
    assert not deviation_map(np.full((3, 3, 3), 5.0), np.ones((3, 3, 3), bool)).any()


def test_what_lies_about_a_region_makes_no_habitat_of_its_rim() -> None:
    """Found by looking at the page of a bright lesion in a dark organ: its rim was a part of its own."""
    which = np.zeros((14, 26, 26), bool)
    which[3:11, 5:21, 5:21] = True
    chance = np.random.default_rng(3)
    halves = np.where(np.arange(26) < 13, 300.0, 400.0) + chance.normal(0, 15, which.shape)
    volume, mask = volume_and_mask(np.where(which, halves, -1000.0), which)
    found = habitat_map(volume, mask, 1, named_settings("default"), 2).array
    rim = which & ~ndimage.binary_erosion(which)
    expected = np.where(np.arange(26) < 13, 1, 2) + np.zeros(which.shape, int)
    assert np.mean(found[rim] == expected[rim]) > 0.9
    spoiled = volume_and_mask(np.where(which, halves, np.nan), which)[0]
    assert np.array_equal(habitat_map(spoiled, mask, 1, named_settings("default"), 2).array, found)


def test_every_habitat_is_a_region_and_its_map_a_file(tmp_path: Path) -> None:
    samples, which = slabs()
    files = write_nifti(tmp_path / "a b.nii.gz", samples), write_nifti(tmp_path / "m.nii.gz", np.uint8(which > 0) * 5)
    options = MeasuringOptions(FAST, habitats=HabitatSettings(3, tmp_path / "maps"))
    found = measure(find_sources(*files), options)
    assert [(one.region.label, one.region.habitat) for one in found] == [(5, 0), (5, 1), (5, 2), (5, 3)]
    written = nibabel.load(tmp_path / "maps" / "a_b_label5.nii.gz")
    labels = np.asarray(written.dataobj).transpose(2, 1, 0)
    labels = labels[:, ::-1] if written.affine[1, 1] > 0 else labels  # rows from the front or from the back
    assert np.abs(np.diag(written.affine)) == pytest.approx(np.abs(np.diag(nibabel.load(files[0]).affine)))
    for number, one in enumerate(found[1:], start=1):
        assert one.found.value("stat_mean") == pytest.approx(samples[labels == number].mean(), abs=1e-6)
        assert one.found.value("morph_vol_approx") == pytest.approx((labels == number).sum())  # 2 x 1 x 0.5 mm
    assert sum(one.found.voxel_count for one in found[1:]) == found[0].found.voxel_count


def test_a_region_without_habitats_is_measured_and_says_why(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "flat.nii.gz", np.full(SHAPE, 7, np.int16))
    mask = write_nifti(tmp_path / "m.nii.gz", np.uint8(slabs()[1] > 0))
    found = measure(find_sources(image, mask), MeasuringOptions(FAST, habitats=HabitatSettings(3)))
    assert [one.fault.code if one.fault else "" for one in found] == ["", "E985"]


def test_the_picture_has_a_colour_for_each_habitat_in_the_fullest_slice() -> None:
    which = slabs()[1]
    which[2, 5] = 0  # the first slice is fuller than the second, and later ones no fuller than it
    volume, mask = volume_and_mask(np.zeros(SHAPE), which)
    title, address = habitat_picture(volume, mask)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    colours = {tuple(pixel) for pixel in shown.reshape(-1, 3).tolist()}
    expected = {tuple(round(0.55 * int(one[at : at + 2], 16)) for at in (1, 3, 5)) for one in COLOURS[:3]}
    assert colours == expected | {(0, 0, 0)}
    assert "3" in title.en
    assert title.zh != title.en


def test_the_verb_writes_maps_rows_and_a_picture(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    files = [str(path) for path in write_case(tmp_path)]
    (tmp_path / "quick.toml").write_text(QUICK, encoding="utf-8")
    words = ["radiomics", *files, "--label", "2", "--habitats", "2", "--settings", str(tmp_path / "quick.toml")]
    words += ["-o", str(tmp_path / "a.csv"), "--page", str(tmp_path / "a.html"), "--json", "--quiet"]
    assert main(words) == 0
    found = json.loads(capfd.readouterr().out)["regions"]
    assert [one.get("habitat") for one in found] == [None, 1, 2]
    assert [path.name for path in (tmp_path / "a.habitats").iterdir()] == ["image_label2.nii.gz"]
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert [row["habitat"] for row in rows] == ["", "1", "2"]
    assert float(rows[1]["stat_mean"]) < float(rows[0]["stat_mean"]) < float(rows[2]["stat_mean"])
    assert (tmp_path / "a.html").read_text(encoding="utf-8").count("data:image/png") == 4
    table = read_features(tmp_path / "a.csv")
    assert "habitat" not in table.tags
    assert table.keys() == (("image", "2"), ("image", "2 1"), ("image", "2 2"))
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.html").unlink()
    assert main(words) == 2
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E340"

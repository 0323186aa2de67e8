"""Mapping a case from disk: files that nibabel lays on the image, tables, answers and the page."""

import csv
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from hounsfield.errors import HounsfieldError
from hounsfield.measuring.mapping import MappedCase, MappingOptions, case_json, map_case, require_folder, write_case
from hounsfield.measuring.mapping_page import write_mapping_page
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import settings_from
from hounsfield.report.mapped import PLOT_HEIGHT, PlotView
from hounsfield.report.text import Text
from tests.measuring.cases import SPACING_MM, labels, samples
from tests.measuring.cases import write_case as write_files

SETTINGS = settings_from({"name": "quick", "families": ["intensity-statistics", "glcm"]}, "quick")
TAGS = ("stat_max", "cm_contrast_3D_avg")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_files(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def case(files) -> MappedCase:
    options = MappingOptions(TAGS, 1, True, (-1.0, 0.0, 1.5), SETTINGS)
    return map_case(find_sources(*files)[0], options)


def on_image(path: Path, image: Path) -> np.ndarray:
    """Read a volume with nibabel alone, and turn its axes to those of the image, whose grid it must have."""
    own, found = nibabel.load(image), nibabel.load(path)
    ours, turn = (nibabel.orientations.io_orientation(one.affine) for one in (own, found))
    turned = found.as_reoriented(nibabel.orientations.ornt_transform(turn, ours))
    assert turned.affine == pytest.approx(own.affine)
    return turned.get_fdata().transpose(2, 1, 0)


def test_every_region_has_its_maps_slices_and_rings(case: MappedCase) -> None:
    assert [one.region.label for one in case.regions] == [2, 7]
    for one in case.regions:
        assert [each.tag for each in one.maps.maps] == list(TAGS)
        assert len(one.slices) == np.count_nonzero((labels() == one.region.label).any(axis=(1, 2)))
        assert len(one.rings) == 2
        assert one.estimate.voxels == one.inside.sum()


@pytest.mark.parametrize("ending", ["nii.gz", "nii"])
def test_maps_lie_on_the_image_and_hold_the_greatest_of_the_kernel(
    case: MappedCase, files, tmp_path: Path, ending: str
) -> None:
    """The map of the maximum is a dilation within the mask: scipy makes the same."""
    written = write_case(case, tmp_path / "maps", ending)
    assert f"label-2_stat_max.{ending}" in [path.name for path in written]
    inside = labels() == 2
    expected = ndimage.maximum_filter(np.where(inside, samples(), -1), 3, mode="constant", cval=-1)
    array = on_image(tmp_path / "maps" / f"label-2_stat_max.{ending}", files[0])
    assert (np.isfinite(array) == inside).all()
    assert (array[inside] == expected[inside]).all()


def test_rings_and_tables_are_written(case: MappedCase, files, tmp_path: Path) -> None:
    write_case(case, tmp_path / "maps")
    rings = on_image(tmp_path / "maps" / "label-7_rings.nii.gz", files[0])
    assert set(np.unique(rings)) == {0, 1, 2}
    assert not (rings == 2)[labels() == 7].any()
    rows = list(csv.DictReader((tmp_path / "maps" / "slices.csv").open(encoding="utf-8")))
    mean = next(row for row in rows if row["label"] == "2" and row["tag"] == "stat_mean" and row["low_mm"] == "6.0")
    assert float(mean["value"]) == pytest.approx(samples()[3][labels()[3] == 2].mean())
    table = list(csv.DictReader((tmp_path / "maps" / "rings.csv").open(encoding="utf-8")))
    inner = next(row for row in table if row["label"] == "2" and row["tag"] == "stat_max" and row["high_mm"] == "0.0")
    one = next(one for one in case.regions if one.region.label == 2)
    assert float(inner["value"]) == samples()[one.ring_labels == 1].max()
    assert float(inner["volume_mm3"]) == pytest.approx((one.ring_labels == 1).sum() * np.prod(SPACING_MM))


def test_the_answer_sums_up_what_was_mapped(case: MappedCase) -> None:
    told = case_json(case, ())
    first = told["regions"][0]["maps"][0]
    assert (first["tag"], first["minimum"], first["maximum"]) == (
        "stat_max",
        min(case.regions[0].maps.maps[0].values),
        samples()[labels() == 2].max(),
    )
    assert len(told["regions"][0]["slices"]) == 4
    assert told["regions"][1]["rings"][0]["low_mm"] == -1.0
    assert "medical device" in told["disclaimer"]


def test_a_folder_that_holds_something_is_kept(case: MappedCase, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for folder, ending, code in ((tmp_path, "nii.gz", "E340"), (tmp_path / "new", "png", "E343")):
        with pytest.raises(HounsfieldError) as caught:
            require_folder(folder, ending)
        assert caught.value.code == code
    with pytest.raises(HounsfieldError):
        write_case(case, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_asked_for_is_refused(files) -> None:
    with pytest.raises(HounsfieldError) as caught:
        map_case(find_sources(*files)[0], MappingOptions())
    assert caught.value.code == "E994"


def test_the_page_shows_maps_curves_and_bars_in_both_languages(case: MappedCase, tmp_path: Path) -> None:
    text = write_mapping_page(case, tmp_path / "maps.html").read_text(encoding="utf-8")
    assert text.count("<polyline") == 2 * 3  # two regions; stat_max, its shown kin and the contrast in slices
    assert text.count("Maps of radiomic features") >= 1
    assert "影像组学特征图谱" in text
    assert "3 × 3 × 3 (6 × 3 × 1.5 mm)" in text
    assert "-1 … 0 mm" in text
    assert "not a medical device" in text
    assert not re.search(r"""(?:src|href)=["']https?:""", text)
    # two maps and one picture of rings for each region, and a colour bar for each map
    assert text.count("data:image/png") == 2 * (2 + 1 + 2)


def test_bars_stand_on_nothing_and_curves_reach_the_ends() -> None:
    name = Text("a", "b")
    bars = PlotView("x", name, "", ((-2, 0), (0, 2), (2, 4)), (10.0, -10.0, float("nan")), True)
    assert bars.height_of(0.0) == PLOT_HEIGHT / 2
    assert [(top, height) for _, top, _, height in bars.rectangles] == [(0, 80), (80, 80), (80, 0)]
    assert [value for _, _, value in bars.labels] == ["10", "-10", "–"]
    curve = PlotView("x", name, "", ((2, 2), (4, 4), (8, 8)), (1.0, float("nan"), 3.0), False)
    assert curve.points == ((0.0, float(PLOT_HEIGHT)), (600.0, 0.0))

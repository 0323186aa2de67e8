"""Every published value of the IBSI 1 benchmarks: the digital phantom, and the CT phantom in configurations A to E."""

import csv
import math
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.radiomics import FeatureSet, extract, named_settings
from tests.radiomics.phantoms import digital_phantom, volume_and_mask

TABLE = Path(__file__).parents[1] / "reference" / "ibsi1_reference_values.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines(), delimiter=";"))
CONFIGURATIONS = "abcde"


def compare(found: FeatureSet, dataset: str) -> tuple[list[str], list[str]]:
    """Return one line for each published value of a data set, and those lines that lie outside its tolerance."""
    features = {feature.tag: feature for feature in found.features}
    lines, outside = [], []
    for row in (row for row in ROWS if row["dataset"] == dataset):
        feature = features[row["tag"]]
        assert (feature.ibsi_id, feature.aggregation) == (row["ibsi_id"], row["aggregation"])
        is_within = within(feature.value, row["value"], float(row["tolerance"]))
        line = f"{row['tag']:36} {row['value']:>9} ± {row['tolerance']:<7} {feature.value:.6g}"
        lines.append(line)
        if not is_within:
            outside.append(line)
    return lines, outside


def within(value: float, published: str, tolerance: float) -> bool:
    """A tolerance of 0 means the digits that are printed: three significant ones, as the manual writes all values."""
    wanted = float(published)
    if math.isclose(value, wanted, rel_tol=1e-9, abs_tol=tolerance * (1 + 1e-9)):
        return True
    return tolerance == 0 and float(f"{value:.3g}") == wanted


@pytest.mark.parametrize(
    ("value", "published", "tolerance", "is_within"),
    [
        (0.7634, "0.763", 0.0, True),
        (0.7636, "0.763", 0.0, False),
        (0.769, "0.763", 0.006, True),
        (0.7691, "0.763", 0.006, False),
        (float("nan"), "0.763", 0.006, False),
    ],
)
def test_the_comparison_can_fail(value: float, published: str, tolerance: float, is_within: bool) -> None:
    assert within(value, published, tolerance) is is_within


def test_every_row_belongs_to_a_data_set_that_is_compared() -> None:
    compared = {"dig. phantom", *(f"config. {letter.upper()}" for letter in CONFIGURATIONS)}
    assert {row["dataset"] for row in ROWS} == compared
    assert len(ROWS) == 1804


def test_the_digital_phantom_has_every_published_value(capsys: pytest.CaptureFixture[str]) -> None:
    found = extract(*digital_phantom(), named_settings("ibsi-digital-phantom"))
    lines, outside = compare(found, "dig. phantom")
    print("\n".join(lines))
    assert outside == []
    assert len(lines) == len(capsys.readouterr().out.splitlines()) == 482


@cache
def ct_phantom(folder: Path) -> tuple[Volume, Mask]:
    source = folder / "ibsi" / "ibsi_1_ct_radiomics_phantom" / "nifti"
    image, mask = nib.load(source / "image" / "phantom.nii.gz"), nib.load(source / "mask" / "mask.nii.gz")
    spacing = tuple(float(side) for side in image.header.get_zooms()[2::-1])
    samples = np.rint(np.asarray(image.dataobj, dtype=np.float32)).T
    return volume_and_mask(samples, np.asarray(mask.dataobj).T > 0, spacing, Quantity.HOUNSFIELD)


@pytest.mark.parametrize("letter", CONFIGURATIONS)
def test_the_ct_phantom_has_every_published_value(shared_data: Path, letter: str) -> None:
    found = extract(*ct_phantom(shared_data), named_settings(f"ibsi-{letter}"))
    lines, outside = compare(found, f"config. {letter.upper()}")
    print("\n".join(lines))
    assert outside == []
    assert len(lines) == {"a": 346, "b": 346}.get(letter, 210)


def test_the_ct_phantom_has_the_published_number_of_voxels(shared_data: Path) -> None:
    settings = named_settings("ibsi-c")
    found = extract(*ct_phantom(shared_data), settings)
    assert abs(found.voxel_count - 45_985) <= 100
    assert extract(*ct_phantom(shared_data), named_settings("ibsi-a")).voxel_count == 125_256

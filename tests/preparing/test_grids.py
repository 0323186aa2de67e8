"""Steps of grid and scale from the command line to files: what others read of them lies and counts as it should."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK

from hounsfield.cli import main
from hounsfield.image import phantoms
from hounsfield.image.phantoms import BodyPhantom, Pose, pose_geometry

GRID = pose_geometry((6, 40, 36), (9.0, 3.2, 3.6), Pose("axial", (8.0, -6.0, 11.0)))


@pytest.fixture
def body(tmp_path):
    return phantoms.write_ct(tmp_path / "body", BodyPhantom(geometry=GRID))[0].parent


def prepared(capsys, body, output, steps):
    assert main(["prepare", str(body), str(output), "--steps", steps, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_markers_stay_where_they_lie_in_the_patient(capsys, body, tmp_path):
    """The left insert has its Hounsfield units at its place in every file, whatever was turned, cut and padded."""
    left = phantoms.ct.INSERTS["left"]
    for number, steps in enumerate(
        [
            "orient:to=coronal",
            "orient:to=RAS;pad:margin_mm=10",
            "crop:above=-500,margin_mm=4;orient:to=sagittal",
            "crop:low_mm=[20,-30,-25],high_mm=[70,30,25];pad:slices=12,rows=60,columns=64",
        ]
    ):
        data = prepared(capsys, body, tmp_path / f"{number}.nrrd", steps)
        assert data["enhanced_by"] == []
        assert data["quantity"] == "hounsfield"
        image = SimpleITK.ReadImage(str(tmp_path / f"{number}.nrrd"))
        index = image.TransformPhysicalPointToIndex(left.center_mm)
        assert image[index] == left.hounsfield
        assert list(image.GetSize()) == data["shape"][::-1]


@pytest.mark.parametrize(
    ("steps", "quantity", "is_marked"),
    [
        ("z-score", "arbitrary", False),
        ("percentile-scale", "display", True),
        ("window:center=40,width=400", "display", True),
    ],
)
def test_scales_are_written_and_marked(capsys, body, tmp_path, steps, quantity, is_marked):
    data = prepared(capsys, body, tmp_path / "out.nii.gz", steps)
    found = nibabel.load(tmp_path / "out.nii.gz").get_fdata()
    assert data["quantity"] == quantity
    assert data["enhanced_by"] == ([steps.partition(":")[0]] if is_marked else [])
    if quantity == "display":
        assert (found.min(), found.max()) == (0, 1)
    else:
        np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=1e-5)

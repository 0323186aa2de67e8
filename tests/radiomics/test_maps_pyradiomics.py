"""Voxel-wise maps against those of pyradiomics 3.0.1, recorded on a case that a formula gives.

The values were made by ``RadiomicsFeatureExtractor(binCount=6, kernelRadius=1).execute(image, mask, voxelBased=True)``
on the image and mask of ``maps`` below, and read at nine of its voxels.
"""

import re

import numpy as np
import pytest

from hounsfield.radiomics import settings_from
from hounsfield.radiomics.maps import FeatureMaps, feature_maps
from tests.radiomics.phantoms import volume_and_mask
from tests.radiomics.test_pyradiomics import rows
from tests.radiomics.voxel_values_first import VALUES as FIRST
from tests.radiomics.voxel_values_pairs import VALUES as PAIRS
from tests.radiomics.voxel_values_runs import VALUES as RUNS

VALUES = {**FIRST, **PAIRS, **RUNS}
TAGS = {f"{row['class']}_{row['name']}": row["tag"] for row in rows() if row["tag"]}
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def maps() -> FeatureMaps:
    z, y, x = np.indices((4, 6, 5))
    samples = (7 * x + 11 * y + 13 * z + x * y * 3 + z * z * 5) % 40
    case = volume_and_mask(samples, (x + 2 * y + z) % 9 != 0)
    settings = settings_from({"rounds": False, "discretisation": {"number": 6}}, "test")
    return feature_maps(*case, [TAGS[name] for name in VALUES], settings)


@pytest.mark.parametrize("name", VALUES)
def test_maps_are_those_of_pyradiomics(maps: FeatureMaps, name: str) -> None:
    one = next(each for each in maps.maps if re.sub("_3D(_avg)?$", "", each.tag) == TAGS[name])
    places = np.flatnonzero(maps.inside.ravel())[::13][:9]
    found = maps.boxed(one).ravel()[places]
    assert found == pytest.approx(np.array(VALUES[name]), rel=TOLERANCE, abs=TOLERANCE)

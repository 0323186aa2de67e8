"""Values under changes: in the order of the features, NaN where nothing is left, for slices and volumes alike."""

import math

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.measuring import perturbed
from hounsfield.measuring.perturbed import perturbed_values
from hounsfield.radiomics import extract, named_settings, settings_from
from hounsfield.radiomics.perturb import Perturbation
from hounsfield.repeating import drawn_changes
from tests.radiomics.phantoms import ball, volume_and_mask

FAST = settings_from({"families": ["intensity-statistics", "morphology"], "leaves_out": ["morph_moran_i"]}, "fast")


def lesion(quantity: Quantity = Quantity.ARBITRARY) -> tuple[Volume, Mask]:
    inside = np.pad(ball(6.0, (1.0, 1.0, 1.0)), 5)
    samples = np.where(inside, 60.0, 0.0) + np.random.default_rng(0).normal(0, 6, inside.shape)
    return volume_and_mask(samples.round(), inside, (1.0, 1.0, 1.0), quantity)


def test_values_are_those_of_the_changed_image_in_the_order_of_the_features() -> None:
    volume, mask = lesion()
    found = extract(volume, mask, FAST, label=1)
    rows = perturbed_values((volume, mask, 1), found, 2, 5)
    assert len(rows) == 2
    for row, change in zip(rows, drawn_changes(2, 5), strict=True):
        again = extract(*change.apply(volume, mask, 1), FAST)
        assert [one.tag for one in again.features] == [one.tag for one in found.features]
        assert row == pytest.approx([one.value for one in again.features], nan_ok=True)


def test_more_changes_begin_with_the_same_ones() -> None:
    assert drawn_changes(5, 3)[:2] == drawn_changes(2, 3)
    assert drawn_changes(0, 3) == []


def test_size_and_mean_vary_by_as_much_as_the_changes_do() -> None:
    volume, mask = lesion()
    found = extract(volume, mask, FAST, label=1)
    tags = [one.tag for one in found.features]
    rows = np.array(perturbed_values((volume, mask, 1), found, 8, 1))
    volumes = rows[:, tags.index("morph_vol_approx")] / found.value("morph_vol_approx")
    assert 0.02 < volumes.std() < 0.3
    assert (np.abs(volumes - 1) < 0.5).all()
    means = rows[:, tags.index("stat_mean")]
    assert means.mean() == pytest.approx(found.value("stat_mean"), rel=0.3)


def test_whole_hounsfield_units_stay_whole() -> None:
    volume, mask = lesion(Quantity.HOUNSFIELD)
    found = extract(volume, mask, FAST, label=1)
    tags = [one.tag for one in found.features]
    rows = perturbed_values((volume, mask, 1), found, 3, 2)
    for row in rows:
        assert row[tags.index("stat_max")] == round(row[tags.index("stat_max")])


def test_a_change_that_leaves_nothing_has_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, mask = lesion()
    found = extract(volume, mask, FAST, label=1)
    changes = [Perturbation(), Perturbation(growth_fraction=-1.0), Perturbation(noise_seed=1)]
    monkeypatch.setattr(perturbed, "drawn_changes", lambda *_: changes)
    first, second, third = perturbed_values((volume, mask, 1), found, 3, 0)
    assert first == pytest.approx([one.value for one in found.features])
    assert all(math.isnan(value) for value in second)
    assert math.isfinite(third[0])
    assert first != third


def test_a_single_slice_is_changed_within_its_plane() -> None:
    places = np.indices((1, 40, 40))
    inside = (places[1] - 20) ** 2 + (places[2] - 20) ** 2 <= 100
    samples = np.where(inside, 60.0, 0.0) + np.random.default_rng(1).normal(0, 5, inside.shape)
    volume, mask = volume_and_mask(samples, inside)
    settings = named_settings("default-2d")
    found = extract(volume, mask, settings, label=1)
    rows = np.array(perturbed_values((volume, mask, 1), found, 4, 0))
    tags = [one.tag for one in found.features]
    areas = rows[:, tags.index("morph_vol_approx")] / found.value("morph_vol_approx")
    assert np.isfinite(areas).all()
    assert (np.abs(areas - 1) < 0.5).all()


def test_an_empty_label_is_no_region() -> None:
    volume, mask = lesion()
    with pytest.raises(ImageError, match="E963"):
        Perturbation().apply(volume, mask, 9)

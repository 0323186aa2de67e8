"""Parts of a segmentation: patients stay together, masks lie on the grid of the network, the unfit is refused."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.masked_guard import examine_masked  # noqa: E402
from hounsfield.cases.masked_table import MaskedCase, MaskedImage  # noqa: E402
from hounsfield.core.geometry import VolumeGeometry  # noqa: E402
from hounsfield.core.quantities import Quantity  # noqa: E402
from hounsfield.core.volume import Mask, Volume  # noqa: E402
from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.model.instances import BORDER, INTERIOR  # noqa: E402
from hounsfield.prepare.sequence import build_steps  # noqa: E402
from hounsfield.train.events import TrainEvent, silent  # noqa: E402
from hounsfield.train.plan import SplitPlan  # noqa: E402
from hounsfield.train.segmentation.gather import (  # noqa: E402
    choose_masked_parts,
    gather_masked_parts,
    prepare_case,
    usable,
)
from tests.train.segmentation import discs  # noqa: E402


def chosen_of(count: int = 20, seed: int = 0) -> dict[str, tuple[int, ...]]:
    table = discs.table(count)
    return choose_masked_parts(table, examine_masked(table).groups, SplitPlan(seed=seed))


def test_no_patient_is_in_two_parts_and_every_case_in_one() -> None:
    chosen = chosen_of()
    assert set(chosen) == {"training", "tuning", "test"}
    patients = [{index // 2 for index in indices} for indices in chosen.values()]
    assert len(set.union(*patients)) == sum(map(len, patients))
    assert sorted(index for indices in chosen.values() for index in indices) == list(range(20))
    assert chosen == chosen_of()
    assert chosen != chosen_of(seed=1)


def test_declared_parts_hold_and_cases_without_a_mask_or_unfit_are_left_out() -> None:
    table = discs.table(20)
    parts = ["training"] * 10 + ["tuning"] * 4 + ["test"] * 6
    cases = [replace(case, split=part) for case, part in zip(table.cases, parts, strict=True)]
    cases[3] = replace(cases[3], mask=None)
    declared = replace(table, cases=tuple(cases))
    chosen = choose_masked_parts(declared, [index // 2 for index in range(20)], SplitPlan(), unusable=(12,))
    assert chosen["training"] == (0, 1, 2, 4, 5, 6, 7, 8, 9)
    assert chosen["tuning"] == (10, 11, 13)
    assert chosen["test"] == tuple(range(14, 20))


def test_too_few_cases_are_refused_with_the_part() -> None:
    table = discs.table(4)
    with pytest.raises(DatasetError) as caught:
        choose_masked_parts(table, [0, 0, 0, 0], SplitPlan())
    assert caught.value.code == "E862"
    assert "tuning" in caught.value.text()


def test_images_are_prepared_once_in_half_precision_with_their_masks() -> None:
    table = discs.table(8)
    plan = discs.plan(prepare=({"step": "percentile-scale", "over": "volume"},))
    said: list[TrainEvent] = []
    chosen = {"training": (0, 1, 2), "tuning": (3,), "test": (5,)}
    parts = gather_masked_parts(table, range(8), chosen, plan, said.append)
    assert [case.identifier for case in parts.training] == ["0", "1", "2"]
    assert [len(parts.tuning), len(parts.test)] == [1, 1]
    case = parts.training[1]
    image, objects = discs.scene(1)
    assert case.images.dtype == np.float16
    assert np.array_equal(case.mask, objects > 0)
    assert 0 <= case.images.min() <= case.images.max() <= 1
    assert np.corrcoef(case.images.ravel().astype(float), image.ravel())[0, 1] > 0.99
    assert [event.done for event in said] == [1, 2, 3, 4, 5]


def test_a_mask_follows_its_image_to_another_spacing() -> None:
    reader = discs.SceneReader(discs.DEEP, spacing_mm=(2.0, 1.0, 1.0))
    image = reader.read(MaskedCase("4", (None,), None))
    settings = [{"step": "resample", "slice_mm": 1.0, "row_mm": 0.5, "column_mm": 0.5}]
    case = prepare_case("4", 0, image, build_steps(settings), discs.plan((8, 32, 32)))
    assert case.mask.shape == case.images.shape[1:] == (24, 64, 64)
    share = (image.mask.array > 0).mean()
    assert (case.mask > 0).mean() == pytest.approx(share, rel=0.05)
    bright = case.images[0] > 110
    both = 2 * (bright & (case.mask > 0)).sum() / (bright.sum() + (case.mask > 0).sum())
    assert both > 0.9


def test_numbered_objects_become_interior_and_border_and_are_kept() -> None:
    reader = discs.SceneReader(is_instances=True)
    image = reader.read(MaskedCase("2", (None,), None))
    plan = discs.plan(is_instances=True)
    case = prepare_case("2", 0, image, (), plan)
    assert set(np.unique(case.mask)) == {0, INTERIOR, BORDER}
    assert case.objects is not None
    assert np.array_equal(case.objects, image.mask.array)
    assert np.array_equal(case.mask > 0, image.mask.array > 0)


def test_masks_without_any_label_cannot_be_learned_from() -> None:
    class Empty(discs.SceneReader):
        def read(self, case: MaskedCase) -> MaskedImage:
            image = super().read(case)
            return replace(image, mask=Mask(np.zeros_like(image.mask.array), image.mask.geometry, {}))

    with pytest.raises(DatasetError) as caught:
        gather_masked_parts(
            discs.table(4, Empty()), range(4), {"training": (0, 1), "tuning": (2,)}, discs.plan(), silent
        )
    assert caught.value.code == "E863"
    assert "disc" in caught.value.text()


def test_a_plan_for_ct_refuses_other_images() -> None:
    grid = VolumeGeometry((1, 4, 4))
    volume = Volume(np.zeros(grid.shape), grid, Quantity.ARBITRARY)
    assert usable((volume, None), "arbitrary") == (volume, None)
    assert usable((None,), "hounsfield") == (None,)
    with pytest.raises(DatasetError) as caught:
        usable((volume,), "hounsfield")
    assert caught.value.code == "E864"
    assert "arbitrary" in caught.value.text()

"""Plans of a segmentation at the limits of their rules, what the reasons say of them, and the memory they state."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.masked_table import MaskedCase, MaskedImage  # noqa: E402
from hounsfield.core.quantities import Quantity  # noqa: E402
from hounsfield.core.volume import Volume  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402
from hounsfield.train.memory import COPIES_OF_WEIGHTS, FLOAT_BYTES  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.fingerprint import MaskFingerprint, take_mask_fingerprint  # noqa: E402
from hounsfield.train.segmentation.plan import SegmentationPlan  # noqa: E402
from hounsfield.train.segmentation.planner import LOWEST_SIDE, make_mask_plan  # noqa: E402
from hounsfield.train.segmentation.setup import estimate_mask_memory  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

VOLUME = MaskFingerprint(
    case_count=30, shape=(64, 160, 160), spacing_mm=(1.0, 1.0, 1.0), has_one_spacing=True, channels=1,
    is_hounsfield=False, foreground_range=(0.0, 100.0), foreground_fraction=0.0234, object_samples=77,
    names_sides=False, available_bytes=None, cores=2,
)  # fmt: skip


def plan_of(recipe: dict[str, object] | None = None, size: int | None = None, **facts: object) -> SegmentationPlan:
    found = replace(VOLUME, **facts)  # type: ignore[arg-type]
    return make_mask_plan(TrainOptions(size=size), Recipe.model_validate(recipe or {}), found, discs.table(), 1)


def reason_of(plan: SegmentationPlan, choice: str) -> str:
    return next(reason.text("en") for reason in plan.reasons if reason.choice == choice)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "is_planar"),
    [
        ((16, 160, 160), (1.0, 1.0, 1.0), True),
        ((17, 160, 160), (1.0, 1.0, 1.0), False),
        ((64, 160, 160), (3.0, 1.0, 1.0), False),
        ((64, 160, 160), (3.1, 1.0, 1.0), True),
        ((64, 160, 160), (3.1, 0.5, 1.2), False),
        ((64, 160, 160), None, False),
        ((1, 160, 160), (9.0, 1.0, 1.0), True),
    ],
)
def test_dimensions_follow_slices_and_spacing(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float] | None, is_planar: bool
) -> None:
    plan = plan_of(shape=shape, spacing_mm=spacing_mm)
    assert plan.network.is_planar == is_planar
    assert len(plan.network.slice_strides) == (0 if is_planar else len(plan.network.widths) - 1)
    assert (plan.learning.batch_size > 2) == is_planar


@pytest.mark.parametrize(
    ("shape", "patch"),
    [
        ((17, 160, 160), (16, 64, 64)),
        ((31, 50, 64), (24, 64, 64)),
        ((200, 33, 20), (32, 48, 32)),
        ((64, 9, 500), (32, 16, 64)),
        ((1, 200, 191), (1, 192, 192)),
        ((1, 100, 65), (1, 112, 80)),
        ((1, 8, 8), (1, 16, 16)),
    ],
)
def test_a_patch_covers_the_image_as_far_as_the_budget_goes(
    shape: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    plan = plan_of(shape=shape)
    assert plan.network.patch == patch
    sides = patch[1:] if plan.network.is_planar else patch
    shown = reason_of(plan, "patch")
    assert " x ".join(map(str, sides)) in shown
    assert " x ".join(map(str, shape[1:] if plan.network.is_planar else shape)) in shown


@pytest.mark.parametrize("rows", range(16, 200, 23))
@pytest.mark.parametrize("slices", [1, 17, 33])
def test_stages_stop_before_the_map_is_too_small(rows: int, slices: int) -> None:
    network = plan_of(shape=(slices, rows, 2 * rows)).network
    lowest = [side // step for side, step in zip(network.patch, network.reduction, strict=True)]
    assert min(lowest[1:]) >= LOWEST_SIDE
    assert lowest[0] >= (1 if slices == 1 else 2)
    assert 1 <= network.supervised < len(network.widths)
    assert network.widths == tuple(sorted(network.widths))


@pytest.mark.parametrize(("asked", "side"), [(16, 16), (100, 96), (128, 128), (4000, 160)])
def test_a_size_asked_for_is_an_upper_limit_in_steps_of_sixteen(asked: int, side: int) -> None:
    assert plan_of(size=asked).network.patch == (32, side, side)
    assert plan_of({"network": {"size": asked}}).network.patch == (32, side, side)


def test_what_a_recipe_says_replaces_what_the_data_suggest() -> None:
    prepare = [{"step": "z-score"}]
    given = {"prepare": prepare, "augment": [], "segmentation": {"foreground_fraction": 0.25, "overlap_fraction": 0.75}}
    plan = plan_of(given, is_hounsfield=True)
    assert list(plan.prepare) == prepare
    assert plan.augment == ()
    assert (plan.foreground_fraction, plan.overlap_fraction) == (0.25, 0.75)
    assert "25" in reason_of(plan, "patches")
    assert "50" in reason_of(plan_of(), "patches")


def test_reasons_carry_what_was_found() -> None:
    shown = reason_of(plan_of(), "patches")
    assert "2.3" in shown
    assert "77" in shown
    assert "4.5" in reason_of(plan_of(spacing_mm=(4.5, 1.0, 1.0)), "network")
    window = plan_of(is_hounsfield=True, foreground_range=(-107.26, 298.44))
    assert "-107.3" in reason_of(window, "prepare")
    assert "298.4" in reason_of(window, "prepare")
    assert window.prepare[-1]["width"] == pytest.approx(405.7)


def test_a_foreground_of_one_value_still_has_a_window() -> None:
    assert plan_of(is_hounsfield=True, foreground_range=(40.0, 40.0)).prepare[-1]["width"] == 1


def test_weights_and_batches_in_memory_are_those_of_the_network() -> None:
    plan = plan_of()
    found = estimate_mask_memory(plan, VOLUME.shape, 30)
    weights = sum(item.numel() for item in build_unet(plan.network).parameters())
    assert found.weights_bytes == weights * COPIES_OF_WEIGHTS * FLOAT_BYTES
    assert found.total_bytes == found.images_bytes + found.weights_bytes + found.batch_bytes
    assert estimate_mask_memory(plan, VOLUME.shape, 60).images_bytes == 2 * found.images_bytes
    # a stage's maps are at least as large as the patch times its width, at full size twice in each direction
    patch = int(np.prod(plan.network.patch))
    assert found.batch_bytes > plan.learning.batch_size * patch * plan.network.widths[0] * 4 * FLOAT_BYTES


@pytest.mark.parametrize("change", [{"size": 128}, {"recipe": {"network": {"depth": 3}}}])
def test_what_asks_for_more_states_more_memory(change: dict[str, object]) -> None:
    small = estimate_mask_memory(plan_of(), VOLUME.shape, 30)
    large = estimate_mask_memory(plan_of(**change), VOLUME.shape, 30)  # type: ignore[arg-type]
    assert large.batch_bytes > 1.1 * small.batch_bytes
    assert large.images_bytes == small.images_bytes


class Mixed(discs.SceneReader):
    """Scenes whose cases differ in one fact by turns."""

    def read(self, case: MaskedCase) -> MaskedImage:
        image = super().read(case)
        if int(case.identifier) % 3:
            return image
        grid = replace(image.mask.geometry, spacing_mm=(2.0, 1.2, 1.0))
        volume = Volume(image.volumes[0].array, grid, Quantity.HOUNSFIELD)  # type: ignore[union-attr]
        return MaskedImage((volume,), replace(image.mask, geometry=grid))


def test_one_case_of_three_that_differs_shows_in_the_fingerprint() -> None:
    table = discs.table(9, Mixed(discs.DEEP, spacing_mm=(2.0, 1.0, 1.0)))
    found = take_mask_fingerprint(table, table.with_mask)
    assert found.spacing_mm == (2.0, 1.0, 1.0)
    assert not found.has_one_spacing
    assert not found.is_hounsfield
    only = take_mask_fingerprint(table, (0, 3, 6))
    assert only.has_one_spacing
    assert only.is_hounsfield
    assert only.spacing_mm == (2.0, 1.2, 1.0)


@pytest.mark.parametrize(
    ("name", "has_side"),
    [
        ("Left lung", True),
        ("kidney_R", True),
        ("lung-sinister", True),
        ("liver", False),
        ("cleft", False),
        ("bright", False),
    ],
)
def test_sides_are_read_from_whole_words(name: str, has_side: bool) -> None:
    table = replace(discs.table(2), label_names=("background", name))
    assert take_mask_fingerprint(table, (0, 1)).names_sides == has_side

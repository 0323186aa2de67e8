"""The plan of a segmentation: what the fingerprint finds, what is chosen from it, and the reasons that are given."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.train.augment import Affine  # noqa: E402
from hounsfield.train.memory import ALWAYS_BYTES  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.fingerprint import MaskFingerprint, take_mask_fingerprint  # noqa: E402
from hounsfield.train.segmentation.plan import SegmentationPlan  # noqa: E402
from hounsfield.train.segmentation.planner import make_mask_plan  # noqa: E402
from hounsfield.train.segmentation.setup import estimate_mask_memory  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

RECIPE, OPTIONS = Recipe(), TrainOptions()
FOUND = MaskFingerprint(
    case_count=40, shape=(1, 256, 300), spacing_mm=None, has_one_spacing=True, channels=1, is_hounsfield=False,
    foreground_range=(-20.0, 180.0), foreground_fraction=0.05, object_samples=500, names_sides=False,
    available_bytes=None, cores=2,
)  # fmt: skip


def plan_of(recipe: Recipe = RECIPE, options: TrainOptions = OPTIONS, **facts: object) -> SegmentationPlan:
    return make_mask_plan(options, recipe, replace(FOUND, **facts), discs.table(), 1)  # type: ignore[arg-type]


def keys(plan: SegmentationPlan) -> set[str]:
    return {reason.key.removeprefix("ui.train.mask-reason.") for reason in plan.reasons}


def test_the_fingerprint_knows_the_discs() -> None:
    table = discs.table(6, discs.SceneReader(discs.DEEP, spacing_mm=(2.0, 1.0, 1.0)))
    found = take_mask_fingerprint(table, table.with_mask)
    images = [discs.scene(seed, discs.DEEP) for seed in range(6)]
    assert found.case_count == 6
    assert found.shape == discs.DEEP
    assert found.spacing_mm == (2.0, 1.0, 1.0)
    assert found.has_one_spacing
    assert found.channels == 1
    assert found.foreground_fraction == pytest.approx(np.mean([(objects > 0).mean() for _, objects in images]))
    assert found.object_samples == int(np.median([(objects > 0).sum() for _, objects in images]))
    inside = np.concatenate([image[objects > 0] for image, objects in images])
    assert found.foreground_range == pytest.approx(np.percentile(inside, [0.5, 99.5]), abs=1)
    assert found.cores >= 1


def test_pictures_without_spacing() -> None:
    plan = plan_of()
    assert plan.network.patch == (1, 192, 192)
    assert plan.network.is_planar
    assert plan.spacing_mm is None
    assert [step["step"] for step in plan.prepare] == ["percentile-scale"]
    assert {"pictures", "no-spacing", "percentiles", "patch", "deep-supervision", "foreground"} <= keys(plan)
    assert plan.quantity == "arbitrary"


def test_few_or_thick_slices_are_learned_one_by_one_and_others_as_volumes() -> None:
    assert plan_of(shape=(10, 256, 256)).network.is_planar
    thick = plan_of(shape=(60, 256, 256), spacing_mm=(5.0, 0.8, 0.8))
    assert thick.network.is_planar
    assert "thick-slices" in keys(thick)
    even = plan_of(shape=(60, 128, 128), spacing_mm=(1.0, 1.0, 1.0))
    assert even.network.patch == (32, 64, 64)
    assert len(even.network.slice_strides) == len(even.network.widths) - 1
    assert "volumes" in keys(even)


def test_spacings_that_differ_are_brought_to_their_median() -> None:
    flat = plan_of(shape=(10, 200, 200), spacing_mm=(8.0, 1.4, 1.4), has_one_spacing=False)
    assert flat.prepare[0] == {"step": "resample", "row_mm": 1.4, "column_mm": 1.4}
    deep = plan_of(shape=(60, 200, 200), spacing_mm=(1.5, 1.0, 1.0), has_one_spacing=False)
    assert deep.prepare[0]["slice_mm"] == 1.5
    assert "spacing" in keys(deep)


def test_ct_is_windowed_to_what_is_inside_the_masks() -> None:
    plan = plan_of(is_hounsfield=True)
    assert plan.prepare[-1] == {"step": "window", "center": 80.0, "width": 200.0}
    assert plan.quantity == "hounsfield"
    assert "hounsfield" in keys(plan)


def test_left_and_right_are_not_mirrored_and_colour_is_three_channels() -> None:
    plan = plan_of(names_sides=True, channels=3)
    assert next(kind for kind in plan.augment if isinstance(kind, Affine)).flip_probability == 0
    assert plan.channel_names == ("red", "green", "blue")
    assert plan.network.channels == 3


def test_objects_are_turned_all_the_way_round_and_learned_with_borders() -> None:
    table = discs.table(4, discs.SceneReader(is_instances=True))
    plan = make_mask_plan(TrainOptions(), Recipe(), FOUND, table, 1)
    assert plan.learned_names == ("background", "interior", "border")
    assert plan.network.label_count == 3
    assert next(kind for kind in plan.augment if isinstance(kind, Affine)).rotation_degrees == 180


@pytest.mark.parametrize("rows", [17, 40, 63, 100, 128, 500])
def test_every_size_gets_a_network_that_can_be_built(rows: int) -> None:
    for slices, spacing in ((1, None), (12, None), (40, (1.0, 1.0, 1.0))):
        plan = plan_of(shape=(slices, rows, rows + 9), spacing_mm=spacing)
        plan.network.check()
        assert plan.network.patch[1] % plan.network.reduction[1] == 0


def test_options_and_recipe_overrule_the_plan() -> None:
    recipe = Recipe.model_validate(
        {
            "seed": 5,
            "network": {"name": "residual-unet", "patch": [1, 64, 64], "widths": [8, 16], "supervised": 1},
            "learning": {"patience": 3, "batch_size": 2},
            "segmentation": {"batches_per_epoch": 7, "foreground_fraction": 0.9},
        }
    )
    plan = plan_of(recipe, TrainOptions(epochs=4, batch_size=6))
    assert (plan.seed, plan.network.name, plan.network.patch, plan.network.widths) == (
        5, "residual-unet", (1, 64, 64), (8, 16),
    )  # fmt: skip
    assert (plan.learning.patience, plan.learning.batch_size, plan.learning.epochs) == (3, 6, 4)
    assert (plan.batches_per_epoch, plan.foreground_fraction) == (7, 0.9)


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ({"network": {"depht": 3}}, "E830"),
        ({"network": {"patch": [1, 30, 30]}}, "E832"),
        ({"network": {"name": "u-net"}}, "E831"),
        ({"learning": {"mixup": None, "epoch": 3}}, "E830"),
        ({"segmentation": {"overlap": 0.5}}, "E830"),
        ({"segmentation": {"overlap_fraction": 1.5}}, "E830"),
    ],
)
def test_settings_that_cannot_be_are_refused(recipe: dict[str, object], code: str) -> None:
    with pytest.raises((SettingsError, DatasetError)) as caught:
        plan_of(Recipe.model_validate(recipe))
    assert caught.value.code == code


def test_every_reason_is_said_in_both_languages() -> None:
    plans = [
        plan_of(), plan_of(is_hounsfield=True, names_sides=True),
        plan_of(shape=(60, 200, 200), spacing_mm=(1.5, 1.0, 1.0), has_one_spacing=False),
        plan_of(shape=(10, 200, 200)), plan_of(shape=(60, 256, 256), spacing_mm=(5.0, 0.8, 0.8)),
    ]  # fmt: skip
    for plan in plans:
        for reason in plan.reasons:
            assert reason.text("en") != reason.text("zh")
            assert "{" not in reason.text("en") + reason.text("zh")


def test_memory_follows_the_batch_and_the_cases() -> None:
    plan = plan_of()
    once = estimate_mask_memory(plan, FOUND.shape, 40)
    assert once.images_bytes == 40 * 256 * 300 * (2 + 5)
    twice = plan.model_copy(update={"learning": plan.learning.model_copy(update={"batch_size": 16})})
    larger = estimate_mask_memory(twice, FOUND.shape, 40)
    assert larger.batch_bytes - ALWAYS_BYTES == pytest.approx(2 * (once.batch_bytes - ALWAYS_BYTES), rel=1e-6)

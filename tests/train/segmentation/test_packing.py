"""Packing of a segmentation: the exported network answers as torch does, for slices, volumes and objects."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.instances import decode_instances, with_borders  # noqa: E402
from hounsfield.model.mask_predictor import MaskPredictor  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402
from hounsfield.model.package import ModelPackage  # noqa: E402
from hounsfield.train.parts import PartSizes  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.segmentation.packing import (  # noqa: E402
    MaskFacts,
    assess_masks,
    export_unet,
    judge_masks,
    mask_manifest,
    rehearse_masks,
)
from hounsfield.train.segmentation.patches import PreparedCase  # noqa: E402
from hounsfield.train.segmentation.plan import SegmentationPlan  # noqa: E402
from hounsfield.train.segmentation.way import PatchRunner  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

FACTS = MaskFacts("discs", PartSizes(6, 2, 2), "hounsfield train")
PLANS = {"flat": discs.plan(), "deep": discs.plan((8, 32, 32)), "residual": discs.plan(name="residual-unet")}


def packed(plan: SegmentationPlan) -> tuple["torch.nn.Module", MaskPredictor]:
    torch.manual_seed(0)
    network = build_unet(plan.network).eval()
    manifest = mask_manifest(plan, Recipe(), FACTS)
    package = ModelPackage(manifest, export_unet(network, plan), "", manifest.identity, "")
    return network, MaskPredictor(package, threads=1)


@pytest.mark.parametrize("form", PLANS)
def test_the_package_answers_as_torch_does_on_whole_cases(form: str) -> None:
    plan = PLANS[form]
    network, predictor = packed(plan)
    case = discs.prepared(1, shape=discs.DEEP if form == "deep" else discs.FLAT)[0]
    expected, _ = PatchRunner(network, plan).case(case, plan.overlap_fraction)  # type: ignore[arg-type]
    found = predictor.predict(case.images.astype(np.float32))
    assert not found.is_objects
    assert found.labels.shape == case.mask.shape
    # samples on the very border between two labels may fall to either side in the last bit
    assert (found.labels != expected).mean() < 1e-3


@pytest.mark.parametrize("form", PLANS)
def test_the_same_weights_give_the_same_bytes(form: str) -> None:
    plan = PLANS[form]
    network = build_unet(plan.network).eval()
    assert export_unet(network, plan) == export_unet(network, plan)
    rehearse_masks(plan, Recipe())


def test_objects_are_counted_and_the_manifest_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    network = discs.plan().network
    plan = discs.plan(
        is_instances=True, label_names=("background", "nucleus"),
        network={**vars(network), "label_count": 3},
    )  # fmt: skip
    _, predictor = packed(plan)
    manifest = predictor.package.manifest
    assert manifest.masks is not None
    assert manifest.masks.object_name == "nucleus"
    assert [entry.name for entry in manifest.classes] == ["background", "interior", "border"]
    image, objects = discs.scene(0)
    learned = with_borders(objects)
    case = PreparedCase("0", 0, (image[None] / 255).astype(np.float16), learned, objects.astype(np.int32))

    def right(patch: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.eye(3, dtype=np.float32)[learned], -1, 0)

    monkeypatch.setattr("hounsfield.model.mask_predictor.slide", lambda *given: iter([(0, right(given[0]))]))
    found = predictor.predict(case.images.astype(np.float32))
    assert found.is_objects
    assert np.array_equal(found.labels, decode_instances(learned))
    assessment = assess_masks("test", judge_masks((case,), predictor, plan), plan.seed)
    assert assessment.metrics["f1_50"].value == 1
    assert assessment.metrics["dice"].value == 1


def test_assessment_is_the_mean_over_cases_with_an_interval() -> None:
    plan = discs.plan()
    _, predictor = packed(plan)
    cases = discs.prepared(3)
    found = assess_masks("tuning", judge_masks(cases, predictor, plan), plan.seed)
    scores = []
    for case in cases:
        called = predictor.predict(case.images.astype(np.float32)).labels == 1
        reference = case.mask == 1
        scores.append(2 * (called & reference).sum() / (called.sum() + reference.sum()))
    dice = found.metrics["dice"]
    assert dice.value == pytest.approx(np.mean(scores))
    assert min(scores) - 1e-9 <= dice.low <= dice.value <= dice.high <= max(scores) + 1e-9
    assert set(found.metrics) == {"dice"}


@pytest.mark.parametrize(
    "model", [{"version": "one"}, {"task": "Heart MRI"}, {"licence": ""}, {"name": "x", "version": "1.0"}]
)
def test_a_recipe_that_no_manifest_can_hold_is_refused_before_training(model: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        rehearse_masks(discs.plan(), Recipe.model_validate({"model": model}))
    assert caught.value.code == "E830"

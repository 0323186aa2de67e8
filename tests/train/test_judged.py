"""What models said of held-back cases: kept, read again, pooled; which folds are done, and how long they will take."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.splits import Fold  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.mask_catalogue import UNetSettings  # noqa: E402
from hounsfield.train import pace  # noqa: E402
from hounsfield.train.assess import assess_masks  # noqa: E402
from hounsfield.train.fold_shelf import FoldDone, Shelf  # noqa: E402
from hounsfield.train.judged import HELD_FILE, JudgedClasses, JudgedMasks, pool_masks, read_judged  # noqa: E402
from hounsfield.train.parts import PartSizes  # noqa: E402
from hounsfield.train.plan import Learning, Optimisation, Plan  # noqa: E402
from hounsfield.train.segmentation.plan import SegmentationPlan  # noqa: E402


def test_a_fold_counts_as_done_only_with_model_and_answers(tmp_path: Path) -> None:
    shelf, fold = Shelf(tmp_path), Fold(1, 2)
    shelf.record.write_text(json.dumps({"done": []}), encoding="utf-8")
    shelf.note(FoldDone(1, "ab", 2.0))
    assert shelf.done(fold) is None
    shelf.model(fold).write_bytes(b"")
    assert shelf.done(fold) is None
    shelf.run_folder(fold).mkdir()
    one = JudgedClasses(("a",), np.array([0]), np.array([1]), np.array([[0.25, 0.75]]), np.array([1]), 1)
    (shelf.run_folder(fold) / HELD_FILE).write_bytes(one.as_json())
    assert shelf.done(fold) == FoldDone(1, "ab", 2.0)
    assert shelf.done(Fold(2, 2)) is None
    shelf.note(FoldDone(1, "cd", 3.0))
    assert shelf.done(fold) == FoldDone(1, "cd", 3.0)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"3", b'{"kind": "classes"}', b'{"kind": "masks", "figures": 3}'])
def test_damaged_answers_are_none(tmp_path: Path, raw: bytes) -> None:
    assert read_judged(tmp_path) is None
    (tmp_path / HELD_FILE).write_bytes(raw)
    assert read_judged(tmp_path) is None


def test_masks_of_folds_are_pooled_case_by_case(tmp_path: Path) -> None:
    """A figure that is not defined for a case, or that a fold lacks, does not count."""
    first = JudgedMasks(("a", "b"), np.array([0, 0]), {"dice": np.array([0.5, 0.7]), "dice rare": np.array([0.2, 0.4])})
    second = JudgedMasks(("c",), np.array([1]), {"dice": np.array([0.9])})
    (tmp_path / HELD_FILE).write_bytes(first.as_json())
    again = read_judged(tmp_path)
    assert isinstance(again, JudgedMasks)
    pooled = pool_masks([again, second])
    assert pooled.identifiers == ("a", "b", "c")
    found = assess_masks("test", pooled, 0).metrics
    assert found["dice"].value == pytest.approx((0.5 + 0.7 + 0.9) / 3)
    assert found["dice rare"].value == pytest.approx(0.3)
    assert found["dice"].low == pytest.approx(0.6), "both cases of the first patient are drawn together"
    assert found["dice"].high == pytest.approx(0.9)


def test_undefined_figures_stay_undefined_in_their_file(tmp_path: Path) -> None:
    figures = {"dice": np.array([np.nan, 0.25])}
    (tmp_path / HELD_FILE).write_bytes(JudgedMasks(("a", "b"), np.array([0, 1]), figures).as_json())
    again = read_judged(tmp_path)
    assert isinstance(again, JudgedMasks)
    np.testing.assert_array_equal(again.figures["dice"], figures["dice"])


# ---- pace


def test_the_pace_grows_with_cases_epochs_and_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a step of one second an image, the seconds are those of counting by hand."""
    monkeypatch.setattr(pace, "seconds_an_image", lambda *_: 1.0)
    network = NetworkSettings(name="article", class_count=2, channels=1, rows=28, columns=28)
    plan = Plan(name="t", class_names=("a", "b"), prepare=(), network=network, learning=Learning(epochs=3))
    assert pace.seconds_of_classes(plan, PartSizes(10, 6, 4)) == pytest.approx(3 * (10 + 6 / 3))
    form = UNetSettings(name="unet", label_count=2, channels=1, patch=(1, 32, 32), widths=(4, 8))
    masks = SegmentationPlan(
        name="t", label_names=("b", "o"), prepare=(), channel_names=("0",), network=form, batches_per_epoch=5,
        learning=Optimisation(epochs=2, batch_size=4),
    )  # fmt: skip
    # 3 slices of 2 x 1 tiles, in each of 6 tuning cases
    assert pace.seconds_of_masks(masks, PartSizes(10, 6, 4), (3, 40, 32)) == pytest.approx(2 * (20 + 6 * 6 / 3))


def test_a_step_is_measured_and_leaves_gradients_behind() -> None:
    built: list[torch.nn.Module] = []

    def build() -> torch.nn.Module:
        built.append(torch.nn.Linear(3, 1))
        return built[-1]

    assert pace.seconds_an_image(build, lambda network, images: network(images).sum(), (3,), 4) > 0
    assert built[0].weight.grad is not None

"""Segmentation as a way of learning: it keeps the promises of a way, and learns what can be learned."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.segmentation.way import PatchRunner, Segmentation, label_dice  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

FORMS = {
    "flat": (discs.FLAT, (1, 32, 32), "unet"),
    "flat residual": (discs.FLAT, (1, 32, 32), "residual-unet"),
    "deep": (discs.DEEP, (8, 32, 32), "unet"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("promise", ways.PROMISES)
def test_keeps_the_promises_of_a_way(promise: ways.Promise, form: str) -> None:
    shape, patch, name = FORMS[form]
    parts = discs.parts(shape)
    promise(lambda: Segmentation(discs.plan(patch, name=name), parts))


def test_learns_the_discs(tmp_path: Path) -> None:
    way = Segmentation(discs.plan(epochs=12), discs.parts())
    outcome = ways.run(way, tmp_path)
    dice = [row.tuning["dice"] for row in outcome.progress.history]
    assert max(dice) > 0.9 > dice[0]
    assert outcome.progress.history[outcome.progress.best_epoch - 1].score == max(
        row.score for row in outcome.progress.history
    )


def test_every_case_comes_up_before_one_comes_again() -> None:
    way = Segmentation(discs.plan(), discs.parts())
    order = way._order(3, 24)
    assert all(sorted(order[start : start + 6]) == list(range(6)) for start in range(0, 24, 6))
    assert order != way._order(4, 24)


def test_measure_is_the_mean_dice_of_the_cases_in_whole() -> None:
    way = Segmentation(discs.plan(), discs.parts())
    torch.manual_seed(0)
    network = way.build().eval()
    runner = PatchRunner(network, way.plan)
    scores = []
    for case in way.parts.tuning:
        called, _ = runner.case(case, 0.0)
        both = 2 * np.logical_and(called == 1, case.mask == 1).sum()
        scores.append(both / ((called == 1).sum() + (case.mask == 1).sum()))
    assert way.measure(network).figures["dice"] == pytest.approx(np.mean(scores))


def test_loss_on_tuning_is_the_cross_entropy_of_each_sample() -> None:
    way = Segmentation(discs.plan((1, 48, 48)), discs.parts())
    torch.manual_seed(0)
    network = way.build().eval()
    case = way.parts.tuning[0]
    _, loss = PatchRunner(network, way.plan).case(case, 0.0)
    image = torch.zeros(1, 1, 48, 48)
    image[..., :40] = torch.from_numpy(case.images.astype(np.float32))[0, 0]
    logits = network(image)[..., :40]
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(case.mask.astype(np.int64)))
    assert loss == pytest.approx(float(expected), rel=1e-4)


def test_dice_of_a_label_that_neither_has_is_unknown() -> None:
    first = np.array([[[0, 1, 1]]], dtype=np.uint8)
    second = np.array([[[0, 1, 0]]], dtype=np.uint8)
    found = label_dice(first, second, 3)
    assert found[0] == pytest.approx(2 / 3)
    assert np.isnan(found[1])
    assert label_dice(first, np.zeros_like(first), 2)[0] == 0

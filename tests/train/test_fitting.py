"""Fitting: batches, then patches, are halved until the run fits; what a person asked for is left alone."""

from dataclasses import dataclass

import pytest

pytest.importorskip("torch")

from hounsfield.train import fitting
from hounsfield.train.fitting import KEY, Fit, fitted
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Optimisation, RunPlan
from hounsfield.train.recipe import Recipe


class SidedPlan(RunPlan):
    side: int = 192


@dataclass
class Machine:
    """Memory that is free, and what runs take: a byte for every sample of a batch."""

    free: int | None

    def estimate(self, plan: SidedPlan) -> MemoryEstimate:
        return MemoryEstimate(0, 0, plan.learning.batch_size * plan.side**2)


def make(options: TrainOptions) -> SidedPlan:
    learning = Optimisation(batch_size=options.batch_size or 16)
    return SidedPlan(name="x", learning=learning, side=options.size or 192)


def run(
    monkeypatch: pytest.MonkeyPatch,
    free: int | None,
    options: TrainOptions | None = None,
    recipe: Recipe | None = None,
    earlier: RunPlan | None = None,
    has_patches: bool = True,
) -> SidedPlan:
    machine = Machine(free)
    monkeypatch.setattr(fitting, "available_memory", lambda: machine.free)
    fit = Fit(make, machine.estimate, 2, (lambda plan: plan.side) if has_patches else (lambda plan: None))
    return fitted(fit, options or TrainOptions(), recipe or Recipe(), earlier)


@pytest.mark.parametrize(
    ("free", "expected"),
    [(None, (16, 192)), (16 * 192**2, (16, 192)), (16 * 192**2 - 1, (8, 192)), (3 * 192**2, (2, 192)),
     (2 * 192**2 - 1, (2, 96)), (2 * 96**2 - 1, (2, 96)), (1, (2, 96))],
)  # fmt: skip
def test_the_batch_is_halved_first_and_then_the_patch(
    monkeypatch: pytest.MonkeyPatch, free: int | None, expected: tuple[int, int]
) -> None:
    plan = run(monkeypatch, free)
    assert (plan.learning.batch_size, plan.side) == expected
    assert bool(plan.reasons) == (expected != (16, 192))


def test_the_reason_says_what_it_was_and_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (reason,) = run(monkeypatch, 2 * 192**2 - 1).reasons
    assert reason.facts == {"batch_size": 2, "side": 96, "batch_before": 16, "side_before": 192, "needed_mb": 1}
    for language in ("en", "zh"):
        assert all(text in reason.text(language) for text in ("16", "192", "96"))
    (whole,) = run(monkeypatch, 5 * 192**2, has_patches=False).reasons
    assert whole.key == KEY
    assert "192" not in whole.text()


@pytest.mark.parametrize(
    ("options", "recipe"),
    [(TrainOptions(batch_size=16, size=192), Recipe()),
     (TrainOptions(), Recipe(learning={"batch_size": 16}, network={"patch": (1, 192, 192)})),
     (TrainOptions(batch_size=16), Recipe(network={"size": 192}))],
)  # fmt: skip
def test_what_was_asked_for_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, options: TrainOptions, recipe: Recipe
) -> None:
    assert run(monkeypatch, 1, options, recipe) == make(options)


def test_images_that_are_taken_whole_keep_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run(monkeypatch, 1, has_patches=False)
    assert (plan.learning.batch_size, plan.side) == (2, 192)


def test_a_run_that_goes_on_obeys_what_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    small = run(monkeypatch, 2 * 192**2 - 1)
    assert run(monkeypatch, None, earlier=small).digest() == small.digest()
    large = run(monkeypatch, None)
    assert run(monkeypatch, 1, earlier=large).digest() == large.digest()

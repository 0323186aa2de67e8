"""The losses of the game against their formulas in numpy, their optima, and whose weights they move."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hounsfield.train.synthesis.objective import discriminator_loss, generator_loss, held  # noqa: E402
from hounsfield.train.synthesis.plan import Game  # noqa: E402

GAMES: tuple[Game, ...] = ("minimax", "saturating", "hinge", "least-squares")
REAL, MADE = np.array([1.5, -0.2, 3.0]), np.array([-1.0, 0.4, 0.0, 2.0])


def share(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


EXPECTED = {
    "minimax": (
        -np.log(share(REAL)).mean() - np.log(1 - share(MADE)).mean(),
        -np.log(share(MADE)).mean(),
    ),
    "saturating": (
        -np.log(share(REAL)).mean() - np.log(1 - share(MADE)).mean(),
        np.log(1 - share(MADE)).mean(),
    ),
    "hinge": (np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + MADE).mean(), -MADE.mean()),
    "least-squares": (((REAL - 1) ** 2).mean() / 2 + (MADE**2).mean() / 2, ((MADE - 1) ** 2).mean() / 2),
}


@pytest.mark.parametrize("game", GAMES)
def test_losses_are_their_formulas(game: Game) -> None:
    real, made = torch.tensor(REAL), torch.tensor(MADE)
    judge, maker = EXPECTED[game]
    assert float(discriminator_loss(game, real, made)) == pytest.approx(judge)
    assert float(generator_loss(game, made)) == pytest.approx(maker)


def test_smoothing_takes_from_the_target_of_real_images_alone() -> None:
    real, made = torch.tensor(REAL), torch.tensor(MADE)
    wanted = -(0.9 * np.log(share(REAL)) + 0.1 * np.log(1 - share(REAL))).mean() - np.log(1 - share(MADE)).mean()
    assert float(discriminator_loss("minimax", real, made, 0.1)) == pytest.approx(wanted)
    squares = ((REAL - 0.9) ** 2).mean() / 2 + (MADE**2).mean() / 2
    assert float(discriminator_loss("least-squares", real, made, 0.1)) == pytest.approx(squares)
    assert float(discriminator_loss("hinge", real, made, 0.1)) == pytest.approx(EXPECTED["hinge"][0])


def test_a_judge_that_cannot_tell_loses_the_logarithm_of_four() -> None:
    """At the optimum of the game the value is -log 4 (Goodfellow 2014, theorem 1)."""
    nothing = torch.zeros(5)
    assert float(discriminator_loss("minimax", nothing, nothing)) == pytest.approx(math.log(4))
    assert float(generator_loss("saturating", nothing)) == pytest.approx(-math.log(2))


@pytest.mark.parametrize("game", GAMES)
def test_looking_more_real_is_better_for_the_maker_and_worse_for_the_judge(game: Game) -> None:
    real, worse, better = torch.tensor([0.5]), torch.tensor([0.0]), torch.tensor([0.4])
    assert generator_loss(game, better) < generator_loss(game, worse)
    assert discriminator_loss(game, real, better) > discriminator_loss(game, real, worse)


def test_the_non_saturating_form_learns_where_the_other_hardly_does() -> None:
    slopes = {}
    for game in ("minimax", "saturating"):
        made = torch.tensor([-8.0], requires_grad=True)
        generator_loss(game, made).backward()
        slopes[game] = float(made.grad[0])
    assert slopes["minimax"] == pytest.approx(-1, abs=1e-3)
    assert slopes["saturating"] == pytest.approx(0, abs=1e-3)


def test_a_held_network_passes_gradients_on_and_takes_none() -> None:
    network = nn.Linear(3, 1)
    given = torch.ones(2, 3, requires_grad=True)
    with held(network):
        said = network(given).sum()
    assert all(weight.requires_grad for weight in network.parameters())
    said.backward()
    assert given.grad is not None
    assert all(weight.grad is None for weight in network.parameters())


def test_a_weight_that_was_held_before_stays_held() -> None:
    network = nn.Linear(3, 1)
    network.bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="planted"), held(network):
        raise RuntimeError("planted")
    assert network.weight.requires_grad
    assert not network.bias.requires_grad

"""What the two networks of a game lower, from the logits of the discriminator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from hounsfield.train.synthesis.plan import Game


def discriminator_loss(game: Game, real: Tensor, made: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return what the discriminator lowers.

    ``minimax`` and ``saturating``: minus the value of the game ``E log D(x) + E log(1 - D(G(z)))``, which it raises
    (Goodfellow 2014, equation 1), the first expectation against ``1 - smoothing``; ``hinge``: Lim and Ye 2017,
    equation 5; ``least-squares``: Mao 2017, equation 2 with b = 1 and a = 0.

    Args:
        game: which.
        real: logits (image,) of real images.
        made: logits (image,) of images that were made.
        smoothing: taken from the target of real images; hinge has no target.
    """
    wanted = torch.full_like(real, 1 - smoothing)
    if game == "hinge":
        return functional.relu(1 - real).mean() + functional.relu(1 + made).mean()
    if game == "least-squares":
        return 0.5 * ((real - wanted) ** 2).mean() + 0.5 * (made**2).mean()
    right = functional.binary_cross_entropy_with_logits(real, wanted)
    return right + functional.binary_cross_entropy_with_logits(made, torch.zeros_like(made))


def generator_loss(game: Game, made: Tensor) -> Tensor:
    """Return what the generator lowers.

    ``saturating``: the value of the game itself, ``E log(1 - D(G(z)))``; ``minimax``: ``-E log D(G(z))``, which has the
    same fixed point and gradients where the discriminator is sure (Goodfellow 2014, section 3); ``hinge``: minus the
    logit; ``least-squares``: half the squared distance of the logit to 1.

    Args:
        game: which.
        made: logits (image,) of images that were made.
    """
    if game == "hinge":
        return -made.mean()
    if game == "least-squares":
        return 0.5 * ((made - 1) ** 2).mean()
    if game == "saturating":
        return -functional.softplus(made).mean()
    return functional.softplus(-made).mean()


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """Let what is computed inside give the network no gradient, while gradients pass through it to what it is given."""
    own = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in own:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in own:
            weight.requires_grad_(True)

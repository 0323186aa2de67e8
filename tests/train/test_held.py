"""What a step saves: counted by hand, without memory for the weights and without filling them."""

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from hounsfield.train.held import saved_by  # noqa: E402


def test_saved_tensors_are_counted_by_hand() -> None:
    # of one image: the input, what the convolution gives and the ReLU takes and gives, and the mean that is squared
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    found = saved_by(lambda: _fresh(network), lambda net, images: net(images).mean((2, 3)).square().sum(), (1, 10, 12))
    assert found.total_bytes == 4 * (120 + 4 * 8 * 10 + 4)
    assert found.largest_bytes == 4 * 4 * 8 * 10
    assert found.weight_bytes == 4 * (4 * 9 + 4)


def test_a_tensor_that_two_layers_share_counts_once() -> None:
    def loss(network: nn.Module, images: Tensor) -> Tensor:
        found = network(images).exp()
        return (found * found + found.square()).sum()

    found = saved_by(lambda: nn.Conv2d(1, 1, 1), loss, (1, 6, 6))
    # the image for the convolution, its exponential for itself, the product and the square
    assert found.total_bytes == 4 * (36 + 36)


def test_weights_are_neither_filled_nor_taken_for_activations() -> None:
    state = torch.get_rng_state()
    found = saved_by(lambda: nn.Linear(20_000, 20_000), lambda net, images: net(images).sum(), (20_000,))
    assert found.weight_bytes == 4 * (20_000 * 20_000 + 20_000)
    assert found.total_bytes == 4 * 20_000
    assert torch.equal(torch.get_rng_state(), state)


def test_normalisation_saves_its_input_whatever_it_counts_itself() -> None:
    found = saved_by(lambda: nn.BatchNorm2d(3), lambda net, images: (net(images) ** 2).sum(), (3, 8, 8))
    # input of the normalisation, input of the square, and mean and deviation of three channels, shared by two images
    assert found.total_bytes == 4 * (3 * 64 + 3 * 64) + 4 * 3


def _fresh(network: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()) if network else network

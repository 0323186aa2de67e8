"""Generator and discriminator: shapes, gradients, bounds of the spectral norm, and what the class changes."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.gan import Adversaries, build_adversaries  # noqa: E402
from hounsfield.model.networks.gan_catalogue import MOST_WIDTH, SIDES, GanSettings  # noqa: E402

SMALL = GanSettings(class_count=3, side=32, latent=5, width=4)


def codes(settings: GanSettings, label: int = 0, count: int = 4) -> "torch.Tensor":
    noise = torch.randn(count, settings.latent, generator=torch.Generator().manual_seed(1))
    wanted = torch.zeros(count, settings.class_count)
    wanted[:, label] = 1
    return torch.cat([noise, wanted], 1)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_have_the_side_and_lie_between_black_and_white(side: int, channels: int) -> None:
    settings = replace(SMALL, side=side, channels=channels, width=2)
    networks = build_adversaries(settings)
    images = networks.generator(codes(settings))
    assert images.shape == (4, channels, side, side)
    images = images.detach()
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    assert networks.discriminator(images, codes(settings)[:, 5:]).shape == (4,)
    assert networks(codes(settings)).shape == (4,)


@pytest.mark.parametrize("has_spectral_norm", [True, False])
def test_every_weight_of_both_learns(has_spectral_norm: bool) -> None:
    settings = replace(SMALL, has_spectral_norm=has_spectral_norm)
    networks = build_adversaries(settings)
    given = torch.cat([codes(settings, label) for label in range(3)])
    networks(given).square().mean().backward()
    assert not [name for name, weight in networks.named_parameters() if weight.grad is None]
    still = [name for name, weight in networks.named_parameters() if not weight.grad.any()]
    # a bias before a batch normalisation is taken off again
    assert not [name for name in still if has_spectral_norm or not name.endswith("bias")]


def test_layers_of_the_discriminator_stretch_nothing_by_more_than_one() -> None:
    torch.manual_seed(0)
    networks = build_adversaries(SMALL)
    for _ in range(30):
        networks(codes(SMALL))
    layers = [item for item in networks.discriminator.modules() if hasattr(item, "parametrizations")]
    assert len(layers) == len(SMALL.widths) + 2
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.05)


def test_without_the_spectral_norm_there_is_batch_normalisation() -> None:
    plain = build_adversaries(replace(SMALL, has_spectral_norm=False)).discriminator
    assert sum(isinstance(item, torch.nn.BatchNorm2d) for item in plain.modules()) == len(SMALL.widths) - 1
    assert not any(hasattr(item, "parametrizations") for item in plain.modules())


def test_the_class_changes_the_image_and_how_real_it_looks() -> None:
    torch.manual_seed(0)
    networks = build_adversaries(SMALL).eval()
    with torch.no_grad():
        first, second = (networks.generator(codes(SMALL, label)) for label in (0, 1))
        assert not torch.allclose(first, second)
        as_first, as_second = (networks.discriminator(first, codes(SMALL, label)[:, 5:]) for label in (0, 1))
    assert not torch.allclose(as_first, as_second)


def test_the_class_enters_as_a_projection() -> None:
    """The logit is affine in the class: that of half one and half another is the mean of both (Miyato 2018, eq. 3)."""
    networks = build_adversaries(SMALL).eval()
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    one, other = codes(SMALL, 0)[:, 5:], codes(SMALL, 2)[:, 5:]
    with torch.no_grad():
        mixed = networks.discriminator(images, (one + other) / 2)
        mean = (networks.discriminator(images, one) + networks.discriminator(images, other)) / 2
    torch.testing.assert_close(mixed, mean)


def test_the_same_seed_builds_the_same_networks() -> None:
    def build() -> Adversaries:
        torch.manual_seed(4)
        return build_adversaries(SMALL)

    first, second = build().state_dict(), build().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_widths_double_down_to_a_limit() -> None:
    assert GanSettings(side=32, width=24).widths == (24, 48, 96)
    assert GanSettings(side=128, width=64).widths == (64, 128, 256, 256, 256)
    assert max(GanSettings(side=128, width=200).widths) == MOST_WIDTH


@pytest.mark.parametrize("change", [{"side": 48}, {"side": 0}, {"latent": 0}, {"width": -1}, {"class_count": 0}])
def test_an_impossible_form_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="E924"):
        build_adversaries(replace(SMALL, **change))

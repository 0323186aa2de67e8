"""Image to image networks: ranges, shapes, and the patch that each logit sees, by the gradient and by the formula."""

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.translation import (  # noqa: E402
    DEVIATION,
    PatchDiscriminator,
    build_translators,
)
from hounsfield.model.networks.translation_catalogue import SIDES, TranslationSettings  # noqa: E402

SMALL = TranslationSettings(side=32, widths=(4, 8, 8), judge_width=4)


def built(settings=SMALL, seed=0):
    torch.manual_seed(seed)
    return build_translators(settings).eval()


def images(count=2, side=32, channels=1, seed=1):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_becomes_one_of_its_form_in_the_range_of_a_picture(side, channels):
    network = built(TranslationSettings(side=side, channels=channels, widths=(4, 8, 8), judge_width=4))
    given = images(1, side, channels)
    made = network.generator(given)
    assert made.shape == given.shape
    assert 0 < float(made.detach().min()) < float(made.detach().max()) < 1


def receptive_side(strides: int) -> int:
    """Return the side of the patch of a logit (Isola 2017, appendix 6.1; Araujo 2019, equation 2)."""
    layers = [2] * strides + [1, 1]
    side = 1
    for stride in reversed(layers):
        side = side * stride + (4 - stride)
    return side


@pytest.mark.parametrize(("strides", "published"), [(1, 16), (2, 34), (3, 70)])
def test_the_formula_gives_the_published_patches(strides, published):
    """16, 34 and 70 pixels are those of the source's own implementation."""
    assert receptive_side(strides) == published


@pytest.mark.parametrize("strides", [1, 2, 3])
def test_a_logit_sees_its_patch_and_nothing_else(strides):
    settings = TranslationSettings(side=128, judge_width=2, judge_strides=strides)
    torch.manual_seed(0)
    judge = PatchDiscriminator(settings)
    # normalisation looks at the whole image by definition: what the convolutions see is measured without it
    judge.layers = torch.nn.Sequential(
        *(torch.nn.Identity() if isinstance(layer, torch.nn.InstanceNorm2d) else layer for layer in judge.layers)
    )
    given, shown = images(1, 128), images(1, 128, seed=2).requires_grad_()
    logits = judge(given, shown)
    side = round(logits.shape[1] ** 0.5)
    assert side**2 == logits.shape[1]
    (slope,) = torch.autograd.grad(logits[0, (side // 2) * side + side // 2], shown)
    rows, columns = (torch.nonzero(slope[0, 0].abs().sum(axis) > 0)[:, 0] for axis in (1, 0))
    for seen in (rows, columns):
        assert int(seen.max() - seen.min()) + 1 == receptive_side(strides)


def test_the_discriminator_looks_at_what_was_given_as_well():
    network = built()
    given, other, shown = images(seed=1), images(seed=2), images(seed=3)
    first = network.discriminator(given, shown)
    assert not torch.allclose(first, network.discriminator(other, shown))
    assert not torch.allclose(first, network.discriminator(given, other))


def test_both_networks_are_one_module_with_one_answer():
    network = built()
    given = images()
    assert torch.equal(network(given), network.discriminator(given, network.generator(given)))
    names = {name.split(".")[0] for name in network.state_dict()}
    assert names == {"generator", "discriminator"}


def test_fresh_weights_of_the_discriminator_are_spread_as_in_the_source():
    network = built(TranslationSettings(side=64, judge_width=32))
    weights = torch.cat([item.flatten() for name, item in network.discriminator.named_parameters() if item.ndim == 4])
    assert float(weights.std()) == pytest.approx(DEVIATION, rel=0.02)
    assert float(weights.mean()) == pytest.approx(0, abs=1e-3)


def test_the_seed_decides_the_weights():
    one, same, other = built(seed=3), built(seed=3), built(seed=4)
    weights = [network.state_dict()["generator.network.heads.0.weight"] for network in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    "changes",
    [{"side": 48}, {"side": 512}, {"channels": 0}, {"judge_width": 0}, {"judge_strides": 0}, {"judge_strides": 5},
     {"widths": (0, 4)}],
)  # fmt: skip
def test_forms_that_cannot_be_built_are_refused(changes):
    with pytest.raises(SettingsError) as caught:
        build_translators(TranslationSettings(**changes))
    assert caught.value.code == "E924"

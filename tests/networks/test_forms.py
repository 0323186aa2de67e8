"""Every network over sizes, channels and classes: shapes, refusals, repeatable weights, gradients, images apart."""

from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.model.networks.build import build_network, parameter_count  # noqa: E402
from hounsfield.model.networks.catalogue import NETWORKS, NetworkSettings, network_facts  # noqa: E402
from hounsfield.model.networks.mask_catalogue import UNetSettings  # noqa: E402
from hounsfield.model.networks.retina import Retina, RetinaSettings  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402

LIGHT = ["article", "lenet", "small-residual"]
PLAIN = ["article", "lenet", "alexnet", "vgg11"]
FLAT = UNetSettings("unet", 2, 1, (1, 32, 32), (4, 8))
RETINA = {"class_count": 2, "rows": 64, "columns": 64, "widths": (4, 6, 8, 8), "pyramid_width": 4, "head_depth": 1}


def small(name: str, **changes) -> NetworkSettings:
    """Return the smallest form of a network, so that it is quick."""
    side = max(network_facts(name).least_side, 32)
    form = NetworkSettings(name, 3, 1, side, side, dense_width=16, dropout=0.0, stem_width=4)
    return replace(form, **{"widths": (4, 8), "depths": (1, 1), "strides": (2, 2), **changes})


def images_of(settings: NetworkSettings, count: int = 3) -> "torch.Tensor":
    shape = (count, settings.channels, settings.rows, settings.columns)
    return torch.rand(shape, generator=torch.Generator().manual_seed(7))


def seeded(settings: NetworkSettings, seed: int = 0):
    torch.manual_seed(seed)
    return build_network(settings)


def weights(network) -> "torch.Tensor":
    return torch.cat([value.detach().ravel() for value in network.parameters()])


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize(("channels", "classes"), [(1, 1), (3, 2), (4, 11)])
@pytest.mark.parametrize("sides", [(32, 32), (47, 33), (40, 96)])
def test_there_is_a_logit_of_each_class_for_every_size_and_channel(name, channels, classes, sides):
    settings = small(name, channels=channels, class_count=classes, rows=sides[0], columns=sides[1])
    network = seeded(settings).eval()
    with torch.no_grad():
        logits = network(images_of(settings))
        members = network.member_logits(images_of(settings))
    assert logits.shape == (3, classes)
    assert torch.isfinite(logits).all()
    assert members.shape == (1, 3, classes)
    assert network.last.weight.shape[0] == classes


@pytest.mark.parametrize("name", LIGHT)
def test_channels_cost_the_first_layer_alone(name):
    counts = [parameter_count(seeded(small(name, channels=channels))) for channels in (1, 2, 3, 5)]
    steps = [later - earlier for earlier, later in pairwise(counts)]
    assert steps[0] == steps[1] > 0
    assert steps[2] == 2 * steps[0]


@pytest.mark.parametrize("name", LIGHT)
def test_a_class_costs_one_row_of_the_last_layer(name):
    two, five = (seeded(small(name, class_count=count)) for count in (2, 5))
    assert parameter_count(five) - parameter_count(two) == 3 * (five.last.in_features + 1)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_sides_beyond_the_largest_are_refused_and_the_error_says_the_range(name):
    facts = network_facts(name)
    for sides in (
        (facts.least_side - 1, facts.usual_side),
        (facts.usual_side, facts.largest_side + 1),
        (0, 0),
        (-64, 64),
    ):
        with pytest.raises(DatasetError) as caught:
            NetworkSettings(name, 2, 1, *sides).check()
        assert caught.value.code == "E832"
        assert f"{facts.least_side}-{facts.largest_side}" in caught.value.text()
    for side in (facts.least_side, facts.usual_side, facts.largest_side):
        NetworkSettings(name, 2, 1, side, side).check()


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 0},
        {"channels": -1},
        {"class_count": -2},
        {"widths": (), "depths": (), "strides": ()},
        {"widths": (4, 0)},
        {"depths": (0, 1)},
        {"depths": (1, -1)},
        {"strides": (0, 2)},
        {"stem_width": 0},
        {"stem_kernel": 0},
        {"stem_stride": 0},
        {"dense_width": 0},
        {"dense_width": -3},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": float("nan")},
    ],
    ids=str,
)
def test_counts_that_no_network_has_are_refused_before_torch_sees_them(changes):
    with pytest.raises(SettingsError) as caught:
        build_network(small("small-residual", **changes))
    assert caught.value.code == "E833"


@pytest.mark.parametrize("name", [*LIGHT, "alexnet", "vgg11"])
def test_a_seed_decides_every_weight_and_another_seed_others(name):
    first = weights(seeded(small(name), 1))
    assert torch.equal(first, weights(seeded(small(name), 1)))
    assert not torch.equal(first, weights(seeded(small(name), 2)))


@pytest.mark.parametrize("name", PLAIN)
def test_building_leaves_a_network_ready_to_learn(name):
    network = seeded(small(name))
    assert all(module.training for module in network.modules())
    assert all(value.requires_grad and value.grad is None for value in network.parameters())


@pytest.mark.parametrize("name", [*LIGHT, "vgg11"])
def test_every_parameter_has_a_gradient(name):
    settings = small(name)
    network = seeded(settings).train()
    # scales of residual blocks start at 0 and keep the gradient from the layers before them
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.7)
    network(images_of(settings, 4)).square().sum().backward()
    without = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    # a bias before a batch normalisation is taken off again: its gradient is 0 up to rounding
    assert [key for key in without if not key.endswith("bias")] == []


@pytest.mark.parametrize("name", LIGHT)
def test_an_image_is_judged_alike_alone_and_among_others(name):
    settings = small(name)
    network, images = seeded(settings).eval(), images_of(settings, 4)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(
            torch.cat([network(image[None]) for image in images]), together, atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(network(images.flip(0)), together.flip(0), atol=1e-5, rtol=1e-4)


def test_looking_changes_nothing_and_learning_moves_the_running_means():
    settings = small("small-residual")
    network, images = seeded(settings), images_of(settings)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        network.eval()(images)
        assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
        network.train()(images)
    moved = {
        key.rsplit(".", 1)[-1] for key, value in network.state_dict().items() if not torch.equal(before[key], value)
    }
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}


def test_dropout_is_for_learning_alone():
    settings = small("article", dropout=0.5)
    network, images = seeded(settings), images_of(settings)
    with torch.no_grad():
        assert torch.equal(network.eval()(images), network(images))
        assert not torch.equal(network.train()(images), network(images))


@pytest.mark.parametrize(
    "changes", [{"channels": 0}, {"channels": -2}, {"widths": (4, 0)}, {"widths": (4, -8)}], ids=str
)
def test_a_unet_without_channels_is_refused(changes):
    with pytest.raises(SettingsError) as caught:
        build_unet(replace(FLAT, **changes))
    assert caught.value.code == "E833"


@pytest.mark.parametrize("patch", [(0, 32, 32), (1, 0, 32), (1, 32, 0), (1, -32, 32)])
def test_a_unet_of_no_patch_is_refused(patch):
    strides = () if patch[0] == 1 else (1,)
    with pytest.raises(DatasetError) as caught:
        replace(FLAT, patch=patch, slice_strides=strides).check()
    assert caught.value.code == "E832"


@pytest.mark.parametrize("sides", [(16, 16), (32, 64), (48, 20)])
@pytest.mark.parametrize("labels", [2, 5])
def test_a_unet_answers_at_every_size_that_its_stages_divide(sides, labels):
    network = build_unet(replace(FLAT, label_count=labels, channels=2)).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 2, *sides)).shape == (2, labels, *sides)


def test_a_unet_judges_images_apart():
    torch.manual_seed(0)
    network, images = build_unet(FLAT).train(), torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(images)[1:2], network(images[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("depth", [0, -1, 65])
def test_a_detector_with_a_stage_of_no_blocks_is_refused(place, depth):
    depths = [1, 1, 1, 1]
    depths[place] = depth
    with pytest.raises(ValidationError):
        RetinaSettings(**RETINA, depths=tuple(depths))


def test_a_detector_is_decided_by_its_seed_and_judges_images_apart():
    def made(seed):
        torch.manual_seed(seed)
        return Retina(RetinaSettings(**RETINA, depths=(1, 2, 1, 1))).eval()

    assert torch.equal(weights(made(1)), weights(made(1)))
    assert not torch.equal(weights(made(1)), weights(made(2)))
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        for whole, alone in zip(made(1)(images), made(1)(images[2:]), strict=True):
            torch.testing.assert_close(whole[2:], alone, atol=1e-5, rtol=1e-4)

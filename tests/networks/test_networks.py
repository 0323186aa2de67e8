"""Networks: published parameter counts, limits of size, and class activation maps that add up to the logits."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from hounsfield.errors import DatasetError, SettingsError
from hounsfield.model.networks.build import BUILDERS, build_network, parameter_count
from hounsfield.model.networks.catalogue import NETWORKS, NetworkSettings, network_facts

# name, channels, side, classes, count, where the count is published or how it is derived
PUBLISHED = [
    # Keras: Conv2D 320 + 18,496 + 73,856, Dense 16,512 + 258 (unpadded convolutions leave 1 x 1 x 128)
    (NetworkSettings("article", 2), 109_442),
    # LeCun 1998: 156 + 2,416 + 48,120 + 10,164 + 850
    (NetworkSettings("lenet", 10, 1, 32, 32), 61_706),
    # torchvision model pages: alexnet, vgg11, vgg16, vgg16_bn, vgg19, resnet18, resnet34, resnet50
    (NetworkSettings("alexnet", 1000, 3, 224, 224), 61_100_840),
    (NetworkSettings("vgg11", 1000, 3, 224, 224, batch_norm=False), 132_863_336),
    (NetworkSettings("vgg13", 1000, 3, 224, 224, batch_norm=False), 133_047_848),
    (NetworkSettings("vgg16", 1000, 3, 224, 224, batch_norm=False), 138_357_544),
    (NetworkSettings("vgg16", 1000, 3, 224, 224), 138_365_992),
    (NetworkSettings("vgg19", 1000, 3, 224, 224, batch_norm=False), 143_667_240),
    (NetworkSettings("resnet18", 1000, 3, 224, 224), 11_689_512),
    (NetworkSettings("resnet34", 1000, 3, 224, 224), 21_797_672),
    (NetworkSettings("resnet50", 1000, 3, 224, 224), 25_557_032),
    # densenet121, densenet169, efficientnet_b0 to b3
    (NetworkSettings("densenet121", 1000, 3, 224, 224), 7_978_856),
    (NetworkSettings("densenet169", 1000, 3, 224, 224), 14_149_480),
    (NetworkSettings("efficientnet-b0", 1000, 3, 224, 224), 5_288_548),
    (NetworkSettings("efficientnet-b1", 1000, 3, 224, 224), 7_794_184),
    (NetworkSettings("efficientnet-b2", 1000, 3, 224, 224), 9_109_994),
    (NetworkSettings("efficientnet-b3", 1000, 3, 224, 224), 12_233_232),
]


@pytest.mark.parametrize(("settings", "count"), PUBLISHED, ids=lambda value: getattr(value, "name", str(value)))
def test_parameter_counts_are_the_published_ones(settings: NetworkSettings, count: int) -> None:
    with torch.device("meta"):
        assert parameter_count(build_network(settings)) == count


def test_small_residual_network_fits_a_starter() -> None:
    settings = NetworkSettings("small-residual", 4, 1, 128, 128)
    assert parameter_count(build_network(settings)) == 693_652  # counted by hand: 2,960 + 690,176 + 516
    assert parameter_count(build_network(replace(settings, widths=(32, 64, 160), depths=(2, 2, 2)))) <= 1_350_000


def test_every_network_of_the_catalogue_has_a_builder() -> None:
    assert set(NETWORKS) == set(BUILDERS)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_smallest_size_works_and_one_less_is_refused(name: str) -> None:
    facts = network_facts(name)
    side = facts.least_side
    settings = NetworkSettings(name, 3, 1, side, side, dense_width=16)
    network = build_network(settings).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 1, side, side)).shape == (2, 3)
    with pytest.raises(DatasetError) as caught:
        build_network(replace(settings, rows=side - 1))
    assert caught.value.code == "E832"


@pytest.mark.parametrize("name", [name for name, facts in NETWORKS.items() if not facts.has_activation_map])
def test_dense_networks_reject_sides_whose_dense_layers_explode(name: str) -> None:
    with pytest.raises(DatasetError):
        build_network(NetworkSettings(name, 2, 1, 4096, 4096))


@pytest.mark.parametrize("name", ["small-residual", "resnet18", "small-densenet", "efficientnet-b0"])
@pytest.mark.parametrize("sides", [(40, 40), (33, 57), (128, 96)])
def test_activation_map_averages_to_the_logit(name: str, sides: tuple[int, int]) -> None:
    torch.manual_seed(3)
    network = build_network(NetworkSettings(name, 4, 1, *sides, centre=0.4, scale=3.0)).eval()
    images = torch.rand(3, 1, *sides)
    with torch.no_grad():
        logits, maps, features = network.everything(images)
        torch.testing.assert_close(logits, network(images))
        torch.testing.assert_close(network.linear(features), logits)
        torch.testing.assert_close(maps.mean((2, 3)) + network.linear.bias, logits, atol=1e-5, rtol=1e-4)
    assert maps.shape[:2] == (3, 4)
    assert min(maps.shape[2:]) > 1


def test_resnet_is_monais_own_forward_pass() -> None:
    from monai.networks.nets.resnet import resnet18

    torch.manual_seed(1)
    ours = build_network(NetworkSettings("resnet18", 5, 1, 128, 128)).eval()
    torch.manual_seed(1)
    theirs = resnet18(spatial_dims=2, n_input_channels=1, num_classes=5, conv1_t_stride=2, bias_downsample=False).eval()
    images = torch.rand(2, 1, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


def test_article_network_pools_to_what_relu_then_pooling_gives() -> None:
    torch.manual_seed(2)
    network = build_network(NetworkSettings("article", 2)).eval()
    convolutions = [module for module in network.trunk if isinstance(module, torch.nn.Conv2d)]
    images = torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        values = images
        for convolution in convolutions:
            values = torch.nn.functional.max_pool2d(torch.relu(convolution(values)), 2)
        torch.testing.assert_close(network.dense(values.flatten(1)), network(images))


def test_images_are_centred_and_scaled_before_the_first_layer() -> None:
    torch.manual_seed(5)
    scaled = build_network(NetworkSettings("lenet", 2, 1, 32, 32, centre=0.25, scale=4.0)).eval()
    plain = build_network(NetworkSettings("lenet", 2, 1, 32, 32)).eval()
    plain.load_state_dict({**scaled.state_dict(), "centre": torch.tensor(0.0), "scale": torch.tensor(1.0)})
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(scaled(images), plain((images - 0.25) * 4.0))


def test_standardised_network_does_not_see_brightness_and_contrast() -> None:
    torch.manual_seed(6)
    network = build_network(NetworkSettings("article", 2, standardise=True)).eval()
    images = torch.rand(3, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network(0.1 + 0.5 * images), atol=1e-4, rtol=1e-3)
        assert torch.isfinite(network(torch.full((1, 1, 28, 28), 0.7))).all()


def test_fresh_residual_block_is_the_identity_for_positive_maps() -> None:
    from hounsfield.model.networks.residual import ResidualBlock

    images = torch.rand(2, 8, 6, 6)
    torch.testing.assert_close(ResidualBlock(8, 8, 1).eval()(images), images)


def test_vgg_signal_neither_dies_nor_explodes() -> None:
    torch.manual_seed(0)
    network = build_network(NetworkSettings("vgg16", 2, 1, 64, 64, batch_norm=False)).eval()
    with torch.no_grad():
        deviation = float(network.trunk(torch.randn(4, 1, 64, 64)).std())
    assert 0.05 < deviation < 20


@pytest.mark.parametrize("changes", [{"name": "transformer"}, {"widths": (8, 16)}, {"class_count": 0}])
def test_unknown_or_impossible_forms_are_refused(changes: dict[str, object]) -> None:
    settings = replace(NetworkSettings("small-residual", 2, 1, 32, 32), **changes)  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as caught:
        build_network(settings)
    assert caught.value.code in {"E831", "E833"}


def test_catalogue_is_read_without_torch() -> None:
    code = "import sys, hounsfield.model.networks.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""DenseNet and EfficientNet: MONAI's own answers with the same weights, small stems, exports and memory."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from monai.networks.nets.densenet import DenseNet121  # noqa: E402
from monai.networks.nets.efficientnet import EfficientNetBN  # noqa: E402

from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings, catalogue_name  # noqa: E402
from hounsfield.train.export import export_network  # noqa: E402
from hounsfield.train.memory import ALWAYS_BYTES, estimate_memory  # noqa: E402

NAMES = ["densenet121", "small-densenet", "efficientnet-b0"]


def settled(network, shape=(8, 1, 64, 64)):
    """Give the normalisation running means and variances that are not those of a fresh network."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(shape))
    return network.eval()


def test_densenet_gives_monais_answers_with_the_same_weights():
    torch.manual_seed(4)
    theirs = DenseNet121(spatial_dims=2, in_channels=1, out_channels=5)
    settled(theirs, (4, 1, 96, 128))
    ours = build_network(NetworkSettings("densenet121", 5, 1, 96, 128)).eval()
    features = dict(zip(ours.trunk.state_dict(), theirs.features.state_dict().values(), strict=True))
    ours.trunk.load_state_dict(features)
    ours.linear.load_state_dict(theirs.class_layers[-1].state_dict())
    images = torch.rand(2, 1, 96, 128)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs.eval()(images))


def test_efficientnet_gives_monais_answers_with_the_same_weights():
    torch.manual_seed(4)
    theirs = EfficientNetBN("efficientnet-b0", pretrained=False, in_channels=1, num_classes=5)
    settled(theirs, (4, 1, 96, 128))
    ours = build_network(NetworkSettings("efficientnet-b0", 5, 1, 96, 128)).eval()
    parts = (theirs._conv_stem, theirs._bn0, theirs._blocks, theirs._conv_head, theirs._bn1)
    tensors = [tensor for part in parts for tensor in part.state_dict().values()]
    ours.trunk.load_state_dict(dict(zip(ours.trunk.state_dict(), tensors, strict=True)))
    ours.linear.load_state_dict(theirs._fc.state_dict())
    images = torch.rand(2, 1, 96, 128)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs.eval()(images))


@pytest.mark.parametrize("name", NAMES)
def test_small_images_keep_a_map_of_several_places(name):
    for side in (64, 128):
        network = build_network(NetworkSettings(name, 3, 1, side, side)).eval()
        with torch.no_grad():
            assert min(network.trunk(torch.rand(1, 1, side, side)).shape[2:]) >= 4


@pytest.mark.parametrize("name", ["small-densenet", "efficientnet-b0"])
def test_export_answers_as_torch_does(name):
    torch.manual_seed(2)
    settings = NetworkSettings(name, 3, 1, 64, 64, standardise=True)
    network = settled(build_network(settings))
    images = torch.rand(6, 1, 64, 64)
    with torch.no_grad():
        assert float(network(images).std()) > 1e-3
    exported = export_network(network, settings, None, images)
    assert exported.largest_difference < 1e-4
    assert exported.interface.activation_maps == "activation_maps"
    assert export_network(network, settings, None, images).network == exported.network


def test_efficientnet_starts_with_a_signal():
    torch.manual_seed(0)
    network = build_network(NetworkSettings("efficientnet-b0", 2, 1, 64, 64)).train()
    with torch.no_grad():
        maps = network.trunk(torch.rand(8, 1, 64, 64))
    assert 0.1 < float(maps.std()) < 10


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_layer_in_channels_last(name):
    torch.manual_seed(1)
    network = build_network(NetworkSettings(name, 2, 1, 64, 64)).to(memory_format=torch.channels_last).train()
    images = torch.rand(4, 1, 64, 64).contiguous(memory_format=torch.channels_last)
    network(images)[:, 0].sum().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_memory_grows_with_batch_and_network():
    small, large = (estimate_memory(NetworkSettings(name, 2, 1, 64, 64), 100, 32) for name in NAMES[1::-1])
    assert large.weights_bytes > 10 * small.weights_bytes
    assert large.batch_bytes > small.batch_bytes
    doubled = estimate_memory(NetworkSettings(NAMES[0], 2, 1, 64, 64), 100, 64)
    assert doubled.batch_bytes - ALWAYS_BYTES == pytest.approx(2 * (large.batch_bytes - ALWAYS_BYTES), rel=1e-6)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("densenet-121", "densenet121"), ("EfficientNet_B0", "efficientnet-b0"), ("resnet-18", "resnet18"), ("x", "x")],
)
def test_names_are_found_without_hyphens_and_case(said, meant):
    assert catalogue_name(said) == meant


def test_channels_and_standardising_are_those_of_every_network():
    torch.manual_seed(3)
    settings = NetworkSettings("small-densenet", 2, 3, 48, 64, standardise=True)
    network = settled(build_network(settings), (8, 3, 48, 64))
    images = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network(0.2 + 0.5 * images), atol=1e-4, rtol=1e-3)
        plain = build_network(replace(settings, standardise=False)).eval()
        assert not torch.allclose(plain(images), plain(0.2 + 0.5 * images), atol=1e-3)

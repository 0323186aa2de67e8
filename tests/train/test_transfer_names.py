"""Names of MONAI's and torchvision's weights in our networks: with them, both answer alike."""

import re

import pytest

torch = pytest.importorskip("torch")

from monai.networks.nets import DenseNet121, EfficientNetBN, resnet18  # noqa: E402

from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.mask_catalogue import UNetSettings  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402
from hounsfield.train.transfer.names import our_name  # noqa: E402
from hounsfield.train.transfer.start import fitting  # noqa: E402

SIDE = 96
"""From this side on, our networks have the stem of the paper, and so MONAI's."""


def settings(name, side=SIDE, classes=5, **more):
    return NetworkSettings(name, classes, 1, side, side, **more)


def theirs(name):
    """Return a network of MONAI whose normalisation is no identity, in evaluation mode, and its trunk."""
    torch.manual_seed(3)
    if name == "densenet121":
        whole = DenseNet121(spatial_dims=2, in_channels=1, out_channels=14)
        trunk = torch.nn.Sequential(whole.features, torch.nn.ReLU())
    else:
        whole = resnet18(spatial_dims=2, n_input_channels=1, num_classes=7, bias_downsample=False, conv1_t_stride=2)
        stem = [whole.conv1, whole.bn1, torch.nn.ReLU(), whole.maxpool]
        trunk = torch.nn.Sequential(*stem, whole.layer1, whole.layer2, whole.layer3, whole.layer4)
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return whole, trunk.eval()


def as_torchvision(state):
    """Return a state under torchvision's names, which have no ``layers`` in a dense layer."""
    return {name.replace(".layers.", "."): value for name, value in state.items()}


@pytest.mark.parametrize("name", ["densenet121", "resnet18"])
def test_with_monais_weights_our_trunk_gives_monais_maps(name):
    whole, trunk = theirs(name)
    network = build_network(settings(name)).eval()
    tensors, wanted = fitting(whole.state_dict(), network, settings(name))
    assert len(tensors) == wanted >= 100
    state = network.state_dict()
    network.load_state_dict({**state, **tensors})
    image = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.trunk(image), trunk(image), atol=1e-5, rtol=1e-5)


def test_torchvisions_names_of_dense_layers_are_monais():
    whole, _ = theirs("densenet121")
    renamed = as_torchvision(whole.state_dict())
    assert set(renamed) != set(whole.state_dict())
    with torch.device("meta"):
        network = build_network(settings("densenet121"))
    first, wanted = fitting(whole.state_dict(), network, settings("densenet121"))
    second, _ = fitting(renamed, network, settings("densenet121"))
    assert set(first) == set(second)
    assert len(second) == wanted
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_efficientnets_blocks_are_found_behind_the_stem():
    with torch.device("meta"):
        whole = EfficientNetBN("efficientnet-b0", pretrained=False, in_channels=1, num_classes=3)
        network = build_network(settings("efficientnet-b0"))
    own = network.state_dict()
    found = {our_name(name, settings("efficientnet-b0")): tensor for name, tensor in whole.state_dict().items()}
    blocks = [name for name in found if re.match(r"trunk\.\d+\.", name)]
    assert len(blocks) > 200
    assert all(own[name].shape == found[name].shape for name in blocks)


def test_a_small_image_has_no_pooling_and_its_blocks_stand_one_place_earlier():
    assert our_name("features.denseblock1.x", settings("densenet121", 64)) == "trunk.3.x"
    assert our_name("features.denseblock1.x", settings("densenet121", 96)) == "trunk.4.x"
    assert our_name("layer1.0.conv1.weight", settings("resnet18", 64)) == "trunk.3.0.conv1.weight"
    assert our_name("layer1.0.conv1.weight", settings("resnet18", 96)) == "trunk.4.0.conv1.weight"


def test_a_stem_of_another_size_is_left_fresh():
    whole, _ = theirs("resnet18")
    small = settings("resnet18", 64)
    with torch.device("meta"):
        network = build_network(small)
    tensors, wanted = fitting(whole.state_dict(), network, small)
    assert set(network.state_dict()) - set(tensors) >= {"trunk.0.weight", "linear.weight", "linear.bias"}
    assert len(tensors) == wanted - 1


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.", "backbone.", "encoder.", "_orig_mod.", "kept/"])
def test_what_wrappers_put_before_a_name_is_seen_through(prefix):
    form = settings("small-residual", 32)
    torch.manual_seed(0)
    network = build_network(form)
    state = {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
    tensors, wanted = fitting({**state, "epoch": torch.tensor(3.0)}, network, form)
    assert len(tensors) == wanted > 0


@pytest.mark.parametrize("name", ["article", "lenet", "vgg11", "small-residual", "small-densenet"])
def test_the_last_layer_is_fresh_even_where_it_would_fit(name):
    form = settings(name, 64)
    network = build_network(form)
    tensors, wanted = fitting(network.state_dict(), network, form)
    assert len(tensors) == wanted
    last = {key for key, value in network.state_dict().items() if value.data_ptr() == network.last.weight.data_ptr()}
    assert len(last) == 1
    assert not last & set(tensors)
    assert not {"centre", "scale"} & set(tensors)


def test_heads_of_a_unet_are_fresh():
    form = UNetSettings("unet", 3, 1, (1, 32, 32), (8, 12, 16), supervised=2)
    network = build_unet(form)
    tensors, wanted = fitting(network.state_dict(), network, form)
    assert len(tensors) == wanted == len([name for name in network.state_dict() if not name.startswith("heads.")])


def test_names_without_a_table_stay_as_they_are():
    assert our_name("trunk.0.weight", settings("small-residual", 32)) == "trunk.0.weight"
    assert our_name("features.conv0.weight", settings("article", 32)) == "features.conv0.weight"

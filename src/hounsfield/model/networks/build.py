"""From network settings to a network in torch."""

from collections.abc import Callable

from torch import nn

from hounsfield.model.networks import dense, efficient, plain, residual
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import Classifier

BUILDERS: dict[str, Callable[[NetworkSettings], Classifier]] = {
    "article": plain.article,
    "lenet": plain.lenet,
    "alexnet": plain.alexnet,
    "vgg11": plain.vgg,
    "vgg13": plain.vgg,
    "vgg16": plain.vgg,
    "vgg19": plain.vgg,
    "resnet18": residual.resnet,
    "resnet34": residual.resnet,
    "resnet50": residual.resnet,
    "small-residual": residual.small_residual,
    "densenet121": dense.densenet,
    "densenet169": dense.densenet,
    "small-densenet": dense.densenet,
    "efficientnet-b0": efficient.efficientnet,
    "efficientnet-b1": efficient.efficientnet,
    "efficientnet-b2": efficient.efficientnet,
    "efficientnet-b3": efficient.efficientnet,
}
"""Builder of every network of the catalogue."""


def build_network(settings: NetworkSettings) -> Classifier:
    """Return a network with fresh weights drawn from torch's global generator.

    Convolutions and dense layers before a ReLU start as He 2015 has it; without it VGG does not begin to learn.

    Raises:
        SettingsError: ``E831`` or ``E833``, the form is not known or not possible.
        DatasetError: ``E832``, the network cannot take images of this size.
    """
    settings.check()
    network = BUILDERS[settings.name](settings)
    if settings.name.startswith("vgg"):
        _start_as_he(network)
    return network


def parameter_count(network: nn.Module) -> int:
    """Return the number of values that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def _start_as_he(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01 if module.out_features > 1000 else 0.05)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

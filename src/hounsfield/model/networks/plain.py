"""Plain chains of convolutions: the article's network, LeNet-5, AlexNet and the VGG family."""

from collections.abc import Sequence

from torch import nn

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import FlattenedClassifier

VGG_STAGES: dict[str, tuple[tuple[int, ...], ...]] = {
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg13": ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
    "vgg19": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
"""Convolutions of each stage: Simonyan and Zisserman 2014, table 1, columns A, B, D, E."""


def article(settings: NetworkSettings) -> FlattenedClassifier:
    """Return the article's network: three unpadded 3x3 convolutions, each with ReLU and 2x2 max-pooling, dense 128.

    Pooling before ReLU gives the same values as ReLU before pooling, for a quarter of the work.
    """
    layers: list[nn.Module] = []
    for taken, given in ((settings.channels, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(taken, given, 3), nn.MaxPool2d(2), nn.ReLU()]
    trunk = nn.Sequential(*layers)
    dense = nn.Sequential(
        nn.Linear(_flat_count(trunk, settings), 128),
        nn.ReLU(),
        nn.Dropout(settings.dropout_fraction),
        nn.Linear(128, settings.class_count),
    )
    return FlattenedClassifier(trunk, dense, settings)


def lenet(settings: NetworkSettings) -> FlattenedClassifier:
    """Return LeNet-5 with hyperbolic tangents and average pooling (61,706 parameters for 32x32x1 and ten classes)."""
    trunk = nn.Sequential(
        nn.Conv2d(settings.channels, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)
    )
    dense = nn.Sequential(
        nn.Linear(_flat_count(trunk, settings), 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Dropout(settings.dropout_fraction),
        nn.Linear(84, settings.class_count),
    )
    return FlattenedClassifier(trunk, dense, settings)


def alexnet(settings: NetworkSettings) -> FlattenedClassifier:
    """Return AlexNet of one tower (61,100,840 parameters for 224x224x3 and a thousand classes)."""
    trunk = nn.Sequential(
        nn.Conv2d(settings.channels, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
    )  # fmt: skip
    drop, width = settings.dropout_fraction, settings.dense_count
    dense = nn.Sequential(
        nn.Dropout(drop), nn.Linear(_flat_count(trunk, settings), width), nn.ReLU(),
        nn.Dropout(drop), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, settings.class_count),
    )  # fmt: skip
    return FlattenedClassifier(trunk, dense, settings)


def vgg(settings: NetworkSettings) -> FlattenedClassifier:
    """Return a VGG network (VGG16: 138,357,544 parameters for 224x224x3, a thousand classes, no normalisation)."""
    trunk = _vgg_trunk(VGG_STAGES[settings.name], settings.channels, settings.batch_norm)
    drop, width = settings.dropout_fraction, settings.dense_count
    dense = nn.Sequential(
        nn.Linear(_flat_count(trunk, settings), width), nn.ReLU(), nn.Dropout(drop),
        nn.Linear(width, width), nn.ReLU(), nn.Dropout(drop),
        nn.Linear(width, settings.class_count),
    )  # fmt: skip
    return FlattenedClassifier(trunk, dense, settings)


def _vgg_trunk(stages: Sequence[Sequence[int]], channels: int, has_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    taken = channels
    for stage in stages:
        for given in stage:
            layers.append(nn.Conv2d(taken, given, 3, padding=1))
            if has_norm:
                layers.append(nn.BatchNorm2d(given))
            layers.append(nn.ReLU())
            taken = given
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def _flat_count(trunk: nn.Sequential, settings: NetworkSettings) -> int:
    """Return how many values the trunk leaves of one image, from the forms of its layers alone."""
    channels, sides = settings.channels, [settings.rows, settings.columns]
    for layer in trunk:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = (_first(value) for value in (layer.kernel_size, layer.stride, layer.padding))
            sides = [(side + 2 * padding - kernel) // stride + 1 for side in sides]
        channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
    return channels * sides[0] * sides[1]


def _first(value: int | str | tuple[int, ...]) -> int:
    return int(value[0] if isinstance(value, tuple) else value)

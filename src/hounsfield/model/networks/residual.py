"""Residual networks with a linear head: a small one of our own, and MONAI's ResNet with a stem for its image size."""

from typing import Any

import torch
from torch import Tensor, nn

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import PooledClassifier

SMALL_STEM_SIDE = 96
"""Below this side a ResNet starts with a 3x3 convolution of stride 1, so that the last map keeps several places."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation beside a short cut (He 2015; short cut pooled as in ResNet-D).

    The last scale starts at zero, so a fresh block is the identity.
    """

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(taken, given, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(given)
        self.second = nn.Conv2d(given, given, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(given)
        nn.init.zeros_(self.second_norm.weight)
        self.short_cut: nn.Module = nn.Identity()
        if taken != given or stride > 1:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.short_cut = nn.Sequential(pool, nn.Conv2d(taken, given, 1, bias=False), nn.BatchNorm2d(given))

    def forward(self, images: Tensor) -> Tensor:
        """Return the map of the block."""
        inner = torch.relu(self.first_norm(self.first(images)))
        return torch.relu(self.second_norm(self.second(inner)) + self.short_cut(images))


class SideBySide(nn.Module):
    """Trunks of one form that see the same images; their maps are stacked along the channels, in order."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Return the maps of all members."""
        return torch.cat([member(images) for member in self.members], dim=1)


def small_residual(settings: NetworkSettings) -> PooledClassifier:
    """Return the small residual network, or several of them side by side."""
    trunks = [_trunk(settings) for _ in range(settings.members)]
    linear = nn.Linear(settings.widths[-1] * settings.members, settings.class_count)
    return PooledClassifier(trunks[0] if settings.members == 1 else SideBySide(trunks), linear, settings)


def _trunk(settings: NetworkSettings) -> nn.Module:
    """A stem of two convolutions, then stages of residual blocks."""
    stem, kernel = settings.stem_width, settings.stem_kernel
    layers: list[nn.Module] = [
        nn.Conv2d(settings.channels, stem, kernel, settings.stem_stride, kernel // 2, bias=False),
        nn.BatchNorm2d(stem),
        nn.ReLU(),
        nn.Conv2d(stem, stem, 3, 1, 1, bias=False),
        nn.BatchNorm2d(stem),
        nn.ReLU(),
    ]
    taken = stem
    for width, depth, stride in zip(settings.widths, settings.depths, settings.strides, strict=True):
        for index in range(depth):
            layers.append(ResidualBlock(taken, width, stride if index == 0 else 1))
            taken = width
    return nn.Sequential(*layers)


def resnet(settings: NetworkSettings) -> PooledClassifier:
    """Return MONAI's ResNet; below ``SMALL_STEM_SIDE`` with a 3x3 stem of stride 1 and without the first pooling."""
    from monai.networks.nets import resnet as monai_resnet  # three seconds of imports: only for whom it is for

    builders: dict[str, Any] = {
        "resnet18": monai_resnet.resnet18,
        "resnet34": monai_resnet.resnet34,
        "resnet50": monai_resnet.resnet50,
    }
    is_small = min(settings.rows, settings.columns) < SMALL_STEM_SIDE
    whole = builders[settings.name](
        spatial_dims=2,
        n_input_channels=settings.channels,
        num_classes=settings.class_count,
        conv1_t_size=3 if is_small else 7,
        conv1_t_stride=1 if is_small else 2,
        no_max_pool=is_small,
        bias_downsample=False,
    )
    stem = [whole.conv1, whole.bn1, nn.ReLU()] + ([] if is_small else [whole.maxpool])
    trunk = nn.Sequential(*stem, whole.layer1, whole.layer2, whole.layer3, whole.layer4)
    return PooledClassifier(trunk, whole.fc, settings)

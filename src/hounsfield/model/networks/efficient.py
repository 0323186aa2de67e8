"""EfficientNet from MONAI, with a stem for its image size and a linear head."""

import math

from torch import nn

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import PooledClassifier
from hounsfield.model.networks.residual import SMALL_STEM_SIDE

NORM = ("batch", {"eps": 1e-3, "momentum": 0.1})
"""MONAI's momentum of 0.01 needs hundreds of steps before the running mean is one; medical runs are shorter."""


def efficientnet(settings: NetworkSettings) -> PooledClassifier:
    """Return MONAI's EfficientNet (Tan 2019); below ``SMALL_STEM_SIDE`` its first convolution has stride 1.

    Dropping whole blocks at random while learning, as the paper has it, draws from torch's global generator, which the
    loop seeds before every batch.
    """
    from monai.networks.nets.efficientnet import EfficientNetBN  # three seconds of imports: only for whom it is for

    whole = EfficientNetBN(
        settings.name, pretrained=False, in_channels=settings.channels, num_classes=settings.class_count, norm=NORM
    )
    # the memory-saving form is a function of its own that no exporter knows
    whole.set_swish(memory_efficient=False)
    _start_depthwise(whole)
    stem, padding = whole._conv_stem, whole._conv_stem_padding
    if min(settings.rows, settings.columns) < SMALL_STEM_SIDE:
        stem.stride, padding = (1, 1), nn.ZeroPad2d(1)
    trunk = nn.Sequential(
        padding, stem, whole._bn0, nn.SiLU(),
        *whole._blocks,
        whole._conv_head_padding, whole._conv_head, whole._bn1, nn.SiLU(),
    )  # fmt: skip
    return PooledClassifier(trunk, whole._fc, settings)


def _start_depthwise(network: nn.Module) -> None:
    """Start depthwise kernels as the paper's code does: one map goes out of each, whatever their number is.

    MONAI counts all maps, so that kernels start up to thirty times too small beside the 0.001 of the normalisation.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            nn.init.normal_(module.weight, 0.0, math.sqrt(2 / math.prod(module.kernel_size)))

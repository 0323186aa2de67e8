"""Names: what a tensor of a MONAI or torchvision network is called in ours, which is made of the same modules."""

import re
from collections.abc import Iterator

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.residual import SMALL_STEM_SIDE

_DENSE_LAYER = re.compile(r"(denselayer\d+)\.(norm|conv)")
"""torchvision's layers of a DenseNet hold directly what MONAI's hold in ``layers``."""

_BLOCK_COUNTS = {"densenet121": 4, "densenet169": 4, "small-densenet": 3}


def our_name(name: str, settings: NetworkSettings) -> str:
    """Return our name of a tensor of the network these settings build; a name that is no other's stays as it is."""
    name = _DENSE_LAYER.sub(r"\1.layers.\2", name) if ".layers." not in name else name
    for theirs, ours in _modules(settings):
        if name.startswith(f"{theirs}."):
            return f"{ours}.{name[len(theirs) + 1 :]}"
    if settings.name.startswith("efficientnet") and (block := re.match(r"_blocks\.(\d+)\.", name)):
        return f"trunk.{int(block[1]) + _FIRST_BLOCK}.{name[block.end() :]}"
    return name


_FIRST_BLOCK = 4
"""Place of the first block in an EfficientNet: padding, convolution, normalisation and activation stand before it."""


def _modules(settings: NetworkSettings) -> Iterator[tuple[str, str]]:
    """Give their name and ours of each module with weights."""
    is_small = min(settings.rows, settings.columns) < SMALL_STEM_SIDE
    if settings.name in _BLOCK_COUNTS:
        blocks = _BLOCK_COUNTS[settings.name]
        names = ["conv0", "norm0", "relu0", *([] if is_small else ["pool0"])]
        for index in range(1, blocks + 1):
            names += [f"denseblock{index}", f"transition{index}" if index < blocks else "norm5"]
        yield from ((f"features.{name}", f"trunk.{place}") for place, name in enumerate(names))
    elif settings.name.startswith("resnet"):
        names = ["conv1", "bn1", "relu", *([] if is_small else ["maxpool"]), "layer1", "layer2", "layer3", "layer4"]
        yield from ((name, f"trunk.{place}") for place, name in enumerate(names))
    elif settings.name.startswith("efficientnet"):
        yield from (("_conv_stem", "trunk.1"), ("_bn0", "trunk.2"))

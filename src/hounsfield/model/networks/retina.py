"""A small RetinaNet: residual trunk, feature pyramid, and two heads that all levels share (Lin 2017).

MONAI's RetinaNet asks torchvision for its trunk and its matcher and leaves decoding in the network; this one gives raw
outputs, which any runtime decodes alike, and trains on a processor. One anchor at a place suffices with ATSS (Zhang
2020, section 4.4). The convolutions of the heads are shared and their normalisation is each level's own, because the
levels have statistics of their own.
"""

import math
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from hounsfield.model.networks.residual import ResidualBlock

STRIDES = (8, 16, 32)
"""Input pixels between two places of each level."""
_PRIOR = 0.01
"""Score of every anchor before anything is learned (Lin 2017, section 4.1)."""

Width = Annotated[int, Field(ge=4, le=2048)]
Depth = Annotated[int, Field(ge=1, le=64)]


class RetinaSettings(BaseModel):
    """Form of the network.

    Attributes:
        class_count: classes of objects.
        channels: of the image.
        rows: of the image.
        columns: of the image.
        widths: channels at strides 4, 8, 16 and 32; the stem has half of the first.
        depths: residual blocks at these strides.
        pyramid_width: channels of the pyramid and of the heads.
        head_depth: convolutions of each head before its last one.
        anchors: anchors at each place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_count: Annotated[int, Field(ge=1, le=1000)]
    channels: Annotated[int, Field(ge=1, le=3)] = 3
    rows: Annotated[int, Field(ge=32, le=4096)]
    columns: Annotated[int, Field(ge=32, le=4096)]
    widths: tuple[Width, Width, Width, Width] = (32, 48, 96, 128)
    depths: tuple[Depth, Depth, Depth, Depth] = (1, 1, 1, 1)
    pyramid_width: Width = 64
    head_depth: Annotated[int, Field(ge=0, le=8)] = 2
    anchors: Annotated[int, Field(ge=1, le=64)] = 1


class Retina(nn.Module):
    """Gives logits (image, anchor, class) and deltas (image, anchor, 4)."""

    def __init__(self, settings: RetinaSettings) -> None:
        super().__init__()
        stem = settings.widths[0] // 2
        self.stem = nn.Sequential(
            nn.Conv2d(settings.channels, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        taken, stages = stem, []
        for width, depth in zip(settings.widths, settings.depths, strict=True):
            blocks = [
                ResidualBlock(taken if index == 0 else width, width, 2 if index == 0 else 1) for index in range(depth)
            ]
            stages.append(nn.Sequential(*blocks))
            taken = width
        self.stages = nn.ModuleList(stages)
        width = settings.pyramid_width
        self.lateral = nn.ModuleList([nn.Conv2d(one, width, 1) for one in settings.widths[1:]])
        self.smooth = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in STRIDES])
        self.classes = _Head(settings, settings.class_count, -math.log((1 - _PRIOR) / _PRIOR))
        self.boxes = _Head(settings, 4, 0.0)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of all levels, finest first."""
        maps = self.pyramid(images)
        logits = torch.cat([self.classes(one, level) for level, one in enumerate(maps)], 1)
        return logits, torch.cat([self.boxes(one, level) for level, one in enumerate(maps)], 1)

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Return the maps at strides 8, 16 and 32, each with what the coarser ones know."""
        current, found = self.stem(images), []
        for index, stage in enumerate(self.stages):
            current = stage(current)
            if index:
                found.append(self.lateral[index - 1](current))
        for level in range(len(found) - 2, -1, -1):
            rows, columns = found[level].shape[-2:]
            found[level] = found[level] + functional.interpolate(found[level + 1], size=(int(rows), int(columns)))
        return [smooth(one) for smooth, one in zip(self.smooth, found, strict=True)]


class _Head(nn.Module):
    """Convolutions that all levels share, and a normalisation for each."""

    def __init__(self, settings: RetinaSettings, values: int, bias: float) -> None:
        super().__init__()
        width = settings.pyramid_width
        self.values = values
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(settings.head_depth)]
        )
        self.norms = nn.ModuleList(
            [nn.ModuleList([nn.BatchNorm2d(width) for _ in STRIDES]) for _ in range(settings.head_depth)]
        )
        self.last = nn.Conv2d(width, settings.anchors * values, 3, padding=1)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.constant_(self.last.bias, bias)  # type: ignore[arg-type]  # there is one

    def forward(self, features: Tensor, level: int) -> Tensor:
        """Return (image, place and anchor, value) of one level."""
        for convolution, norms in zip(self.convolutions, self.norms, strict=True):
            features = torch.relu(norms[level](convolution(features)))  # type: ignore[index]  # a list of modules
        said = self.last(features)
        rows: Tensor = said.permute(0, 2, 3, 1).reshape(said.shape[0], -1, self.values)
        return rows

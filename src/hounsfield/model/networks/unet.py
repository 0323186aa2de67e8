"""The U-Net family in torch: of two or three dimensions, with plain or residual stages down."""

from typing import cast

import torch
from torch import Tensor, nn

from hounsfield.model.networks.mask_catalogue import Triple, UNetSettings, mask_network_facts

SLOPE = 0.01
"""Of the leaky ReLU below zero, as in nnU-Net."""


class UNet(nn.Module):
    """An encoder and a decoder with copies of each stage between them (Ronneberger 2015).

    In training mode ``all_logits`` gives the logits of every supervised stage; ``forward`` gives the full size alone.
    """

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        self.settings = settings
        is_residual = mask_network_facts(settings.name).is_residual
        taken = (settings.channels, *settings.widths)
        strides: tuple[Triple, ...] = ((1, 1, 1), *settings.strides)
        self.down = nn.ModuleList(
            _Stage(settings, (taken[index], width), strides[index], is_residual)
            for index, width in enumerate(settings.widths)
        )
        convolve_up = nn.ConvTranspose2d if settings.is_planar else nn.ConvTranspose3d
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for index in reversed(range(len(settings.widths) - 1)):
            wide, narrow = settings.widths[index + 1], settings.widths[index]
            stride = _sides(settings, strides[index + 1])
            self.enlarge.append(convolve_up(wide, narrow, stride, stride))  # type: ignore[arg-type]
            self.up.append(_Stage(settings, (2 * narrow, narrow), (1, 1, 1), is_residual=False))
        convolve = nn.Conv2d if settings.is_planar else nn.Conv3d
        self.heads = nn.ModuleList(
            convolve(width, settings.label_count, 1) for width in settings.widths[: settings.supervised]
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (image, label, [slice,] row, column) of images (image, channel, [slice,] row, column)."""
        return cast("Tensor", self.heads[0](self._maps(images)[-1]))

    def all_logits(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of each supervised stage, the full size first, each next one half as large."""
        maps = self._maps(images)
        return tuple(head(found) for head, found in zip(self.heads, reversed(maps), strict=False))

    def _maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the decoder, the full size last."""
        found = (images - self.settings.centre) * self.settings.scale
        kept = []
        for stage in self.down:
            found = stage(found)
            kept.append(found)
        maps = []
        for enlarge, stage, copied in zip(self.enlarge, self.up, reversed(kept[:-1]), strict=True):
            found = stage(torch.cat([enlarge(found), copied], 1))
            maps.append(found)
        return maps


class _Stage(nn.Module):
    """Blocks of one resolution; the first one strides."""

    def __init__(self, settings: UNetSettings, widths: tuple[int, int], stride: Triple, is_residual: bool) -> None:
        super().__init__()
        taken, given = widths
        block = _Residual if is_residual else _Block
        first: tuple[Triple, ...] = (stride, *((1, 1, 1),) * (settings.depth - 1))
        self.blocks = nn.Sequential(
            *(block(settings, taken if index == 0 else given, given, one) for index, one in enumerate(first))
        )

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.blocks(images))


class _Block(nn.Module):
    """A convolution, instance normalisation and leaky ReLU."""

    def __init__(self, settings: UNetSettings, taken: int, given: int, stride: Triple) -> None:
        super().__init__()
        self.convolve = _convolution(settings, taken, given, stride, 3)
        self.norm = _norm(settings, given)

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.norm(self.convolve(images)), SLOPE)


class _Residual(nn.Module):
    """Two convolutions beside a short cut (He 2015; the short cut is pooled, as in ResNet-D)."""

    def __init__(self, settings: UNetSettings, taken: int, given: int, stride: Triple) -> None:
        super().__init__()
        self.first = _Block(settings, taken, given, stride)
        self.second = _convolution(settings, given, given, (1, 1, 1), 3)
        self.norm = _norm(settings, given)
        self.short_cut: nn.Module = nn.Identity()
        if taken != given or stride != (1, 1, 1):
            pool = nn.AvgPool2d if settings.is_planar else nn.AvgPool3d
            sides = _sides(settings, stride)
            self.short_cut = nn.Sequential(
                pool(sides, sides) if stride != (1, 1, 1) else nn.Identity(),  # type: ignore[arg-type]
                _convolution(settings, taken, given, (1, 1, 1), 1),
                _norm(settings, given),
            )

    def forward(self, images: Tensor) -> Tensor:
        inner = self.norm(self.second(self.first(images)))
        return nn.functional.leaky_relu(inner + self.short_cut(images), SLOPE)


def build_unet(settings: UNetSettings) -> UNet:
    """Return a U-Net with fresh weights drawn from torch's global generator, spread as He 2015 has it.

    Raises:
        SettingsError: ``E831`` or ``E833``, the form is not known or not possible.
        DatasetError: ``E832``, the stages do not divide the patch.
    """
    settings.check()
    network = UNet(settings)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _convolution(settings: UNetSettings, taken: int, given: int, stride: Triple, kernel: int) -> nn.Module:
    if settings.is_planar:
        return nn.Conv2d(taken, given, kernel, stride[1:], kernel // 2)
    return nn.Conv3d(taken, given, kernel, stride, kernel // 2)


def _norm(settings: UNetSettings, width: int) -> nn.Module:
    norm = nn.InstanceNorm2d if settings.is_planar else nn.InstanceNorm3d
    return norm(width, affine=True)


def _sides(settings: UNetSettings, triple: Triple) -> tuple[int, ...]:
    return triple[1:] if settings.is_planar else triple

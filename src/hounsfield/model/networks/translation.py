"""Image to image (Isola 2017): a U-Net that makes, and a discriminator of patches that sees what it was made from.

The noise of the source, dropout in the decoder, is left out: it changed next to nothing there (section 3.2), and one
image given makes one image.
"""

import torch
from torch import Tensor, nn

from hounsfield.model.networks.mask_catalogue import UNetSettings
from hounsfield.model.networks.translation_catalogue import TranslationSettings
from hounsfield.model.networks.unet import UNet, build_unet

SLOPE = 0.2
DEVIATION = 0.02
"""Of the fresh weights of the discriminator (Isola 2017, section 6.2)."""


class ImageGenerator(nn.Module):
    """Images (image, channel, row, column) in 0..1 to images of the same form."""

    def __init__(self, settings: TranslationSettings) -> None:
        super().__init__()
        # a U-Net of masks has two logits at least: the further one is left aside
        self.channels = settings.channels
        self.network: UNet = build_unet(
            UNetSettings(
                name="unet",
                label_count=max(2, settings.channels),
                channels=settings.channels,
                patch=(1, settings.side, settings.side),
                widths=settings.widths,
                centre=0.5,
                scale=2.0,
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the images that are made."""
        logits: Tensor = self.network(images)
        return torch.sigmoid(logits[:, : self.channels])


class PatchDiscriminator(nn.Module):
    """Image given and image shown to a map of logits: how real each patch looks, as what that image becomes."""

    def __init__(self, settings: TranslationSettings) -> None:
        super().__init__()
        width = settings.judge_width
        layers: list[nn.Module] = [nn.Conv2d(2 * settings.channels, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for index in range(1, settings.judge_strides + 1):
            taken, given = width * 2 ** (index - 1), width * 2**index
            stride = 2 if index < settings.judge_strides else 1
            layers += [nn.Conv2d(taken, given, 4, stride, 1), nn.InstanceNorm2d(given, affine=True)]
            layers += [nn.LeakyReLU(SLOPE)]
        layers += [nn.Conv2d(width * 2**settings.judge_strides, 1, 4, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, given: Tensor, shown: Tensor) -> Tensor:
        """Return logits (image, patch) of pairs of images in 0..1."""
        logits: Tensor = self.layers(torch.cat([given, shown], 1) * 2 - 1)
        return logits.flatten(1)


class Translators(nn.Module):
    """The two networks of a game, as one, so that one optimiser and one checkpoint hold both."""

    def __init__(self, settings: TranslationSettings) -> None:
        super().__init__()
        self.generator = ImageGenerator(settings)
        self.discriminator = PatchDiscriminator(settings)

    def forward(self, images: Tensor) -> Tensor:
        """Return what the discriminator says of the images that are made of those given."""
        logits: Tensor = self.discriminator(images, self.generator(images))
        return logits


def build_translators(settings: TranslationSettings) -> Translators:
    """Return both networks with fresh weights drawn from torch's global generator.

    Raises:
        SettingsError: ``E924``, the form is not possible.
    """
    settings.check()
    networks = Translators(settings)
    for module in networks.discriminator.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, DEVIATION)
    return networks

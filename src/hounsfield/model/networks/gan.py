"""Generator and discriminator: DCGAN (Radford 2015) by class, with a projection discriminator (Miyato 2018)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from hounsfield.model.networks.gan_catalogue import START_SIDE, GanSettings

SLOPE = 0.2
DEVIATION = 0.02
"""Of the fresh weights (Radford 2015, section 4)."""


class ConvolutionalGenerator(nn.Module):
    """Noise and class to an image in 0..1, by transposed convolutions that double the sides."""

    def __init__(self, settings: GanSettings) -> None:
        super().__init__()
        self.latent = settings.latent
        self.classes = nn.Linear(settings.class_count, settings.latent, bias=False)
        widths = settings.widths[::-1]
        self.top = widths[0]
        self.first = nn.Linear(2 * settings.latent, self.top * START_SIDE**2, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(self.top), nn.ReLU()]
        for taken, given in pairwise(widths):
            layers += [nn.ConvTranspose2d(taken, given, 4, 2, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], settings.channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, codes: Tensor) -> Tensor:
        """Return images (image, channel, row, column) of codes (image, latent + class)."""
        wanted = self.classes(codes[:, self.latent :])
        start = self.first(torch.cat([codes[:, : self.latent], wanted], 1))
        images: Tensor = self.layers(start.view(-1, self.top, START_SIDE, START_SIDE))
        return (images + 1) / 2


class ConvolutionalDiscriminator(nn.Module):
    """Image and class to one logit: how real the image looks, as an image of that class."""

    def __init__(self, settings: GanSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        taken = settings.channels
        for index, given in enumerate(settings.widths):
            layer = nn.Conv2d(taken, given, 4, 2, 1)
            layers.append(spectral_norm(layer) if settings.has_spectral_norm else layer)
            if index and not settings.has_spectral_norm:
                layers.append(nn.BatchNorm2d(given))
            layers.append(nn.LeakyReLU(SLOPE))
            taken = given
        self.layers = nn.Sequential(*layers)
        self.last: nn.Module = nn.Linear(taken * START_SIDE**2, 1)
        self.classes: nn.Module = nn.Linear(settings.class_count, taken, bias=False)
        if settings.has_spectral_norm:
            self.last, self.classes = spectral_norm(self.last), spectral_norm(self.classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return logits (image,) of images in 0..1 and classes (image, class), one for the class they are shown as."""
        places = self.layers(images * 2 - 1)
        as_any: Tensor = self.last(places.flatten(1))[:, 0]
        as_class: Tensor = (self.classes(classes) * places.mean((2, 3))).sum(1)
        return as_any + as_class


class Adversaries(nn.Module):
    """The two networks of a game, as one, so that one optimiser and one checkpoint hold both."""

    def __init__(self, settings: GanSettings) -> None:
        super().__init__()
        self.generator = ConvolutionalGenerator(settings)
        self.discriminator = ConvolutionalDiscriminator(settings)
        self.latent = settings.latent

    def forward(self, codes: Tensor) -> Tensor:
        """Return what the discriminator says of the images that the generator makes."""
        logits: Tensor = self.discriminator(self.generator(codes), codes[:, self.latent :])
        return logits


def build_adversaries(settings: GanSettings) -> Adversaries:
    """Return both networks with fresh weights drawn from torch's global generator.

    Raises:
        SettingsError: ``E924``, the form is not possible.
    """
    settings.check()
    networks = Adversaries(settings)
    for module in networks.generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, DEVIATION)
    return networks

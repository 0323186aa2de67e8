"""Networks of several series of a case: a trunk for each and late fusion of what is there, or series as channels.

The input (image, 2 * series, row, column) holds the series, then a plane of ones for each that was given, of zeros for
each that was not. So one tensor says both, and what stands in the place of a missing series cannot be heard.
"""

from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import SMALLEST_VARIANCE, Classifier

Fusion = Literal["mean", "max", "attention", "channels"]
LEAST_SHOWN = 2
FAR = 1e4
"""Taken from what is missing before a maximum or a softmax over series; float32 keeps what is left exactly apart."""


class LateFusion(Classifier):
    """A trunk for each series; their features are fused over the series that were given, then one linear layer.

    The mean (as HeMIS, Havaei 2016, without its variance), the maximum, or a softmax of learned scores (attention).
    """

    def __init__(self, settings: NetworkSettings, series_count: int, fusion: Fusion) -> None:
        super().__init__(settings)
        self.series_count = series_count
        self.fusion = fusion
        branches = [build_network(replace(settings, channels=1)) for _ in range(series_count)]
        self.branches = nn.ModuleList(branches)
        width = branches[0].last.in_features
        for branch in branches:
            # only what comes before the last layer of a branch is used
            branch.last.requires_grad_(requires_grad=False)
        self.score = nn.Linear(width, 1) if fusion == "attention" else None
        self.dropout = nn.Dropout(settings.dropout_fraction)
        self.linear = nn.Linear(width + series_count, settings.class_count)

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logits."""
        return self.linear

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (image, class) from series and planes (image, 2 * series, row, column)."""
        is_given = images[:, self.series_count :, 0, 0]
        own = [self.features_of(place, images, is_given[:, place]) for place in range(self.series_count)]
        fused = self.fused(torch.stack(own, 1), is_given)
        logits: Tensor = self.linear(torch.cat([self.dropout(fused), is_given], 1))
        return logits

    def features_of(self, place: int, images: Tensor, is_given: Tensor) -> Tensor:
        """Return the features of one series (image, feature).

        In training a missing series is not shown to its trunk, so that the statistics of batch normalisation are those
        of images; a single one is, with the rest, as no variance can be had of one.
        """
        own, branch = images[:, place : place + 1], cast(Classifier, self.branches[place])
        shown = torch.nonzero(is_given)[:, 0] if self.training else torch.zeros(0)
        if len(shown) < LEAST_SHOWN or len(shown) == len(images):
            return branch.features(own)
        found = branch.features(own[shown])
        return found.new_zeros(len(images), found.shape[1]).index_copy(0, shown, found)

    def fused(self, features: Tensor, is_given: Tensor) -> Tensor:
        """Return features (image, feature) of a case from those of each series (image, series, feature)."""
        weights = is_given[:, :, None]
        if self.fusion == "max":
            return (features * weights - FAR * (1 - weights)).amax(1)
        if self.score is not None:
            weights = torch.softmax(self.score(features * weights) - FAR * (1 - weights), 1)
        else:
            weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
        return (features * weights).sum(1)


class StackedSeries(Classifier):
    """One network that takes series as channels, each standardised by itself and 0 where it is missing, and planes."""

    def __init__(self, settings: NetworkSettings, series_count: int) -> None:
        super().__init__(settings)
        self.series_count = series_count
        taken = replace(settings, channels=2 * series_count, standardise=False, centre=0.0, scale=1.0)
        self.inner = build_network(taken)

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logits."""
        return self.inner.last

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (image, class) from series and planes (image, 2 * series, row, column)."""
        logits: Tensor = self.inner(self.standardised(images))
        return logits

    def member_logits(self, images: Tensor) -> Tensor:
        """Return what each member says by itself, (member, image, class)."""
        return self.inner.member_logits(self.standardised(images))

    def standardised(self, images: Tensor) -> Tensor:
        """Return series of mean 0 and deviation 1 each, 0 where missing, and their planes as they are."""
        series, planes = images[:, : self.series_count], images[:, self.series_count :]
        centred = series - series.mean((2, 3), keepdim=True)
        deviation = torch.sqrt((centred * centred).mean((2, 3), keepdim=True) + SMALLEST_VARIANCE)
        return torch.cat([centred / deviation * planes, planes], 1)


def build_fused(settings: NetworkSettings, series_count: int, fusion: Fusion) -> Classifier:
    """Return a network of fresh weights for several series.

    Args:
        settings: of the trunk, for one series.
        series_count: of the series.
        fusion: ``mean``, ``max`` or ``attention`` of a trunk for each, or ``channels`` of one for all.

    Raises:
        SettingsError: ``E831`` or ``E833``, the form is not known or not possible.
        DatasetError: ``E832``, the network cannot take images of this size.
    """
    if fusion == "channels":
        return StackedSeries(settings, series_count)
    return LateFusion(settings, series_count, fusion)

"""The two ends of a classifier: dense layers on the flattened map, or a linear layer on its mean with its CAM."""

import torch
from torch import Tensor, nn

from hounsfield.model.networks.catalogue import NetworkSettings

SMALLEST_VARIANCE = 1e-6
"""Added to the variance of an image, so that a constant one becomes zero instead of noise."""


class Classifier(nn.Module):
    """A network from images to logits; softmax is the last step, outside, where the temperature is applied first.

    ``forward`` takes (image, channel, row, column) and returns logits (image, class).
    """

    has_activation_map = False

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.is_standardising = settings.standardise
        self.register_buffer("centre", torch.tensor(settings.centre, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(settings.scale, dtype=torch.float32))

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logits."""
        raise NotImplementedError

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer is given, (image, feature), before dropout where that is the step between."""
        raise NotImplementedError

    def member_logits(self, images: Tensor) -> Tensor:
        """Return what each member says by itself, (member, image, class); their mean is the answer."""
        logits: Tensor = self(images)
        return logits[None]

    def normalised(self, images: Tensor) -> Tensor:
        """Bring the samples to the range the first layer works in."""
        if not self.is_standardising:
            return (images - self.get_buffer("centre")) * self.get_buffer("scale")
        centred = images - images.mean((1, 2, 3), keepdim=True)
        return centred / torch.sqrt((centred * centred).mean((1, 2, 3), keepdim=True) + SMALLEST_VARIANCE)


class FlattenedClassifier(Classifier):
    """A trunk whose map is flattened into dense layers; it has no exact class activation map."""

    def __init__(self, trunk: nn.Module, dense: nn.Sequential, settings: NetworkSettings) -> None:
        super().__init__(settings)
        self.trunk = trunk
        self.dense = dense

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logits."""
        layer = self.dense[-1]
        if not isinstance(layer, nn.Linear):
            raise TypeError("the last layer of a classifier is linear")
        return layer

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer is given, (image, feature)."""
        found: Tensor = self.dense[:-1](torch.flatten(self.trunk(self.normalised(images)), 1))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (image, class)."""
        logits: Tensor = self.dense(torch.flatten(self.trunk(self.normalised(images)), 1))
        return logits


class PooledClassifier(Classifier):
    """A trunk, global average pooling and one linear layer.

    The class activation map (Zhou 2016, equation 2) is the linear layer at each place of the map, so its mean over the
    places plus the bias is the logit, exactly.
    """

    has_activation_map = True

    def __init__(self, trunk: nn.Module, linear: nn.Linear, settings: NetworkSettings) -> None:
        super().__init__(settings)
        self.trunk = trunk
        self.dropout = nn.Dropout(settings.dropout_fraction)
        self.linear = linear
        self.member_count = settings.members

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logits."""
        return self.linear

    def features(self, images: Tensor) -> Tensor:
        """Return the mean of the map over its places, (image, feature), without dropout."""
        found: Tensor = self.trunk(self.normalised(images)).mean((2, 3))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (image, class)."""
        logits: Tensor = self.linear(self.dropout(self.features(images)))
        return logits

    def member_logits(self, images: Tensor) -> Tensor:
        """Return what each member says by itself, (member, image, class).

        The head is linear, so the answer is the mean over members of (members * own part of the head + bias): trained
        on these, members stay independent, and the network that is kept is still one trunk, one mean and one layer.
        """
        features = self.dropout(self.features(images))
        count = self.member_count
        own = zip(features.chunk(count, dim=1), self.linear.weight.chunk(count, dim=1), strict=True)
        return torch.stack([nn.functional.linear(part, weight * count, self.linear.bias) for part, weight in own])

    def everything(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what one pass gives of images.

        Returns:
            Logits (image, class), class activation maps (image, class, row, column) on the trunk's grid, and the pooled
            features (image, feature) that the logits are made from.
        """
        places = self.trunk(self.normalised(images))
        features = places.mean((2, 3))
        logits: Tensor = self.linear(features)
        return logits, nn.functional.conv2d(places, self.linear.weight[:, :, None, None]), features

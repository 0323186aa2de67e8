"""The two ends of a classifier: dense layers on the flattened map, or a linear layer on its mean with its CAM."""

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A network from images to logits; softmax is the last step, outside, where the temperature is applied first.

    ``forward`` takes (image, channel, row, column) and returns logits (image, class).
    """

    has_activation_map = False

    def __init__(self, centre: float, scale: float) -> None:
        super().__init__()
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def normalised(self, images: Tensor) -> Tensor:
        """Bring the samples to the range the first layer works in."""
        return (images - self.get_buffer("centre")) * self.get_buffer("scale")


class FlattenedClassifier(Classifier):
    """A trunk whose map is flattened into dense layers; it has no exact class activation map."""

    def __init__(self, trunk: nn.Module, dense: nn.Module, centre: float, scale: float) -> None:
        super().__init__(centre, scale)
        self.trunk = trunk
        self.dense = dense

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

    def __init__(self, trunk: nn.Module, linear: nn.Linear, dropout: float, settings: tuple[float, float]) -> None:
        super().__init__(*settings)
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.linear = linear

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (image, class)."""
        logits: Tensor = self.linear(self.dropout(self.trunk(self.normalised(images)).mean((2, 3))))
        return logits

    def with_activation_map(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (image, class) and class activation maps (image, class, row, column) of the trunk's grid."""
        features = self.trunk(self.normalised(images))
        logits: Tensor = self.linear(features.mean((2, 3)))
        maps = nn.functional.conv2d(features, self.linear.weight[:, :, None, None])
        return logits, maps

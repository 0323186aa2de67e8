"""A score for unknown kinds of image: the distance of an image's features from those of its class, from training.

Mahalanobis distance with one covariance for all classes (Lee 2018, section 2.1), shrunk towards a multiple of the
identity so that it can be inverted, to the mean of the predicted class, divided by the quantile of the distances that
cases of this class had. One is therefore the border for every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class OutsideScore:
    """What the distance is measured with.

    Attributes:
        means: (class, feature).
        whitening: (feature, feature); its product with a difference has the Mahalanobis distance as its length.
        borders: (class,) the quantile of the distances of each class.
    """

    means: Tensor
    whitening: Tensor
    borders: Tensor

    def of(self, features: Tensor, logits: Tensor) -> Tensor:
        """Return the score (image,) of features (image, feature): above one lies outside."""
        nearest = logits.argmax(1)
        away = (features - self.means[nearest]) @ self.whitening.T
        return torch.sqrt((away * away).sum(1)) / self.borders[nearest]


def fit_outside(features: Tensor, labels: Tensor, class_count: int, quantile: float, shrinkage: float) -> OutsideScore:
    """Fit the score on features (case, feature) of cases that the network knows.

    Args:
        features: pooled features.
        labels: (case,) class of each; every class occurs.
        class_count: number of classes.
        quantile: share of the cases of a class that its border holds.
        shrinkage: share of the mean variance that replaces the covariance.
    """
    values = features.double()
    means = torch.stack([values[labels == index].mean(0) for index in range(class_count)])
    away = values - means[labels]
    covariance = away.T @ away / len(values)
    mean_variance = covariance.diagonal().mean()
    covariance = (1 - shrinkage) * covariance + shrinkage * mean_variance * torch.eye(len(covariance)).double()
    whitening = torch.linalg.inv(torch.linalg.cholesky(covariance))
    distances = torch.sqrt(((away @ whitening.T) ** 2).sum(1))
    borders = torch.stack([torch.quantile(distances[labels == index], quantile) for index in range(class_count)])
    return OutsideScore(means.float(), whitening.float(), borders.clamp(min=1e-6).float())

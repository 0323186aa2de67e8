"""A score for unknown kinds of image: the distance of an image's features from those of its class, from training.

Mahalanobis distance with one covariance for all (Lee 2018, section 2.1), shrunk towards a multiple of the identity so
that it can be inverted, to the nearest cluster of the predicted class (a class may come from sources that look unlike),
divided by the quantile of the distances that cases of this class had. One is therefore the border for every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hounsfield.train.plan import OutsidePlan

FAR = 1e6
"""Distance that stands for a cluster of another class."""


@dataclass(frozen=True)
class OutsideScore:
    """What the distance is measured with.

    Attributes:
        centres: (cluster, feature) whitened mean of each cluster.
        whitening: (feature, feature); after it, distances are Mahalanobis distances.
        foreign: (class, cluster) 0 for the clusters of a class, ``FAR`` for the others.
        borders: (class,) the distance that counts as one.
    """

    centres: Tensor
    whitening: Tensor
    foreign: Tensor
    borders: Tensor

    def distances(self, features: Tensor, classes: Tensor) -> Tensor:
        """Return the distance (image,) of features (image, feature) to the nearest cluster of classes (image,)."""
        away = (features @ self.whitening.T)[:, None] - self.centres[None]
        to_each = torch.sqrt((away * away).sum(2)) + self.foreign[classes]
        return to_each.amin(1)

    def of(self, features: Tensor, logits: Tensor) -> Tensor:
        """Return the score (image,): above one lies outside."""
        nearest = logits.argmax(1)
        return self.distances(features, nearest) / self.borders[nearest]


def fit_outside(
    features: Tensor, labels: Tensor, clusters: Tensor, class_count: int, plan: OutsidePlan
) -> OutsideScore:
    """Fit the score on features of cases that the network knows.

    Args:
        features: (case, feature) pooled features.
        labels: (case,) class of each; every class occurs.
        clusters: (case,) what the cases of a class differ in.
        class_count: number of classes.
        plan: quantile, margin and shrinkage.
    """
    values = features.double()
    keys, member = torch.unique(torch.stack([labels, clusters], 1), dim=0, return_inverse=True)
    means = torch.stack([values[member == index].mean(0) for index in range(len(keys))])
    away = values - means[member]
    covariance = away.T @ away / len(values)
    share = plan.shrinkage
    spread = covariance.diagonal().mean().clamp(min=1e-12) * torch.eye(len(covariance)).double()
    whitening = torch.linalg.inv(torch.linalg.cholesky((1 - share) * covariance + max(share, 1e-6) * spread))
    foreign = torch.full((class_count, len(keys)), FAR).double()
    foreign[keys[:, 0], torch.arange(len(keys))] = 0
    score = OutsideScore(means @ whitening.T, whitening, foreign, torch.ones(class_count).double())
    known = score.distances(values, labels)
    borders = [torch.quantile(known[labels == index], plan.quantile) * plan.margin for index in range(class_count)]
    parts = (score.centres, whitening, foreign, torch.stack(borders).clamp(min=1e-6))
    return OutsideScore(*(part.float() for part in parts))

"""A score for unknown kinds of image: the distance of an image's features from those of its class, from training.

Mahalanobis distance (Lee 2018, section 2.1) to the nearest cluster of the predicted class, since a class may come from
sources that look unlike, with the covariance of the class, shrunk towards a multiple of the identity so that it can be
inverted. It is divided by the quantile of the distances that cases of this class have, so that one is the border for
every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hounsfield.train.plan import OutsidePlan

FAR = 1e6
"""Distance that stands for a cluster of another class."""


@dataclass(frozen=True)
class Known:
    """Features of cases that the network knows.

    Attributes:
        features: (case, feature) pooled features.
        labels: (case,) class of each; every class occurs.
        clusters: (case,) what the cases of a class differ in.
    """

    features: Tensor
    labels: Tensor
    clusters: Tensor


@dataclass(frozen=True)
class OutsideScore:
    """What the distance is measured with.

    Attributes:
        centres: (cluster, feature) mean of each cluster, whitened as its class is.
        whitening: (class, feature, feature); after it, distances are Mahalanobis distances.
        foreign: (class, cluster) 0 for the clusters of a class, ``FAR`` for the others.
        borders: (class,) the distance that counts as one.
    """

    centres: Tensor
    whitening: Tensor
    foreign: Tensor
    borders: Tensor

    def distances(self, features: Tensor, classes: Tensor) -> Tensor:
        """Return the distance (image,) of features (image, feature) to the nearest cluster of classes (image,)."""
        whitened = torch.matmul(self.whitening[classes], features[:, :, None])[:, :, 0]
        away = whitened[:, None] - self.centres[None]
        return (torch.sqrt((away * away).sum(2)) + self.foreign[classes]).amin(1)

    def of(self, features: Tensor, logits: Tensor) -> Tensor:
        """Return the score (image,): above one lies outside."""
        nearest = logits.argmax(1)
        return self.distances(features, nearest) / self.borders[nearest]


def fit_outside(training: Known, tuning: Known, class_count: int, plan: OutsidePlan) -> OutsideScore:
    """Fit the score: clusters and covariances on the training part, borders on the tuning part or on both.

    Args:
        training: what the network learned from.
        tuning: what it did not, so its distances are those of new images.
        class_count: number of classes.
        plan: quantile and what it is measured on, margin, covariance and shrinkage.
    """
    values = training.features.double()
    keys, member = torch.unique(torch.stack([training.labels, training.clusters], 1), dim=0, return_inverse=True)
    means = torch.stack([values[member == index].mean(0) for index in range(len(keys))])
    away = values - means[member]
    chosen = [away if plan.covariance == "shared" else away[training.labels == index] for index in range(class_count)]
    whitening = torch.stack([_whitening(rows, plan.shrinkage) for rows in chosen])
    centres = torch.matmul(whitening[keys[:, 0]], means[:, :, None])[:, :, 0]
    foreign = torch.full((class_count, len(keys)), FAR).double()
    foreign[keys[:, 0], torch.arange(len(keys))] = 0
    score = OutsideScore(centres, whitening, foreign, torch.ones(class_count).double())
    measured = (tuning,) if plan.measured_on == "tuning" else (training, tuning)
    reached = torch.cat([score.distances(part.features.double(), part.labels) for part in measured])
    labels = torch.cat([part.labels for part in measured])
    borders = [torch.quantile(reached[labels == index], plan.quantile) for index in range(class_count)]
    parts = (centres, whitening, foreign, (plan.margin * torch.stack(borders)).clamp(min=1e-6))
    return OutsideScore(*(part.float() for part in parts))


def _whitening(away: Tensor, shrinkage: float) -> Tensor:
    """Return the matrix that makes differences (case, feature) from their mean uncorrelated and of unit variance."""
    covariance = away.T @ away / max(1, len(away))
    identity = torch.eye(len(covariance)).double()
    spread = covariance.diagonal().mean().clamp(min=1e-12)
    shrunk = (1 - shrinkage) * covariance + max(shrinkage, 1e-6) * spread * identity
    whitening: Tensor = torch.linalg.inv(torch.linalg.cholesky(shrunk))
    return whitening

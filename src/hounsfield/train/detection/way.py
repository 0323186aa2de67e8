"""Detection as a way of learning (a ``train.way.Way``)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hounsfield.core.boxes import Detections
from hounsfield.metrics.detection import detection_statistics, match_class
from hounsfield.metrics.weights import value_of
from hounsfield.model.detector import LARGEST_GROWTH, anchor_boxes, detections_of
from hounsfield.model.networks.retina import Retina
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.detection.augment import Objects, place_images
from hounsfield.train.detection.parts import BoxPart, BoxParts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.planner import MEASURED_AT_ONCE
from hounsfield.train.detection.targets import Targets, box_loss, decode, focal_loss, match_anchors
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.way import Measured, StepLoss

_MEASURED = (0.5, 0.75)
"""Overlaps that an epoch is measured at; all ten are for the end."""

BoxBatch = tuple[Tensor, tuple[tuple[Tensor, Tensor, Tensor], ...]]
"""Pictures (image, channel, row, column); and of each its boxes, labels and what is ignored."""


@dataclass(frozen=True)
class _Sums:
    """Losses of a batch, and the anchors that are for an object."""

    classes: Tensor
    boxes: Tensor
    matched: int


class Detection:
    """One plan on one data set."""

    def __init__(self, plan: DetectionPlan, parts: BoxParts) -> None:
        """Hold the parts as tensors, and the anchors."""
        self.plan = plan
        self.data_digest = parts.digest
        self.training, self.tuning = parts.training, parts.tuning
        self.interface = plan.interface()
        self.anchors = anchor_boxes(self.interface)
        self._anchors = torch.from_numpy(self.anchors).float()
        rows, columns = plan.network.rows, plan.network.columns
        per_place = [len(level.sides) * len(plan.ratios) for level in plan.levels]
        self._per_level = tuple(
            -(-rows // level.stride) * -(-columns // level.stride) * count
            for level, count in zip(plan.levels, per_place, strict=True)
        )

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.training) // self.plan.learning.batch_size)

    def build(self) -> Retina:
        """Return a fresh network, laid out as convolutions are fastest."""
        network = Retina(self.plan.network)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def batches(self, epoch: int) -> Iterator[BoxBatch]:
        """Give the batches of an epoch, each image once."""
        order = torch.randperm(len(self.training), generator=generator_at(self.plan.seed, "order", epoch))
        size = self.plan.learning.batch_size
        for index in range(self.batch_count):
            yield self._batch(order[index * size : (index + 1) * size].numpy(), epoch, index)

    def _batch(self, picked: np.ndarray[tuple[int], np.dtype[np.int64]], epoch: int, index: int) -> BoxBatch:
        chance = generator_at(self.plan.seed, "batch", epoch, index)
        images = torch.from_numpy(self.training.images[picked])
        placement = self.plan.augment.draw(len(picked), chance)
        images = self.plan.augment.light(images, chance)
        shape = (images.shape[2], images.shape[3])
        rows = []
        for number, scale, shift in zip(picked, placement.scale, placement.shift, strict=True):
            moved = self.plan.augment.place_objects(objects_of(self.training, int(number)), scale, shift, shape)
            rows.append((moved.boxes, moved.labels, moved.is_ignored))
        return augment(place_images(images, placement), self.plan.changes, chance), tuple(rows)

    def loss(self, network: Retina, batch: BoxBatch) -> StepLoss:
        """Return the focal loss of the classes and the GIoU loss of the boxes, each by anchor that is for an object."""
        logits, deltas = network(batch[0].contiguous(memory_format=torch.channels_last))
        sums = self._losses(logits, deltas, [Objects(*row) for row in batch[1]])
        classes, boxes = sums.classes / max(1, sums.matched), sums.boxes / max(1, sums.matched)
        figures = {"class_loss": float(classes.detach()), "box_loss": float(boxes.detach())}
        return StepLoss(classes + self.plan.box_weight * boxes, figures)

    def _losses(self, logits: Tensor, deltas: Tensor, objects: list[Objects]) -> _Sums:
        classes, boxes, matched = logits.new_zeros(()), logits.new_zeros(()), 0
        for said, shift, own in zip(logits, deltas, objects, strict=True):
            targets = self._targets(own)
            chosen = torch.nonzero(targets.objects >= 0)[:, 0]
            wanted = torch.zeros_like(said)
            wanted[chosen, own.labels[targets.objects[chosen]]] = 1.0
            classes = classes + focal_loss(said, wanted, targets.counts)
            found = decode(shift[chosen], self._anchors[chosen], LARGEST_GROWTH)
            boxes = boxes + box_loss(found, own.boxes[targets.objects[chosen]])
            matched += len(chosen)
        return _Sums(classes, boxes, matched)

    def _targets(self, objects: Objects) -> Targets:
        return match_anchors(objects, self._anchors, self._per_level, self.plan.candidates)

    def measure(self, network: Retina) -> Measured:
        """Score by the average precision at an overlap of 0.5, then at 0.75, then by the loss."""
        found, loss = self._detect(network)
        references = self.tuning.references()
        names = self.plan.class_names
        matches = [match_class(found, references, label, _MEASURED) for label in range(len(names))]
        statistics = detection_statistics(matches, names, _MEASURED)
        figures = {name: value_of(statistics[name], len(references)) for name in ("map50", "map")}
        score = (round(figures["map50"], 3), round(figures["map"], 3), -loss)
        return Measured(loss, {"map50": figures["map50"], "map50_75": figures["map"]}, score)

    @torch.no_grad()
    def _detect(self, network: Retina) -> tuple[list[Detections], float]:
        found, sums = [], []
        rows, columns = self.plan.network.rows, self.plan.network.columns
        for start in range(0, len(self.tuning), MEASURED_AT_ONCE):
            numbers = range(start, min(start + MEASURED_AT_ONCE, len(self.tuning)))
            images = torch.from_numpy(self.tuning.images[start : start + MEASURED_AT_ONCE])
            logits, deltas = network(images.contiguous(memory_format=torch.channels_last))
            sums.append(self._losses(logits, deltas, [objects_of(self.tuning, number) for number in numbers]))
            for number, said, shift in zip(numbers, logits.numpy(), deltas.numpy(), strict=True):
                own = detections_of(said, shift, self.anchors, self.interface)
                scale = np.tile(self.tuning.shapes[number] / np.array([rows, columns]), 2)
                found.append(Detections(own.boxes * scale, own.labels, own.scores))
        total = sum(float(item.classes) + self.plan.box_weight * float(item.boxes) for item in sums)
        return found, total / max(1, sum(item.matched for item in sums))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the loss and the average precision on the tuning part."""
        facts = {"epoch": record.epoch, "loss": f"{record.tuning_loss:.4f}", "map50": f"{record.tuning['map50']:.4f}"}
        return TrainEvent("ui.train.epoch-boxes", facts | {"epochs": epochs_planned}, record.epoch, epochs_planned)


def objects_of(part: BoxPart, index: int) -> Objects:
    """Return the objects of an image as tensors."""
    item = part.annotations[index]
    boxes = torch.from_numpy(item.boxes).float()
    return Objects(boxes, torch.from_numpy(item.labels), torch.from_numpy(item.is_ignored))

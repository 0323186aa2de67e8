"""The plan of a detector: what a run obeys, as one JSON document that repeats it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hounsfield.model.interface import AnchorLevel, BoxInterface
from hounsfield.model.networks.retina import RetinaSettings
from hounsfield.train.augment import Augmentation
from hounsfield.train.detection.augment import BoxAugmentation
from hounsfield.train.plan import Optimisation, RunPlan


class Decoding(BaseModel):
    """How detections are made of the outputs; see ``model.interface.BoxInterface``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_score: float = Field(0.05, ge=0, le=1)
    largest_overlap: float = Field(0.5, ge=0, le=1)
    most: int = Field(100, ge=1)


class DetectionPlan(RunPlan):
    """A resolved run of detection.

    Attributes:
        class_names: what is looked for.
        prepare: steps that bring an image onto the grid; they resize all of it and cut nothing.
        network: form of the network.
        levels: anchors of each level of the pyramid, in pixels of the grid.
        ratios: rows divided by columns of the anchors.
        augment: how images and boxes are changed together.
        changes: kinds of ``train.augment`` that change the samples afterwards, in order.
        box_weight: of the loss of boxes against that of classes.
        candidates: anchors of each level that may match an object (ATSS).
        decoding: how detections are made of the outputs.
    """

    task: Literal["detection"] = "detection"
    class_names: tuple[str, ...]
    prepare: tuple[dict[str, Any], ...]
    network: RetinaSettings
    levels: tuple[AnchorLevel, ...]
    ratios: tuple[float, ...] = (1.0,)
    augment: BoxAugmentation = Field(default_factory=BoxAugmentation)
    changes: tuple[Augmentation, ...] = ()
    learning: Optimisation = Field(default_factory=Optimisation)
    box_weight: float = Field(2.0, gt=0)
    candidates: int = Field(9, ge=1, le=100)
    decoding: Decoding = Field(default_factory=Decoding)

    def interface(self, working_score: float = 0.5) -> BoxInterface:
        """Return what a manifest says of the network."""
        return BoxInterface(
            channels=3 if self.network.channels == 3 else 1,
            rows=self.network.rows,
            columns=self.network.columns,
            deltas="deltas",
            levels=self.levels,
            ratios=self.ratios,
            working_score=working_score,
            **self.decoding.model_dump(),
        )

"""The plan of a pretraining: that of a classifier of the same images, with stronger changes and two views of each."""

from typing import Any

from pydantic import Field

from hounsfield.train.augment import Affine, Augmentation, BiasField, Blur, Contrast, Gamma, Noise
from hounsfield.train.augment_choice import customary
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.imaging import tell_imaging
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Plan, Reason
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe

FEATURES = 128
"""Width of the layer behind the trunk, which is thrown away afterwards."""
PROJECTED = 64
BATCH_SIZE = 64

VIEWS: tuple[Augmentation, ...] = (
    Affine(rotation_degrees=20, scale=(1.0, 2.0), aspect=0.2, shift_fraction=0.2, flip_probability=0.5,
           outside="border"),
    Gamma(exponent=(0.5, 2.0)),
    BiasField(strength=0.2),
    Contrast(factor=(0.5, 1.5), brightness=0.2),
    Blur(probability=0.3),
    Noise(deviation=0.05),
)  # fmt: skip
"""What makes two views of one image differ: another part of it, at another size, in another light."""


class PretrainPlan(Plan):
    """A resolved pretraining.

    Attributes:
        temperature: of the likeness of two views (Chen 2020).
    """

    temperature: float = Field(0.2, gt=0)


def make_pretrain_plan(options: TrainOptions, recipe: Recipe, found: Fingerprint, threads: int) -> PretrainPlan:
    """Return the plan of a pretraining.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network.
        DatasetError: ``E832``, the network cannot take images of the size asked for.
    """
    plan = make_plan(options, recipe, found, ("image", "other"), threads)
    told = tell_imaging(options.modality, recipe.model.input.modalities, found.modalities)
    kinds = recipe.augment if recipe.augment is not None else customary(VIEWS, told.imaging)
    asked_size = options.batch_size or recipe.learning.get("batch_size")
    learning = plan.learning.model_copy(
        update={
            "mixup": None,
            "label_smoothing": 0.0,
            "balance": "none",
            "patience": None,
            "keep": "last",
            "batch_size": asked_size or min(BATCH_SIZE, max(8, found.case_count // 4)),
        }
    )
    facts: dict[str, str | int | float] = {"images": found.case_count, "batch": learning.batch_size}
    told_apart = Reason(choice="task", key="ui.train.reason.pretrain", facts=facts)
    about_classes = {"balance", "batch_size"}
    values: dict[str, Any] = plan.model_dump() | {
        "class_names": ("image",),
        "network": {**plan.model_dump()["network"], "class_count": FEATURES},
        "augment": [kind.model_dump() for kind in kinds],
        "learning": learning.model_dump(),
        "decoys": None,
        "outside": None,
        "reasons": [
            told_apart.model_dump(),
            *(reason.model_dump() for reason in plan.reasons if reason.choice not in about_classes),
        ],
    }
    return PretrainPlan.model_validate(values)

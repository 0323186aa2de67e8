"""The whole of a segmentation run, one function an arrow: data → plan → weights → package → report."""

from pathlib import Path

from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.ledger import Ledger
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.page import Story
from hounsfield.train.recipe import Recipe
from hounsfield.train.segmentation.packing import pack_masks, rehearse_masks
from hounsfield.train.segmentation.setup import set_up_masks
from hounsfield.train.segmentation.way import Segmentation


def train_masks(
    data: Path, output: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk
) -> TrainResult:
    """Train a segmentation on a data set and write its model package.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: as ``train.run.train``.
    """
    task = set_up_masks(data, options, recipe, ledger, talk)
    rehearse_masks(task.plan, task.recipe)
    outcome = learn(Segmentation(task.plan, task.parts, task.start), ledger, talk, is_resumed=options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_masks(task, outcome.weights, output)
    story = Story(
        task.plan, packed.manifest, outcome.progress, packed.assessments, task.examination.issues, task.parts.digest
    )
    return conclude(story, packed.weights_digest, ledger, output)

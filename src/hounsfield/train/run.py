"""The whole of a training run, one function an arrow: data → task → weights → package → report."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.train.chance import settled
from hounsfield.train.classification import Classification
from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent, silent
from hounsfield.train.ledger import Ledger
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.packing import pack, rehearse
from hounsfield.train.page import Story
from hounsfield.train.ranks import OtherRankDone, join
from hounsfield.train.recipe import recipe_of_options
from hounsfield.train.segmentation.run import train_masks
from hounsfield.train.sequence.run import train_sequences
from hounsfield.train.setup import choose_threads, set_up
from hounsfield.train.several.run import is_several, train_several
from hounsfield.train.targets.run import Asked, find_targets, train_targets
from hounsfield.train.transfer.start import refuse_start

_OF_ANOTHER = TrainResult(Path(), Path(), Path(), "", (), 0, "", 0.0)
"""What a process returns to the first one, which replaces it by its own result."""


def train(data: Path, output: Path, options: TrainOptions | None = None, talk: Talk = silent) -> TrainResult:
    """Train the model that the layout of a data set asks for and write its package, with the run folder beside it.

    The run folder is ``<output>.run``.

    The same data, options and number of threads give the same bytes of ``network.onnx`` on one machine, whether or not
    the run was interrupted and resumed.

    Args:
        data: class folders, a MedMNIST npz, a CSV of paths and labels, images with masks or boxes, or films.
        output: the model file to write.
        options: what a person asks for; the rest is decided by the recipe and the plan.
        talk: told of the issues of the data before training, and of progress.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` another run is in the folder, ``E837`` the loss is no
            number, ``E842`` stopped on request.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 255, (60, 28, 28), dtype=np.uint8)
        >>> np.savez("tiny.npz", train_images=images, train_labels=np.arange(60)[:, None] % 2)
        >>> result = train(Path("tiny.npz"), Path("tiny.model"), TrainOptions(epochs=1, threads=1))
        >>> result.model.exists(), result.epochs_run
        (True, 1)
    """
    wanted = options or TrainOptions()
    recipe = recipe_of_options(wanted)
    wanted = replace(wanted, name=wanted.name or recipe.model.name or output.name.split(".")[0])
    ranks = join()
    ledger = Ledger(output.with_name(f"{output.name}.run"), ranks)
    try:
        return ranks.told(
            _on_this_rank(Asked(data, wanted, recipe), output, ledger, talk if ranks.is_first else silent)
        )
    finally:
        ranks.leave()


def _on_this_rank(asked: Asked, output: Path, ledger: Ledger, talk: Talk) -> TrainResult:
    """Do what this process has to do of a run; only what the first one returns counts."""
    try:
        return _train(asked, output, ledger, talk)
    except OtherRankDone:
        return _OF_ANOTHER


def _train(asked: Asked, output: Path, ledger: Ledger, talk: Talk) -> TrainResult:
    data, wanted, recipe = asked.data, asked.options, asked.recipe
    ledger.open()
    with stopped_on_request(ledger), settled(choose_threads(wanted, ledger)):
        if wanted.generator is not None:
            _require_classes(asked)
        if is_several(wanted, recipe):
            refuse_start(wanted, recipe, "several")
            return train_several(asked, output, ledger, talk)
        drawn = task_of(data) if wanted.task == "auto" else None
        if drawn is LearningTask.SEQUENCE or LearningTask.SEQUENCE in (wanted.task, recipe.task):
            refuse_start(wanted, recipe, LearningTask.SEQUENCE)
            return train_sequences(asked, output, ledger, talk)
        if drawn in (LearningTask.SEGMENTATION, LearningTask.INSTANCES):
            return train_masks(data, output, wanted, recipe, ledger, talk)
        if drawn is LearningTask.DETECTION:
            from hounsfield.train.detection.run import train_detector  # MONAI's detection takes a second to import

            refuse_start(wanted, recipe, drawn)
            return train_detector(data, output, wanted, recipe, ledger, talk)
        found = find_targets(asked)
        if found is not None:
            return train_targets(asked, found, output, ledger, talk)
        task = set_up(data, wanted, recipe, ledger, talk)
        rehearse(task)
        outcome = learn(Classification(task.plan, task.parts, task.start), ledger, talk, is_resumed=wanted.resume)
        talk(TrainEvent("ui.train.measuring"))
        manifest, digest, assessments = pack(task, outcome.weights, output)
        issues, data_digest = task.examination.issues, task.parts.digest
        story = Story(task.plan, manifest, outcome.progress, assessments, issues, data_digest)
        return conclude(story, digest, ledger, output)


def _require_classes(asked: Asked) -> None:
    """Refuse to fill what has no classes that could be rare.

    Raises:
        SettingsError: ``E929``.
    """
    drawn = task_of(asked.data) if asked.options.task == "auto" else None
    found = None if drawn not in (None, LearningTask.CLASSIFICATION) else find_targets(asked)
    if is_several(asked.options, asked.recipe) or drawn not in (None, LearningTask.CLASSIFICATION) or found is not None:
        raise SettingsError("E929", found=found.task if found is not None else drawn or "several")


@contextmanager
def stopped_on_request(ledger: Ledger) -> Iterator[None]:
    """Turn an interruption, or a request to terminate, into an error that says how to go on.

    Raises:
        HounsfieldError: ``E842``.
    """

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, stop) if is_main else None
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise HounsfieldError("E842", folder=ledger.folder.name) from interrupt
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)

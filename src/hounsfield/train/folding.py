"""Cross-validation: every case is held back once, and what was said of all of them is pooled.

Whole groups (a patient, an image and its copies) are held back together (Stone 1974; grouped as scikit-learn's
StratifiedGroupKFold), each fold is trained by one plan as nnU-Net does it (Isensee 2021), with a tuning part of its
own, and decisions and calibration are those of the fold's model. An area under the curve over pooled scores mixes the
scales of several models (Airola 2011; Forman and Scholz 2010), so the mean over the folds is stated beside it.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hounsfield.cases.splits import Fold
from hounsfield.core.prediction import Interval
from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.train.assess import Assessment, assess_classes, assess_masks
from hounsfield.train.chance import settled
from hounsfield.train.events import Talk, TrainEvent, silent
from hounsfield.train.fold_ground import Ground, survey
from hounsfield.train.fold_page import Told, write_results
from hounsfield.train.fold_shelf import FoldDone, Shelf
from hounsfield.train.folded import CrossValidation, Figure, FoldFigures, FoldOptions
from hounsfield.train.judged import Judged, JudgedClasses, JudgedMasks, pool_classes, pool_masks
from hounsfield.train.ledger import usable_cores
from hounsfield.train.options import TrainOptions
from hounsfield.train.recipe import recipe_of_options
from hounsfield.train.run import train

POOLED = "test"
"""Name of the part that is assessed: what was held back."""


def cross_validate(
    data: Path, output: Path, options: FoldOptions | None = None, talk: Talk = silent
) -> CrossValidation:
    """Train a model for each fold on all the others, and pool what each said of the cases that it never saw.

    Args:
        data: what ``train`` takes, for classes or masks.
        output: the folder to write: the model and run folder of each fold, one page, one JSON and one CSV document.
        options: see ``FoldOptions``; with ``train.resume`` folds that are done stand, and the next goes on.
        talk: told of the issues of the data, of the time that it will take, and of progress.

    Raises:
        DatasetError: ``E610`` too few groups for so many folds; the data cannot be learned from.
        SettingsError: ``E611`` something is learned that is not cross-validated; and those of ``train``.
        HounsfieldError: ``E612`` another cross-validation stands in the folder, ``E613`` the data changed between the
            folds; and those of ``train``.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 255, (60, 28, 28), dtype=np.uint8)
        >>> np.savez("tiny.npz", train_images=images, train_labels=np.arange(60)[:, None] % 2)
        >>> options = FoldOptions(TrainOptions(epochs=1, threads=1), folds=2)
        >>> found = cross_validate(Path("tiny.npz"), Path("folds"), options)
        >>> found.case_count, len(found.folds)
        (60, 2)
    """
    wanted = options or FoldOptions()
    shelf, folds = Shelf(output), [Fold(number, wanted.folds) for number in range(1, wanted.folds + 1)]
    learning = _settled(wanted.train, shelf)
    if wanted.folds < 2:
        raise SettingsError("E830", found=f"folds: {wanted.folds}")
    with settled(learning.threads or 1):
        asked = replace(learning, fold=folds[0], resume=False)
        ground = survey(data, asked, recipe_of_options(asked), wanted.folds, talk)
    shelf.enter(ground, wanted.folds, is_resumed=learning.resume)
    _tell(ground, talk)
    done = [_fold(data, shelf, fold, learning, talk) for fold in folds]
    judged = [_whole(shelf.judged(fold), ground, fold) for fold in folds]
    result = _result(shelf, ground, judged, done)
    write_results(shelf, result, Told(ground, _pool(judged), judged, learning.command))
    return result


def _settled(options: TrainOptions, shelf: Shelf) -> TrainOptions:
    """Return the options with the threads of all folds; a cross-validation that goes on keeps its own."""
    threads = options.threads or (shelf.threads() if options.resume else None) or usable_cores()
    return replace(options, threads=threads)


def _tell(ground: Ground, talk: Talk) -> None:
    """Say how many cases each fold holds back, and how long it will take."""
    sizes = ", ".join(str(len(parts["test"])) for parts in ground.chosen)
    total = sum(len(parts["test"]) for parts in ground.chosen)
    groups = len({ground.groups[index] for parts in ground.chosen for index in parts["test"]})
    facts = {"folds": len(ground.chosen), "cases": total, "groups": groups, "sizes": sizes}
    talk(TrainEvent("ui.folds.drawn", facts))
    each = ground.seconds
    facts = {"each": _minutes(each), "total": _minutes(each * len(ground.chosen)), "folds": len(ground.chosen)}
    talk(TrainEvent("ui.folds.time", facts))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"


def _fold(data: Path, shelf: Shelf, fold: Fold, options: TrainOptions, talk: Talk) -> FoldDone:
    """Train a fold, unless it is done."""
    finished = shelf.done(fold) if options.resume else None
    talk(TrainEvent("ui.folds.kept" if finished else "ui.folds.fold", {"fold": fold.number, "folds": fold.count}))
    if finished:
        return finished
    name = options.name or recipe_of_options(options).model.name or shelf.folder.name
    own = replace(options, fold=fold, name=f"{name}-fold-{fold.number}")
    # what is wrong with the data was said of all of them, before the first fold
    trained = train(data, shelf.model(fold), own, lambda event: None if event.issue else talk(event))
    done = FoldDone(fold.number, trained.weights_digest, trained.seconds)
    shelf.note(done)
    return done


def _whole(judged: Judged | None, ground: Ground, fold: Fold) -> Judged:
    """Return what was said of a fold, after making sure that it is all of the fold and nothing else.

    Raises:
        HounsfieldError: ``E613``.
    """
    expected = ground.held_back(fold.number)
    if judged is None or sorted(judged.identifiers) != sorted(expected):
        raise HounsfieldError("E613", fold=fold.number, found=len(judged or ()), expected=len(expected))
    return judged


def _pool(judged: Sequence[Judged]) -> Judged:
    classes = [item for item in judged if isinstance(item, JudgedClasses)]
    return pool_classes(classes) if classes else pool_masks([item for item in judged if isinstance(item, JudgedMasks)])


def _assess(judged: Judged, seed: int) -> Assessment:
    return (
        assess_classes(POOLED, judged, seed)
        if isinstance(judged, JudgedClasses)
        else assess_masks(POOLED, judged, seed)
    )


def _result(shelf: Shelf, ground: Ground, judged: Sequence[Judged], done: Sequence[FoldDone]) -> CrossValidation:
    pooled = _pool(judged)
    own = [_assess(item, ground.plan.seed) for item in judged]
    folds = tuple(
        FoldFigures(
            item.number,
            found.case_count,
            _figures(found.metrics),
            shelf.model(Fold(item.number, len(done))),
            item.weights_digest,
            item.seconds,
        )
        for item, found in zip(done, own, strict=True)
    )
    return CrossValidation(
        shelf.report,
        shelf.document,
        shelf.cases,
        ground.data_name,
        len(pooled),
        len(np.unique(pooled.groups)),
        _figures(_assess(pooled, ground.plan.seed).metrics),
        _between(folds),
        folds,
        sum(item.seconds for item in done),
    )


def _figures(metrics: Mapping[str, Interval]) -> dict[str, Figure]:
    return {name: Figure(item.value, item.low, item.high) for name, item in metrics.items()}


def _between(folds: Sequence[FoldFigures]) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation over the folds of each metric that every fold has."""
    names = [name for name in folds[0].metrics if all(name in fold.metrics for fold in folds)]
    values = {name: [fold.metrics[name].value for fold in folds] for name in names}
    return {name: (statistics.fmean(row), statistics.stdev(row)) for name, row in values.items()}

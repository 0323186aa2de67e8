"""Tuning: many short trainings of one data set, of which those that fall behind are ended early.

The sampler is the tree-structured Parzen estimator (Bergstra et al. 2011), the pruner the median rule (Golovin et al.
2017), both of Optuna. Several processes, also on several machines, work on one search when they name the same store.
The test part is not looked at: its score would be the best of many, and no longer a test.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.train.chance import settled
from hounsfield.train.classification import Classification
from hounsfield.train.events import Talk, TrainEvent, silent
from hounsfield.train.gather import gather_parts
from hounsfield.train.ledger import usable_cores
from hounsfield.train.loop import TIME_LIMIT, Loop
from hounsfield.train.outline import outline_run, with_range
from hounsfield.train.parts import Parts
from hounsfield.train.plan import Plan
from hounsfield.train.recipe import recipe_of_options
from hounsfield.train.space import Ground, Space, make_space, recipe_of
from hounsfield.train.trials import Trial, TuneOptions, TuneResult
from hounsfield.train.tune_page import write_tuning

if TYPE_CHECKING:
    import optuna

FIRST_WHOLE, FIRST_EPOCHS = 4, 3
"""Trials that are never ended early, and epochs before which none is."""
FEWEST_FOR_WEIGHTS, LEAST_SPREAD = 8, 1e-6
"""Whole trials, and a spread of their scores, from which it is told which choice mattered."""


def tune(data: Path, output: Path, options: TuneOptions | None = None, talk: Talk = silent) -> TuneResult:
    """Search for the choices that do best on the tuning part, and write them as a recipe.

    The plan's own choice is the first trial, so that the recipe is never worse there than no recipe. With one process
    and one seed, a search that is not interrupted gives the same recipe again.

    Args:
        data: what ``train`` takes, for classification.
        output: the recipe (TOML) to write.
        options: see ``TuneOptions``.
        talk: told of the issues of the data and of each trial.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: ``E826`` the store is none; and those of ``train``.
        HounsfieldError: ``E825``, no trial came to its end.
    """
    import optuna

    wanted = options or TuneOptions()
    recipe = recipe_of_options(wanted.train)
    threads = wanted.train.threads or usable_cores()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with settled(threads):
        found = outline_run(data, wanted.train, recipe, threads, talk)
        seen = {part: found.chosen[part] for part in ("training", "tuning")}
        parts = gather_parts(found.table, found.examination, seen, found.plan, recipe.model.input.quantity, talk)
        ground = Ground(wanted.train, recipe, found.fingerprint, found.table.class_names, threads)
        space = make_space(ground, found.plan, len(parts.training), wanted.networks)
        study = _open(wanted.store or output.with_name(f"{output.name}.journal"), space, parts)
        search = _Search(ground, space, parts, talk)
        search.run(study, wanted)
    done = trials_of(study)
    finished = [trial for trial in done if trial.state == "complete" and trial.score is not None]
    if not finished:
        raise HounsfieldError("E825", found=len(done))
    best = max(finished, key=lambda trial: (trial.score or 0.0, -trial.number))
    weights = _weights(study, finished)
    result = TuneResult(output, output.with_name(f"{output.name}.html"), best, done, weights)
    write_tuning(result, recipe_of(ground, space, best.choice), found.table.name)
    return result


def trials_of(study: "optuna.Study") -> tuple[Trial, ...]:
    """Return the trials of a study as ours."""
    return tuple(
        Trial(
            trial.number,
            trial.state.name.lower(),
            trial.value if trial.value is not None else max(trial.intermediate_values.values(), default=None),
            len(trial.intermediate_values),
            dict(trial.params),
            trial.duration.total_seconds() if trial.duration else 0.0,
        )
        for trial in study.get_trials(deepcopy=False)
        if trial.params
    )


def _open(store: Path, space: Space, parts: Parts) -> "optuna.Study":
    """Open the study of these data and this space, a new one where the store has none.

    Raises:
        SettingsError: ``E826``.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    facts = json.dumps({**space.facts(), "data": parts.digest}, sort_keys=True)
    try:
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(store))),
            sampler=optuna.samplers.TPESampler(seed=space.plan.seed, n_startup_trials=6),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_WHOLE, n_warmup_steps=FIRST_EPOCHS),
            study_name=hashlib.sha256(facts.encode()).hexdigest()[:16],
            direction="maximize",
            load_if_exists=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError("E826", store=store.name, reason=type(error).__name__) from error


def _weights(study: "optuna.Study", finished: Sequence[Trial]) -> dict[str, float]:
    """Return how much each choice mattered, nothing where there are few trials or all reached the same."""
    scores = [trial.score for trial in finished if trial.score is not None]
    if len(scores) < FEWEST_FOR_WEIGHTS or max(scores) - min(scores) < LEAST_SPREAD:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(value) for name, value in found.items()}


class _Search:
    """Runs trials until there are enough of them, or the time is up."""

    def __init__(self, ground: Ground, space: Space, parts: Parts, talk: Talk) -> None:
        self.ground = ground
        self.space = space
        self.parts = parts
        self.talk = talk

    def run(self, study: "optuna.Study", options: TuneOptions) -> None:
        import optuna

        started = time.monotonic()
        study.enqueue_trial(self.space.first(), skip_if_exists=True)
        while len(trials_of(study)) < options.trials:
            left = None
            if options.time_limit_seconds is not None:
                left = options.time_limit_seconds - (time.monotonic() - started)
                if left <= 0:
                    return
            trial = study.ask()
            try:
                score = self._try(trial, left)
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            except (HounsfieldError, KeyboardInterrupt) as error:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                if isinstance(error, KeyboardInterrupt) or error.code != "E837":  # a loss that is no number is a result
                    raise
            else:
                study.tell(trial, score)
            self._report(trials_of(study), options.trials)

    def _try(self, trial: "optuna.Trial", seconds: float | None) -> float:
        """Learn with a drawn choice and return what it reached.

        Raises:
            optuna.TrialPruned: it fell behind, or the time was up.
        """
        import optuna

        recipe = recipe_of(self.ground, self.space, self.space.draw(trial))
        plan = with_range(self.ground.plan_of(recipe), recipe, self.parts)
        plan = plan.model_copy(update={"time_limit_seconds": seconds})
        with tempfile.TemporaryDirectory() as folder:
            loop = Loop(Classification(plan, self.parts), Path(folder), silent)

            def watch(event: TrainEvent) -> None:
                trial.report(_reached(plan, loop), loop.progress.epochs_done)
                if trial.should_prune():
                    raise optuna.TrialPruned

            loop.talk = watch
            loop.run()
        if loop.progress.stopped_by == TIME_LIMIT:
            raise optuna.TrialPruned
        return _reached(plan, loop)

    def _report(self, trials: tuple[Trial, ...], wanted: int) -> None:
        last = trials[-1]
        best = max((trial.score for trial in trials if trial.score is not None), default=float("nan"))
        facts: dict[str, str | int | float] = {"number": last.number + 1, "of": wanted, "state": last.state}
        facts |= {"score": "-" if last.score is None else f"{last.score:.4f}", "best": f"{best:.4f}"}
        facts |= {"network": str(last.choice["network"]), "epochs": last.epochs}
        self.talk(TrainEvent("ui.tune.trial", facts))


def _reached(plan: Plan, loop: Loop[Any, Any]) -> float:
    """Return the score of the epoch whose weights would be kept."""
    history = loop.progress.history
    return float(history[loop.progress.best_epoch - 1 if plan.learning.keep == "best" else -1].score[0])

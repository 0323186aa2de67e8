"""The whole of a detector's run, one function an arrow: data → plan → weights → package → report."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.boxed_guard import BoxExamination, examine_boxes
from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.core.quality import QualityIssue
from hounsfield.machine import available_memory
from hounsfield.messages import LANGUAGES, label
from hounsfield.report.figures import draw_learning_curves
from hounsfield.train.assess import Assessment
from hounsfield.train.checkpoint import Progress
from hounsfield.train.conclude import learn, result_of
from hounsfield.train.detection.packing import export_detector, pack_detector
from hounsfield.train.detection.parts import choose_box_parts, gather_box_parts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.planner import estimate_detection, plan_detection
from hounsfield.train.detection.way import Detection
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fitting import Fit, fitted
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import MemoryEstimate, check_memory
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import tell_issues
from hounsfield.train.recipe import Recipe
from hounsfield.train.setup import choose_threads, command_of, enter_run

LEAST_IMAGES = 2
"""Of a batch, where memory is short."""


@dataclass(frozen=True)
class BoxOutline:
    """A run before its images are prepared.

    Attributes:
        table: the data set.
        examination: what was found in it.
        plan: what the run obeys.
        chosen: indices of the images of each part.
    """

    table: BoxTable
    examination: BoxExamination
    plan: DetectionPlan
    chosen: dict[str, tuple[int, ...]]

    @property
    def memory(self) -> MemoryEstimate:
        """What the run is estimated to hold."""
        return estimate_detection(self.plan, sum(map(len, self.chosen.values())))


def outline_boxes(
    data: Path, options: TrainOptions, recipe: Recipe, threads: int, talk: Talk, earlier: DetectionPlan | None = None
) -> BoxOutline:
    """Read, examine, plan and split a data set of boxes; nothing is prepared yet.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
    """
    table = read_boxed(data, options.class_names or tuple(entry.name for entry in recipe.classes) or None)
    found = examine_boxes(table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    tell_issues(table.name, found.issues, options, talk)
    fit = Fit(
        lambda wanted: plan_detection(wanted, recipe, table, found.shapes, threads),
        lambda plan: estimate_detection(plan, len(table)),
        LEAST_IMAGES,
    )
    plan = fitted(fit, options, recipe, earlier)
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    return BoxOutline(table, found, plan, choose_box_parts(table, found, plan.split))


def train_detector(
    data: Path, output: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk
) -> TrainResult:
    """Train a detector on images with boxes and write its model package.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` another run is in the folder, ``E837`` the loss is no
            number.
    """
    earlier = ledger.read_plan(DetectionPlan) if options.resume else None
    outline = outline_boxes(data, options, recipe, choose_threads(options, ledger), talk, earlier)
    plan, found = outline.plan, outline.examination
    memory = outline.memory
    check_memory(memory, available_memory())
    key = "ui.train.preparing"
    parts = gather_box_parts(
        outline.table,
        found,
        outline.chosen,
        plan,
        lambda done, total: talk(TrainEvent(key, {"done": done, "total": total}, done, total)),
    )
    command = command_of(data, options, plan)
    enter_run(ledger, plan, parts.digest, command, memory, is_resumed=options.resume)
    way = Detection(plan, parts)
    export_detector(way.build(), plan.interface(), torch.from_numpy(parts.tuning.images[:1]))
    outcome = learn(way, ledger, talk, is_resumed=options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_detector(plan, recipe, parts, (outline.table.name, command), outcome.weights, output)
    page = run_page(plan, outcome.progress, packed.assessments, found.issues)
    return result_of(packed, outcome.progress, ledger.write_file("report.html", page.encode()), ledger, output)


def run_page(
    plan: DetectionPlan,
    progress: Progress,
    assessments: tuple[Assessment, ...],
    issues: tuple[QualityIssue, ...],
) -> str:
    """Return the report of a run: metrics with intervals, learning curves, reasons of the plan, issues of the data."""
    blocks = [f"<h1>{escape(plan.name)}</h1><p>{_both('research-only')}</p>"]
    for item in assessments:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{value.value:.3f} ({value.low:.3f} – {value.high:.3f})</td></tr>"
            for name, value in item.metrics.items()
        )
        blocks.append(f"<h2>{escape(item.part)}, n = {item.case_count}</h2><table>{rows}</table>")
    history = progress.history
    if history:
        loss = {"training": [row.training_loss for row in history], "tuning": [row.tuning_loss for row in history]}
        precision = {"tuning": [row.tuning["map50"] for row in history]}
        blocks.append(draw_learning_curves(loss, "Loss", progress.best_epoch).svg())
        blocks.append(draw_learning_curves(precision, "mAP50", progress.best_epoch).svg())
    told = [(reason.text(language), language) for reason in plan.reasons for language in LANGUAGES]
    told += [(f"{issue.code}: {issue.text(language)}", language) for issue in issues for language in LANGUAGES]
    blocks += [f'<p lang="{language}">{escape(text)}</p>' for text, language in told]
    style = "<style>body { margin: 2rem; max-width: 60rem }</style>"
    head = f'<meta charset="utf-8"><title>{escape(plan.name)}</title>{style}'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(blocks)}</body></html>\n'


def _both(key: str) -> str:
    return " ".join(escape(label(key, language)) for language in LANGUAGES)

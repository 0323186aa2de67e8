"""The whole of a generator's run, one function an arrow: data → plan → weights → package → judgement → report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hounsfield.cases.paired import is_paired
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.core.prediction import Interval
from hounsfield.errors import DatasetError
from hounsfield.image.synthetic import synthetic_png
from hounsfield.model.generator import Generator
from hounsfield.model.registry import find_model
from hounsfield.train.assess import Packed
from hounsfield.train.chance import settled
from hounsfield.train.conclude import learn, result_of
from hounsfield.train.events import Talk, TrainEvent, issue_event, silent
from hounsfield.train.gather import gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.loop import Outcome
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import Outline, outline_run
from hounsfield.train.parts import Parts
from hounsfield.train.recipe import Recipe
from hounsfield.train.run import stopped_on_request
from hounsfield.train.setup import choose_threads, enter_run, tell_memory, tell_parts
from hounsfield.train.synthesis.drawing import Sheet, by_class, closest_pairs, sheet
from hounsfield.train.synthesis.judging import Judgement, judge
from hounsfield.train.synthesis.packing import (
    GeneratorFacts,
    export_generator,
    kept_generator,
    pack_generator,
    rehearse_generator,
    unwritten,
)
from hounsfield.train.synthesis.page import SynthesisStory, curves, synthesis_page
from hounsfield.train.synthesis.plan import SynthesisOptions, SynthesisPlan
from hounsfield.train.synthesis.planner import estimate_synthesis, plan_synthesis, side_of
from hounsfield.train.synthesis.space import FeatureSpace
from hounsfield.train.synthesis.trained import trained_on_each
from hounsfield.train.synthesis.way import Synthesis
from hounsfield.train.translation.run import translate

LEAST_HELD = 20
"""Real images that a generator can be judged with, at least."""
Trained = Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class _Set:
    """A run that is set up: everything but the weights."""

    options: SynthesisOptions
    outline: Outline
    plan: SynthesisPlan
    parts: Parts
    facts: GeneratorFacts
    space: FeatureSpace


def synthesise(data: Path, output: Path, options: SynthesisOptions | None = None, talk: Talk = silent) -> TrainResult:
    """Learn to make images like those of a data set, by class; write the generator's package and judge what it makes.

    The run folder ``<output>.run`` holds plan, log, checkpoints, sheets of images and report. The same data, options
    and number of threads give the same bytes of ``network.onnx`` on one machine, whether or not the run was resumed.

    Args:
        data: what ``train`` takes for classification; or pairs of images (``cases.paired``), for a generator that turns
            the one into the other.
        output: the package to write.
        options: what a person asks for; the rest is decided by the plan.
        talk: told of the issues of the data and of progress.

    Raises:
        DatasetError: the data cannot be learned from; ``E925``, too few are held back to judge with.
        SettingsError: an option is wrong.
        ModelError: the model of the features is missing or of no use.
        HounsfieldError: ``E835`` too little memory, ``E836`` another run is in the folder, ``E842`` stopped on request.
    """
    wanted = options or SynthesisOptions()
    wanted = replace(wanted, name=wanted.name or output.name.split(".")[0])
    ledger = Ledger(output.with_name(f"{output.name}.run"))
    ledger.open()
    threads = choose_threads(TrainOptions(threads=wanted.threads, resume=wanted.resume), ledger)
    with stopped_on_request(ledger), settled(threads):
        if is_paired(data):
            return translate(data, output, wanted, threads, ledger, talk)
        found = _set_up(data, wanted, threads, ledger, talk)
        rehearse_generator(found.plan, found.facts)
        way = Synthesis(found.plan, found.parts, found.space)
        outcome = learn(way, ledger, talk, is_resumed=wanted.resume)
        talk(TrainEvent("ui.train.measuring"))
        return _conclude(found, outcome, ledger, output, talk)


def _set_up(data: Path, options: SynthesisOptions, threads: int, ledger: Ledger, talk: Talk) -> _Set:
    folder = options.models_folder
    package = find_model(options.features, [folder] if folder else [])
    space = FeatureSpace(package)
    outline, side = _outline(data, options, threads, talk)
    plan = plan_synthesis(options, outline, side, space.identity)
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = outline.chosen
    memory = estimate_synthesis(plan, sum(map(len, chosen.values())))
    tell_memory(memory, talk)
    held = len(chosen.get("test", chosen["tuning"]))
    if min(held, len(chosen["tuning"])) < LEAST_HELD:
        raise DatasetError("E925", found=min(held, len(chosen["tuning"])), expected=LEAST_HELD)
    parts = gather_parts(outline.table, outline.examination, chosen, outline.plan, "display", talk)
    tell_parts(parts.sizes, len(outline.table), talk)
    command = options.command or f"hounsfield synthesise {data} -o {plan.name}.model --seed {plan.seed}"
    enter_run(ledger, plan, parts.digest, command, memory, is_resumed=options.resume)
    digests = outline.examination.digests
    seen = {part: [digests[index] for index in own] for part, own in chosen.items()}
    ledger.write_file(SEEN_FILE, seen_json(seen))
    facts = GeneratorFacts(outline.table.name, parts.sizes, options.licence, command)
    return _Set(options, outline, plan, parts, facts, space)


def _outline(data: Path, options: SynthesisOptions, threads: int, talk: Talk) -> tuple[Outline, int]:
    """Return what the data are and how they are split and prepared, as for a classifier, and the side of the images."""

    def quiet(event: TrainEvent) -> None:
        if not event.key.startswith("ui.train.reason"):
            talk(event)

    asked = TrainOptions(
        network="small-residual",
        size=options.size,
        seed=options.seed,
        strict=options.strict,
        class_names=options.class_names,
        name=options.name,
    )
    outline = outline_run(data, asked, Recipe(), threads, quiet)
    side = side_of(options, outline.fingerprint)
    network = replace(outline.plan.network, rows=side, columns=side)
    steps = tuple(
        {**step, "rows": side, "columns": side} if step["step"] == "resize" else step for step in outline.plan.prepare
    )
    return replace(outline, plan=outline.plan.model_copy(update={"network": network, "prepare": steps})), side


def _conclude(found: _Set, outcome: Outcome, ledger: Ledger, output: Path, talk: Talk) -> TrainResult:
    """Pack, judge and report."""
    plan, parts, facts = found.plan, found.parts, found.facts
    network = export_generator(kept_generator(plan, outcome.weights), plan)
    generator = Generator(unwritten(plan, facts, network), plan.threads)
    judged = judge(generator, parts, found.space, plan.seed)
    for issue in judged.issues:
        talk(issue_event(issue))
    manifest, digest = pack_generator(plan, facts, network, judged.assessment(), output, copies=judged.is_copying)
    issues = (*found.outline.issues, *judged.issues)
    trained: Trained = {}
    if found.options.judges_by_training:
        talk(TrainEvent("ui.synthesis.training"))
        trained = trained_on_each(parts, generator, found.outline.plan, plan.seed)
    story = SynthesisStory(plan, manifest, outcome.progress, judged, trained, issues, parts.digest)
    page = write_report(story, parts, ledger)
    return result_of(Packed(manifest, digest, (judged.assessment(),)), outcome.progress, page, ledger, output)


def write_report(story: SynthesisStory, parts: Parts, ledger: Ledger) -> Path:
    """Write sheets, curves, judgement and page of a run into its folder; return the page."""
    sheets = sheets_of(story.judgement, parts, len(story.plan.class_names))
    for name, pixels in sheets.items():
        ledger.write_file(f"{name}.png", synthetic_png(pixels, {"Description": f"{story.manifest.name}: {name}"}))
    figures = curves(story)
    for name, svg in figures.items():
        ledger.write_file(f"{name}.svg", svg.encode())
    ledger.write_file("synthesis.json", judgement_json(story))
    return ledger.write_file("report.html", synthesis_page(story, sheets, figures).encode())


def sheets_of(judged: Judgement, parts: Parts, class_count: int) -> dict[str, Sheet]:
    """Return the sheets of a report by name."""
    real = parts.test or parts.tuning
    return {
        "synthetic": sheet(by_class(judged.synthetic, judged.labels, class_count)),
        "real": sheet(by_class(real.images, real.labels, class_count)),
        "pairs-samples": sheet(closest_pairs(judged.synthetic, parts.training, judged.copying_samples)),
        "pairs-features": sheet(closest_pairs(judged.synthetic, parts.training, judged.copying_features)),
    }


def judgement_json(story: SynthesisStory) -> bytes:
    """Return the figures of a judgement as JSON."""
    judged = story.judgement
    document = {
        "generator": story.manifest.name,
        "part": judged.part,
        "n": judged.count,
        "metrics": _intervals(judged.metrics),
        "copying": {
            name: {
                "is_copying": found.is_copying,
                "nearer_p": found.nearer_p,
                "relative_p": found.relative_p,
                "drawn_p": found.drawn_p,
                "drawn_share": found.drawn_share,
                "expected_share": found.expected_share,
            }
            for name, found in (("samples", judged.copying_samples), ("features", judged.copying_features))
        },
        "trained_on": {name: _intervals(own) for name, own in story.trained.items()},
        "issues": [{"code": issue.code, "severity": issue.severity.value} for issue in story.issues],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _intervals(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: {"value": item.value, "low": item.low, "high": item.high} for name, item in metrics.items()}

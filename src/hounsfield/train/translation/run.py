"""The whole of a translator's run, one function an arrow: pairs → plan → weights → package → judgement → report."""

import json
from pathlib import Path

from hounsfield.cases.guard import Examination
from hounsfield.cases.paired import PairTable, examine_pairs, read_pairs_of
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.image.synthetic import synthetic_png
from hounsfield.model.generator import Generator
from hounsfield.model.network_check import check_network
from hounsfield.model.package import write_package
from hounsfield.train.assess import Packed
from hounsfield.train.conclude import learn, result_of
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.gather import choose_parts, gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.loop import Outcome
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import tell_issues
from hounsfield.train.parts import PartSizes
from hounsfield.train.plan import SplitPlan
from hounsfield.train.setup import enter_run, tell_memory, tell_parts
from hounsfield.train.synthesis.packing import GeneratorFacts
from hounsfield.train.synthesis.plan import SynthesisOptions
from hounsfield.train.translation.judging import TranslationJudgement, judge_translator, train_baseline
from hounsfield.train.translation.packing import (
    export_translator,
    kept_translator,
    translator_manifest,
    translator_package,
)
from hounsfield.train.translation.page import curves, examples, translation_page
from hounsfield.train.translation.plan import TranslationPlan, estimate_translation, plan_translation
from hounsfield.train.translation.way import PairParts, Translation


def translate(
    data: Path, output: Path, options: SynthesisOptions, threads: int, ledger: Ledger, talk: Talk
) -> TrainResult:
    """Learn to turn one image of a pair into the other; write the generator's package and judge it on held-back pairs.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option is wrong.
        HounsfieldError: as ``train.synthesis.run.synthesise``.
    """
    table = read_pairs_of(data)
    examination = examine_pairs(table, lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    tell_issues(table.inputs.name, examination.issues, TrainOptions(strict=options.strict), talk)
    chosen = choose_parts(table.inputs, examination, SplitPlan())
    plan = plan_translation(options, table, len(chosen["training"]), threads)
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    memory = estimate_translation(plan, sum(map(len, chosen.values())))
    tell_memory(memory, talk)
    parts = gather_pairs(table, examination, chosen, plan, talk)
    command = options.command or f"hounsfield synthesise {data} -o {plan.name}.model --seed {plan.seed}"
    enter_run(ledger, plan, parts.digest, command, memory, is_resumed=options.resume)
    digests = {part: [examination.digests[index] for index in own] for part, own in chosen.items()}
    ledger.write_file(SEEN_FILE, seen_json(digests))
    facts = GeneratorFacts(table.inputs.name, parts.inputs.sizes, options.licence, command)
    way = Translation(plan, parts)
    rehearse(plan, facts, way)
    outcome = learn(way, ledger, talk, is_resumed=options.resume)
    talk(TrainEvent("ui.translation.baseline"))
    plain = train_baseline(plan, parts, outcome.progress.epochs_done)
    talk(TrainEvent("ui.train.measuring"))
    network = export_translator(kept_translator(plan, outcome.weights), plan)
    generator = Generator(translator_package(plan, facts, network), plan.threads)
    judged = judge_translator(generator, plain, parts, plan.seed)
    manifest = translator_manifest(plan, facts, judged.assessment())
    identity = write_package(output, manifest, network)
    page = translation_page(plan, manifest, judged, examination.issues, outcome.progress)
    written = _write(page, judged, outcome, ledger, manifest.name)
    packed = Packed(manifest, identity.weights_digest, (judged.assessment(),))
    return result_of(packed, outcome.progress, written, ledger, output)


def gather_pairs(
    table: PairTable, examination: Examination, chosen: dict[str, tuple[int, ...]], plan: TranslationPlan, talk: Talk
) -> PairParts:
    """Prepare both images of every pair.

    Raises:
        PrepareError: a step cannot be applied.
        DatasetError: ``E840``, the steps do not lead to the network's input.
    """
    inputs = gather_parts(table.inputs, examination, chosen, plan, "display", talk)
    targets = gather_parts(table.targets, examination, chosen, plan, "display", talk)
    tell_parts(PartSizes(*inputs.sizes), len(table), talk)
    return PairParts(inputs, targets)


def rehearse(plan: TranslationPlan, facts: GeneratorFacts, way: Translation) -> None:
    """Export and check an untrained generator, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, a manifest cannot hold what is stated.
    """
    check_network(export_translator(way.build().generator, plan), translator_manifest(plan, facts, None))


def _write(page: str, judged: TranslationJudgement, outcome: Outcome, ledger: Ledger, name: str) -> Path:
    """Write sheet, curves, figures and page into the run folder; return the page."""
    ledger.write_file("examples.png", synthetic_png(examples(judged), {"Description": f"{name}: examples"}))
    for title, svg in curves(outcome.progress).items():
        ledger.write_file(f"{title}.svg", svg.encode())
    document = {
        "generator": name,
        "part": judged.part,
        "n": len(judged.made),
        "groups": judged.groups,
        "metrics": {
            key: {"value": item.value, "low": item.low, "high": item.high} for key, item in judged.metrics.items()
        },
    }
    ledger.write_file("synthesis.json", (json.dumps(document, indent=1) + "\n").encode())
    return ledger.write_file("report.html", page.encode())

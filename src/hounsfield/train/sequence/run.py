"""The whole of a run on sequences, one function an arrow: data → plan → weights → package → report."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hounsfield.cases.description import few_cases
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.cases.sequenced import SequenceTable, read_sequences
from hounsfield.cases.sequenced_guard import SequenceExamination, examine_sequences
from hounsfield.core.quality import QualityIssue
from hounsfield.model.networks.build import build_network
from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fingerprint import Fingerprint, take_fingerprint
from hounsfield.train.gather import choose_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import COPIES_OF_WEIGHTS, FLOAT_BYTES, MemoryEstimate, estimate_of
from hounsfield.train.options import TrainResult
from hounsfield.train.outline import tell_issues, with_range
from hounsfield.train.page import Story
from hounsfield.train.recipe import Recipe
from hounsfield.train.sequence.gather import gather_sequences
from hounsfield.train.sequence.packing import pack_sequences, rehearse_sequences
from hounsfield.train.sequence.parts import SequenceParts
from hounsfield.train.sequence.plan import SequencePlan, make_sequence_plan
from hounsfield.train.sequence.statement import SequenceFacts
from hounsfield.train.sequence.way import Sequences
from hounsfield.train.setup import choose_threads, command_of, enter_run, tell_memory, tell_parts
from hounsfield.train.targets.parts import values_of
from hounsfield.train.targets.run import Asked, with_scale


@dataclass(frozen=True)
class SequenceOutline:
    """A run before its frames are prepared.

    Attributes:
        data: the data set.
        examined: what was found in it.
        issues: the same, and classes with too few cases.
        fingerprint: the facts of the frames that the plan was chosen by.
        plan: what the run obeys; centre and scale of the network's input may still be open.
        chosen: indices of the cases of each part.
        memory: what the run is estimated to hold.
    """

    data: SequenceTable
    examined: SequenceExamination
    issues: tuple[QualityIssue, ...]
    fingerprint: Fingerprint
    plan: SequencePlan
    chosen: dict[str, tuple[int, ...]]
    memory: MemoryEstimate


def train_sequences(asked: Asked, output: Path, ledger: Ledger, talk: Talk) -> TrainResult:
    """Train a model of sequences and write its package.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: as ``train.run.train``.
    """
    found = outline_sequences(asked, choose_threads(asked.options, ledger), talk)
    tell_memory(found.memory, talk)
    parts, plan = prepare_sequences(found, asked.recipe, talk)
    tell_parts(parts.sizes, len(found.data.table), talk)
    command = command_of(asked.data, asked.options, plan)
    enter_run(ledger, plan, parts.digest, command, found.memory, is_resumed=asked.options.resume)
    digests = found.examined.found.digests
    seen = {part: [digests[index] for index in indices] for part, indices in found.chosen.items()}
    ledger.write_file(SEEN_FILE, seen_json(seen))
    facts = SequenceFacts(asked.recipe, found.data, parts, command)
    rehearse_sequences(plan, facts)
    outcome = learn(Sequences(plan, parts), ledger, talk, is_resumed=asked.options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_sequences(plan, parts, facts, outcome.weights, output)
    story = Story(plan, packed.manifest, outcome.progress, packed.assessments, found.issues, parts.digest)
    return conclude(story, packed.weights_digest, ledger, output)


def outline_sequences(asked: Asked, threads: int, talk: Talk) -> SequenceOutline:
    """Read, examine, plan and split a data set of sequences; nothing is prepared yet.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, the number never varies; ``E871``, something would
            spoil a result and that was to refuse.
        SettingsError: an option or the recipe is wrong.
    """
    options, recipe = asked.options, asked.recipe
    names = options.class_names or tuple(entry.name for entry in recipe.classes)
    data = read_sequences(asked.data, names or None, recipe.targets)
    table = data.table
    facts = {"cases": len(table), "names": ", ".join(data.names[:20]), "data": table.name}
    talk(TrainEvent("ui.train.read.sequences", facts))
    examined = examine_sequences(
        table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total))
    )
    issues = (*examined.found.issues, *few_cases(table, examined.found))
    tell_issues(table.name, issues, options, talk)
    readable = sorted(set(range(len(table))) - set(examined.found.unreadable))
    seen = take_fingerprint(table, readable)
    plan = make_sequence_plan(replace(options, threads=threads), recipe, seen, data, examined.frame_counts)
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = choose_parts(table, examined.found, plan.split)
    if data.targets is not None:
        plan = with_scale(plan, values_of(data.targets, chosen)["training"])
    used = plan.frames_of(examined.frame_counts)[[index for part in chosen.values() for index in part]]
    return SequenceOutline(data, examined, issues, seen, plan, chosen, estimate_sequences(plan, used.tolist()))


def estimate_sequences(plan: SequencePlan, frame_counts: list[int]) -> MemoryEstimate:
    """Estimate what a run holds, from the shapes alone.

    The frames of a batch differ from batch to batch; counted is their mean and two standard deviations more. What the
    recurrent network holds of a frame is the gates of each direction and its state.

    Args:
        plan: the network, and how many sequences a batch has.
        frame_counts: frames of each case that are looked at.
    """
    network, sequence, size = plan.network, plan.sequence, plan.learning.batch_size
    sides = (network.channels, network.rows, network.columns)
    counts = np.asarray(frame_counts, dtype=np.float64)
    in_batch = round(size * float(counts.mean()) + 2 * float(counts.std()) * size**0.5)
    images_bytes = int(counts.sum()) * int(np.prod(sides)) * FLOAT_BYTES
    frame = estimate_of(lambda: build_network(network), sides, images_bytes, max(1, in_batch))
    with_recurrent = frame.weights_bytes + COPIES_OF_WEIGHTS * FLOAT_BYTES * _recurrent_count(plan)
    states = 2 * in_batch * sequence.state_width * 5 * FLOAT_BYTES
    return MemoryEstimate(images_bytes, with_recurrent, frame.batch_bytes + states)


def _recurrent_count(plan: SequencePlan) -> int:
    """Return how many weights stand behind the frame network."""
    width = build_network(plan.network).last.in_features
    gates = 3 if plan.sequence.cell == "gru" else 4
    own = gates * plan.sequence.width * (width + plan.sequence.width + 2)
    return own * (2 if plan.sequence.is_bidirectional else 1)


def prepare_sequences(found: SequenceOutline, recipe: Recipe, talk: Talk) -> tuple[SequenceParts, SequencePlan]:
    """Return the prepared parts, and the plan with the range of the input, which only they tell.

    Raises:
        DatasetError: ``E840``, the steps do not lead to the network's input.
        PrepareError: a step cannot be applied.
    """
    quantity = recipe.model.input.quantity
    parts = gather_sequences(found.data, found.examined, found.chosen, found.plan, quantity, talk)
    return parts, with_range(found.plan, recipe, parts)
